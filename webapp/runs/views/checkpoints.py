"""The checkpoints of a run: what is kept and why, and what can be done with each."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.runs.checkpoints import archive_of, pin_checkpoint, prune_checkpoint
from webapp.runs.models import Checkpoint
from webapp.runs.overoptimisation import last_before_alarm
from webapp.runs.views.common import get_run
from webapp.runs.views.detail import page_of


def checkpoint_list(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_run(run_id)
    found = list(run.checkpoints.order_by("-step"))
    context = page_of(run, timezone.now()) | {
        "tab": "checkpoints",
        "kept": [each for each in found if each.removed_at is None],
        "removed": [each for each in found if each.removed_at],
        "rule": run.config.get("checkpoints", {}),
        "before_alarm": last_before_alarm(run),
    }
    return render(request, "runs/detail_checkpoints.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def pin(request: HttpRequest, run_id: int, step: int) -> HttpResponse:
    pinned = request.POST.get("pinned") == "true"
    pin_checkpoint(_checkpoint(run_id, step), pinned)
    messages.success(request, f"Step {step} is {'pinned: no rule removes it' if pinned else 'left to the rule again'}.")
    return redirect("runs:checkpoints", run_id)


@require_POST
@role_required(Role.RESEARCHER)
def prune(request: HttpRequest, run_id: int, step: int) -> HttpResponse:
    prune_checkpoint(_checkpoint(run_id, step))
    messages.success(request, f"The checkpoint of step {step} is removed.")
    return redirect("runs:checkpoints", run_id)


def download(request: HttpRequest, run_id: int, step: int) -> StreamingHttpResponse:
    """The model as a tar of a Hugging Face folder, without the optimiser's state."""
    checkpoint = _checkpoint(run_id, step)
    name = f"{slugify(checkpoint.run.name) or 'run'}-{run_id}-step-{step}"
    stream, length = archive_of(checkpoint, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.tar"', "Content-Length": str(length)}
    return StreamingHttpResponse(stream, content_type="application/x-tar", headers=headers)


def _checkpoint(run_id: int, step: int) -> Checkpoint:
    return get_object_or_404(Checkpoint.objects.select_related("run"), run=run_id, step=step)
