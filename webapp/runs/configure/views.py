"""The new-run page and what it asks for while it is filled in."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.runs import services
from webapp.runs.config_forms import ConfigForm
from webapp.runs.configure.facts import Facts
from webapp.runs.configure.forms import DetailsForm, as_posted, checked_form, new_details
from webapp.runs.configure.page import sections_of
from webapp.runs.configure.picker import preset_groups
from webapp.runs.configure.preview import Preview, preview_of
from webapp.runs.configure.starting import Start, start_from
from webapp.runs.models import Run


@role_required(Role.RESEARCHER)
def new(request: HttpRequest) -> HttpResponse:
    """The form; or, when it was sent, the run it starts."""
    start = start_from(request.GET)
    if request.method != "POST":
        form, facts = checked_form(as_posted(start.values | start.changes))
        return show_form(request, start, form, facts, new_details(**_named_after(start)))
    form, facts = checked_form(request.POST)
    details = DetailsForm(request.POST)
    if form.is_valid() and details.is_valid():
        run = _create(request, form, details, start)
        if run.config == form.config.model_dump(mode="json"):
            return _launch(request, run)
        details = _sent_before(request, run, details)
    return show_form(request, start, form, facts, details, refused="The run was not started")


@require_safe
@role_required(Role.RESEARCHER)
def clone(request: HttpRequest, run_id: int) -> HttpResponse:
    """The form with a run's config."""
    get_object_or_404(Run, pk=run_id)
    return redirect(f"{reverse('runs:new')}?clone={run_id}")


@require_POST
@role_required(Role.RESEARCHER)
def preview(request: HttpRequest) -> HttpResponse:
    """The card beside the form, for the form as it is now."""
    form, facts = checked_form(request.POST)
    return render(request, "runs/new_preview.html", {"preview": preview_of(form, facts, start_from(request.GET))})


def show_form(
    request: HttpRequest, start: Start, form: ConfigForm, facts: Facts | None, details: DetailsForm, refused: str = ""
) -> HttpResponse:
    """The page around a form that was validated; ``refused`` says what did not happen because of its faults."""
    context = form_context(request, start, form, preview_of(form, facts, start), refused) | {
        "nav": "new",
        "address": reverse("runs:new"),
        "preview_address": reverse("runs:preview"),
        "details": details,
        "started": _recently_started(request),
    }
    return render(request, "runs/new.html", context)


def form_context(
    request: HttpRequest, start: Start, form: ConfigForm, preview: Preview, refused: str = ""
) -> dict[str, Any]:
    """What ``runs/configure.html`` shows of any config's form; the page adds ``address`` and ``preview_address``."""
    return {
        "start": start,
        "form": form,
        "sections": sections_of(form, start),
        "preview": preview,
        "presets": preset_groups(),
        "query": _kept(request.GET),
        "refused": refused,
        "sent": request.method == "POST",
        "view": "advanced" if request.GET.get("view") == "advanced" else "simple",
    }


def _create(request: HttpRequest, form: ConfigForm, details: DetailsForm, start: Start) -> Run:
    given = details.cleaned_data
    return services.create_run(form.config, user=cast(User, request.user), cloned_from=start.cloned_from, **given)


def _launch(request: HttpRequest, run: Run) -> HttpResponse:
    try:
        services.launch_run(run)
    except UserError as error:  # it is stored, and waits
        messages.warning(request, error.message)
    return redirect("runs:detail", run.pk)


def _sent_before(request: HttpRequest, run: Run, details: DetailsForm) -> DetailsForm:
    """The form came back from history and was changed: it may start a second run, but not by accident."""
    messages.warning(
        request,
        f"This form already started {run.name} (run {run.pk}), with other settings. Start again for a second run.",
    )
    return new_details(**{name: details.cleaned_data[name] for name in ("name", "group", "notes")})


def _named_after(start: Start) -> dict[str, str]:
    if start.cloned_from is None:
        return {}
    return {"name": f"{start.cloned_from.name} (clone)"[:120], "group": start.cloned_from.group}


def _recently_started(request: HttpRequest) -> str:
    """Start ids of the user's latest runs: drafts of these are done with."""
    runs = Run.objects.filter(created_by=request.user.pk).order_by("-pk")
    return " ".join(map(str, runs.values_list("start_id", flat=True)[:20]))


def _kept(query: QueryDict) -> str:
    """The part of the address that says where the form started from."""
    kept = query.copy()
    kept.pop("view", None)
    return f"?{kept.urlencode()}" if kept else ""
