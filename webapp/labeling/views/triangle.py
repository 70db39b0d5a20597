"""Pages that hold people, verifier and reward model against each other."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp.labeling.models import LabelProject
from webapp.labeling.triangle.changes import read_changes
from webapp.labeling.triangle.queue_page import read_queue
from webapp.labeling.triangle.steps_page import read_steps


@require_GET
def queue(request: HttpRequest, slug: str) -> HttpResponse:
    """Items that the three see differently."""
    project = get_object_or_404(LabelProject, slug=slug)
    context = {"project": project, "page": read_queue(project, request.GET), "part": "queue", "nav": "label"}
    return render(request, "labeling/triangle.html", context)


@require_GET
def steps(request: HttpRequest, slug: str) -> HttpResponse:
    """Reward and people's win rate over the steps of a run."""
    project = get_object_or_404(LabelProject, slug=slug)
    context = {"project": project, "page": read_steps(project, request.GET), "part": "steps", "nav": "label"}
    return render(request, "labeling/triangle_steps.html", context)


@require_GET
def changes(request: HttpRequest, slug: str) -> HttpResponse:
    """Labels on which one reward model says the opposite of another."""
    project = get_object_or_404(LabelProject, slug=slug)
    context = {"project": project, "page": read_changes(project, request.GET), "part": "changes", "nav": "label"}
    return render(request, "labeling/triangle_changes.html", context)
