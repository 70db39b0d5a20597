"""What stands beside the form: configs as files, preflights, and the reference of all knobs."""

import json
import re
import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from training.config import RunConfig
from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.runs.configure import figures, preflights
from webapp.runs.configure.files import LARGEST, FileError, Mistake, read_config, write_json, write_yaml
from webapp.runs.configure.forms import as_posted, checked_form, new_details
from webapp.runs.configure.reference import rows
from webapp.runs.configure.salvage import Loss, salvage
from webapp.runs.configure.starting import Start, start_from
from webapp.runs.configure.views import show_form
from webapp.runs.knobs import NOT_OFFERED, values_of
from webapp.runs.models import Run
from webapp.runs.status import ACTIVE


@require_POST
@role_required(Role.RESEARCHER)
def import_config(request: HttpRequest) -> HttpResponse:
    """The form with what a YAML or JSON text says; with ``lenient`` without what it gets wrong."""
    text = sent_text(request)
    losses: list[Loss] = []
    try:
        if not text.strip():
            raise FileError([Mistake("There is nothing here yet: choose a file, or paste a config.")])
        config = read_config(text)
    except FileError as error:
        if not request.POST.get("lenient") or error.tree is None:
            context = {"mistakes": error.mistakes, "text": text, "may_be_lenient": error.tree is not None, "nav": "new"}
            return render(request, "runs/new_import.html", context)
        config, losses = salvage(error.tree)
    if ("method.kind", config.method.kind) in NOT_OFFERED:
        raise UserError("This is the config of an evaluation; start one on the Evals page.")
    form, facts = checked_form(as_posted(values_of(config)))
    return show_form(request, Start("the defaults", RunConfig(), losses=losses), form, facts, new_details())


@require_POST
@role_required(Role.RESEARCHER)
def export(request: HttpRequest) -> HttpResponse:
    """The form's config as a file, to keep or to run from a shell."""
    form, facts = checked_form(request.POST)
    if form.config is None:
        start = start_from(request.GET)
        return show_form(request, start, form, facts, new_details(), refused="The config was not exported")
    kind = request.GET.get("format", "yaml")
    text = write_json(form.config) if kind == "json" else write_yaml(form.config, comments=kind == "commented")
    name = re.sub(r"[^\w-]+", "-", request.POST.get("run-name", "")).strip("-").lower() or "config"
    file = f"{name}.{'json' if kind == 'json' else 'yaml'}"
    content_type = "application/json" if kind == "json" else "application/yaml"
    return HttpResponse(text, content_type, headers={"Content-Disposition": f'attachment; filename="{file}"'})


@require_POST
@role_required(Role.RESEARCHER)
def preflight(request: HttpRequest) -> HttpResponse:
    """Ask a worker to sample a few prompts with the form's config."""
    form, _ = checked_form(request.POST)
    if not form.is_valid():
        raise UserError("Mend what the preview names first; then a preflight can look at it.")
    return _show_preflight(request, preflights.ask(form.config, again=bool(request.GET.get("again"))))


@require_safe
@role_required(Role.RESEARCHER)
def preflight_result(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Where a preflight stands, or what it found."""
    found = preflights.read(key)
    if found is None:
        raise UserError("This preflight is not there any more. Ask for it again from the form.", status=404)
    return _show_preflight(request, found)


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Every knob with its range, default and help, from its declaration."""
    return render(request, "runs/reference.html", {"rows": rows(), "nav": "new"})


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The config's JSON schema, for editors that complete and check."""
    text = json.dumps(RunConfig.model_json_schema(), indent=2)
    headers = {"Content-Disposition": 'attachment; filename="espalier-run.schema.json"'}
    return HttpResponse(text, "application/schema+json", headers=headers)


def sent_text(request: HttpRequest) -> str:
    """The text that was pasted or uploaded. Raises UserError for a file that is none."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("text", "")
    if (file.size or 0) > LARGEST:
        raise UserError("A config file has at most 1 MiB; this is something else.")
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("This file is not UTF-8 text, so it is no config in YAML or JSON.") from error


def _show_preflight(request: HttpRequest, found: preflights.Preflight) -> HttpResponse:
    context: dict[str, object] = {"preflight": found, "nav": "new"}
    if found.state == "done":
        context["histogram"] = figures.length_histogram(found.report)
        if "samples" in found.report:
            context |= {"rewards": figures.reward_counts(found.report), "examples": figures.examples(found.report)}
    elif not found.is_over:
        context["training"] = Run.objects.filter(status__in=ACTIVE).only("name").first()
    return render(request, "runs/preflight.html", context)
