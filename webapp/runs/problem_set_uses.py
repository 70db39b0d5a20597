"""Tells the datasets pages which runs use a problem set."""

from django.urls import reverse

from webapp.datasets.usage import Use
from webapp.runs.models import Run

MOST_USES = 100


def runs_on(slug: str) -> list[Use]:
    """Runs whose config names the set, newest first; those that have not ended need its file."""
    runs = Run.objects.filter(config__problems__kind="imported", config__problems__slug=slug).order_by("-pk")
    found = runs.only("name", "status")[:MOST_USES]
    return [Use(run.name, reverse("runs:detail", args=[run.pk]), active=not run.state.is_terminal) for run in found]
