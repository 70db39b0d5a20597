"""One tree: its page, its data, its nodes."""

from django.http import HttpRequest, HttpResponse


def tree_detail(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Not there yet."""
    return HttpResponse(status=404)
