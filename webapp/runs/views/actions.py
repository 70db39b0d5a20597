"""What can be done to a run."""

from typing import cast

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from training.config.presets import DEMO
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.runs import services
from webapp.runs.models import Run, StopRequest
from webapp.runs.views.common import back, get_run, how_to_stop, must_be_typed


class AboutForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may be changed of a run at any time."""

    class Meta:
        model = Run
        fields = ["name", "group", "notes"]


@require_POST
@role_required(Role.RESEARCHER)
def demo(request: HttpRequest) -> HttpResponse:
    """A first run, for somebody who has none."""
    with transaction.atomic():
        user = cast(User, request.user)
        run = services.create_run(DEMO.config, name=DEMO.title, notes=DEMO.summary, user=user)
        services.launch_run(run)
    return redirect("runs:detail", run.pk)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, run_id: int) -> HttpResponse:
    """``how`` is ``save`` or ``now``."""
    run = get_run(run_id)
    how = how_to_stop(request)
    services.stop_run(run, how)
    if run.state.is_terminal:
        messages.success(request, "The run is stopped; it had not begun.")
    elif how == StopRequest.NOW:
        messages.success(request, "The run is being stopped now.")
    else:
        messages.success(request, "The run finishes its step, saves and stops.")
    return redirect("runs:detail", run.pk)


@require_POST
@role_required(Role.RESEARCHER)
def resume(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_run(run_id)
    services.resume_run(run)
    messages.success(request, "The run is queued and goes on from its last checkpoint.")
    return redirect("runs:detail", run.pk)


@require_POST
@role_required(Role.RESEARCHER)
def edit(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_run(run_id)
    form = AboutForm(request.POST, instance=run)
    if not form.is_valid():
        raise UserError("A run needs a name of at most 120 characters, and a group name of at most 80.")
    run.save(update_fields=AboutForm.Meta.fields)
    return back(request, "runs:detail", run.pk)


@require_POST
@role_required(Role.RESEARCHER)
def delete(request: HttpRequest, run_id: int) -> HttpResponse:
    """For ever, with its files; the name must be typed."""
    run = get_run(run_id)
    must_be_typed(request, run.name, "the run's name")
    services.delete_run(run)
    messages.success(request, f"{run.name} is deleted.")
    return redirect("runs:list")
