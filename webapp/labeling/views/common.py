"""What the pages of projects share."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from webapp.core.errors import UserError
from webapp.labeling.models import LabelProject


def get_project(slug: str) -> LabelProject:
    """The project with who made it, or a page that says there is none."""
    return get_object_or_404(LabelProject.objects.select_related("created_by"), slug=slug)


def number_of(request: HttpRequest, name: str) -> int:
    """A whole number that a hidden field sent. Raises UserError when it is none."""
    try:
        return int(request.POST.get(name, ""))
    except ValueError as error:
        raise UserError("This form was sent without what its page put into it. Reload the page.") from error
