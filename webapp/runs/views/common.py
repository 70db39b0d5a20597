"""What the views of runs share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme

from webapp.core.errors import UserError
from webapp.runs.models import Run, StopRequest


def get_run(run_id: int) -> Run:
    """The run, or a page that says there is none."""
    return get_object_or_404(Run, pk=run_id)


def run_numbers(text: str) -> list[int]:
    """Numbers of ``1,2,3``, each once, in order. Raises UserError for anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and len(part) < 18 for part in parts):
        raise UserError("Runs are named by their numbers, such as 3,5,8.")
    return list(dict.fromkeys(map(int, parts)))


def number(request: HttpRequest, name: str, otherwise: int) -> int:
    """A whole number of the query string. Raises UserError when it is none."""
    text = request.GET.get(name, "")
    if not text:
        return otherwise
    if not text.isdecimal() or len(text) > 9:
        raise UserError(f"In the address, {name} must be a whole number.")
    return int(text)


def back(request: HttpRequest, otherwise: str, *arguments: object) -> HttpResponse:
    """To the address in ``next`` when it is one of ours, else to a named one."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, None):
        return redirect(wanted)
    return redirect(otherwise, *arguments)


def how_to_stop(request: HttpRequest) -> StopRequest:
    """``how`` of what was sent: ``now``, or else ``save``."""
    return StopRequest.NOW if request.POST.get("how") == StopRequest.NOW else StopRequest.SAVE


def must_be_typed(request: HttpRequest, name: str, what: str) -> None:
    """Nothing is deleted by a slip. Raises UserError where the name that was sent is another."""
    if request.POST.get("name", "").strip() != name:
        raise UserError(f"Type {what}, {name}, to delete it.")
