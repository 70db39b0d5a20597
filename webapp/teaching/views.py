"""Pages of teachings: start one, watch it, stop it, have it go on, delete it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import lacking, role_required, user_of
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.core.paging import keyset_page
from webapp.teaching import services
from webapp.teaching.estimate import estimate
from webapp.teaching.forms import TeachForm
from webapp.teaching.models import TeachingJob
from webapp.teaching.page import JobPage
from workers import queue

JOBS_A_PAGE = 20
UNCHANGED = 204
"""Has htmx leave what is shown, where a reader may be amid it."""


@require_http_methods(["GET", "POST"])
def teachings(request: HttpRequest) -> HttpResponse:
    """All teachings; to researchers also the form of a new one, and its answer."""
    user = user_of(request)
    if request.method != "POST":
        chosen = f"imported:{request.GET.get('problems', '')}"
        return _list(request, TeachForm(problems=chosen) if user.is_researcher else None)
    if not user.is_researcher:
        raise UserError(lacking(user, Role.RESEARCHER), status=403)
    form = TeachForm(request.POST)
    if not form.is_valid() or form.config is None:
        return _list(request, form, status=422)
    made = services.start_teaching(form.config, form.set_name, user=user, start_id=form.cleaned_data["start_id"])
    return redirect("teaching:job", made.pk)


@require_POST
@role_required(Role.RESEARCHER)
def estimated(request: HttpRequest) -> HttpResponse:
    """What the form, as it is now, asks for and costs at most."""
    form = TeachForm(request.POST)
    found = estimate(form.config) if form.is_valid() and form.config else None
    return render(request, "teaching/estimate.html", {"estimate": found, "form": form})


@require_GET
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """A teaching; for htmx what changes of it, or nothing when nothing has changed since ``seen``."""
    page = JobPage(_get(job_id))
    if is_fragment(request) and request.GET.get("seen") == page.version:
        return HttpResponse(status=UNCHANGED)
    kept, refused = page.examples()
    context: dict[str, Any] = {"page": page, "job": page.job, "kept": kept, "refused": refused, "nav": "datasets"}
    return render(request, "teaching/live.html" if is_fragment(request) else "teaching/job.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, job_id: int) -> HttpResponse:
    job_states.stop(_get(job_id))
    return redirect("teaching:job", job_id)


@require_POST
@role_required(Role.RESEARCHER)
def go_on(request: HttpRequest, job_id: int) -> HttpResponse:
    job_states.go_on(_get(job_id), queue.teach)
    return redirect("teaching:job", job_id)


@require_POST
@role_required(Role.RESEARCHER)
def delete(request: HttpRequest, job_id: int) -> HttpResponse:
    services.delete_teaching(_get(job_id))
    return redirect("teaching:list")


def _list(request: HttpRequest, form: TeachForm | None, status: int = 200) -> HttpResponse:
    jobs = TeachingJob.objects.select_related("created_by", "problem_set")
    found = keyset_page(jobs, by="id", descending=True, cursor=request.GET.get("after", ""), size=JOBS_A_PAGE)
    pages = [JobPage(each) for each in found.rows]
    context = {"form": form, "pages": pages, "next_cursor": found.next_cursor, "nav": "datasets"}
    return render(request, "teaching/list.html", context, status=status)


def _get(job_id: int) -> TeachingJob:
    return get_object_or_404(TeachingJob.objects.select_related("created_by", "problem_set"), pk=job_id)
