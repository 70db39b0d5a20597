"""What the pages of projects share."""

from django.shortcuts import get_object_or_404

from webapp.labeling.models import LabelProject


def get_project(slug: str) -> LabelProject:
    """The project with who made it, or a page that says there is none."""
    return get_object_or_404(LabelProject.objects.select_related("created_by"), slug=slug)
