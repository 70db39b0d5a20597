"""The trainer's own output: its end, live, and the whole as a file."""

from dataclasses import asdict
from pathlib import Path

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from webapp.core.errors import UserError
from webapp.runs.logfile import lines_after, lines_before, size_of
from webapp.runs.models import Run
from webapp.runs.views.common import get_run, number
from webapp.runs.views.detail import page_of


def log_page(request: HttpRequest, run_id: int) -> HttpResponse:
    """The last 64 KB; the page's script fetches what follows."""
    run = get_run(run_id)
    tail = lines_before(log_file(run), size_of(log_file(run)))
    return render(request, "runs/detail_log.html", page_of(run, timezone.now()) | {"tab": "log", "tail": tail})


def log_chunk(request: HttpRequest, run_id: int) -> JsonResponse:
    """Lines after byte ``after``, or those before byte ``before``."""
    file = log_file(get_run(run_id))
    if "before" in request.GET:
        return JsonResponse(asdict(lines_before(file, number(request, "before", 0))))
    return JsonResponse(asdict(lines_after(file, number(request, "after", 0))))


def log_download(request: HttpRequest, run_id: int) -> FileResponse:
    run = get_run(run_id)
    file = log_file(run)
    if not file.exists():
        raise UserError("This run has not written anything yet.", status=404)
    return FileResponse(file.open("rb"), as_attachment=True, filename=f"run-{run.pk}.log", content_type="text/plain")


def log_file(run: Run) -> Path:
    return run.folder / "log.txt"
