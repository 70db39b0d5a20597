"""Pages of label projects: the list, one project, and the forms that make, change, close and delete it."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import for_every_role, role_required, user_of
from webapp.core import markdown
from webapp.core.errors import UserError
from webapp.labeling import projects
from webapp.labeling.choices import Mode
from webapp.labeling.forms import MOST_INSTRUCTIONS, ProjectForm, rubric_forms
from webapp.labeling.listing import read_list
from webapp.labeling.models import LabelProject
from webapp.labeling.project_page import read_page
from webapp.labeling.views.common import get_project

SENT_TWICE = timedelta(minutes=1)
"""Within this, the same form sent again by the same user means the project that it made."""


@require_GET
@for_every_role
def project_list(request: HttpRequest) -> HttpResponse:
    """All projects; for labelers, those in which they may label."""
    return render(request, "labeling/list.html", {"page": read_list(user_of(request), request.GET), "nav": "label"})


@require_GET
def project_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """How far a project is, by item and by labeler."""
    project, user = get_project(slug), user_of(request)
    context = {
        "project": project,
        "page": read_page(project),
        "instructions": markdown.render(project.instructions),
        "may_label": projects.may_label(project, user),
        "tab": "overview",
        "nav": "label",
    }
    return render(request, "labeling/detail.html", context)


@role_required(Role.RESEARCHER)
def new_project(request: HttpRequest) -> HttpResponse:
    """The form of a new project; a POST makes it."""
    data = request.POST if request.method == "POST" else None
    form, rubric = ProjectForm(data), rubric_forms(data)
    if data is not None and form.is_valid() and rubric.is_valid():
        settings = form.settings() | {"rubric": rubric.rubric() if form.cleaned_data["mode"] == Mode.RATING else []}
        try:
            return redirect("labeling:detail", projects.create_project(**settings, user=user_of(request)).slug)
        except UserError as error:
            if just_made := _just_made(form.cleaned_data, user_of(request)):
                return redirect("labeling:detail", just_made.slug)
            form.add_error(None, error.message)
    return _form_page(request, form, rubric, None)


@role_required(Role.RESEARCHER)
def edit_project(request: HttpRequest, slug: str) -> HttpResponse:
    """What may still change of a project."""
    project = get_project(slug)
    data = request.POST if request.method == "POST" else None
    form, rubric = ProjectForm(data, project), rubric_forms(data, project, is_fixed=projects.has_labels(project))
    if data is not None and form.is_valid() and rubric.is_valid():
        settings = form.settings() | {"rubric": rubric.rubric() if form.cleaned_data["mode"] == Mode.RATING else []}
        try:
            projects.change_project(project, **settings)
            messages.success(request, "The project is saved.")
            return redirect("labeling:detail", project.slug)
        except UserError as error:
            form.add_error(None, error.message)
            project = get_project(slug)
    return _form_page(request, form, rubric, project)


@require_POST
@role_required(Role.RESEARCHER)
def preview(request: HttpRequest) -> HttpResponse:
    """Instructions as labelers will read them."""
    text = request.POST.get("instructions", "")[:MOST_INSTRUCTIONS]
    return render(request, "labeling/instructions.html", {"instructions": markdown.render(text)})


@require_POST
@role_required(Role.RESEARCHER)
def open_project(request: HttpRequest, slug: str) -> HttpResponse:
    """Close a project, or open it again (``open``)."""
    project = get_project(slug)
    projects.open_project(project, request.POST.get("open") == "1")
    said = "is open: labelers are given items again" if project.is_open else "is closed: nobody is given items"
    messages.success(request, f"{project.name} {said}.")
    return redirect("labeling:detail", slug)


@role_required(Role.RESEARCHER)
def delete_project(request: HttpRequest, slug: str) -> HttpResponse:
    """Says what would be lost; a POST deletes."""
    project, problem = get_project(slug), ""
    if request.method == "POST":
        try:
            projects.delete_project(project, request.POST.get("name", ""))
            messages.success(request, f"{project.name} is deleted.")
            return redirect("labeling:list")
        except UserError as error:
            problem = error.message
    context = {
        "project": project,
        "lost": projects.what_is_lost(project),
        "typed": projects.has_labels(project),
        "problem": problem,
        "nav": "label",
    }
    return render(request, "labeling/delete.html", context, status=422 if problem else 200)


def _form_page(request: HttpRequest, form: ProjectForm, rubric: object, project: LabelProject | None) -> HttpResponse:
    context = {
        "form": form,
        "rubric": rubric,
        "project": project,
        "has_labels": project is not None and projects.has_labels(project),
        "instructions": markdown.render(str(form["instructions"].value() or "")[:MOST_INSTRUCTIONS]),
        "nav": "label",
    }
    failed = form.errors or getattr(rubric, "total_error_count", int)()
    return render(request, "labeling/edit.html", context, status=422 if request.method == "POST" and failed else 200)


def _just_made(values: dict[str, object], user: User) -> LabelProject | None:
    """The project that the same form made a moment ago: a second click is no second project."""
    recent = LabelProject.objects.filter(created_by=user, created_at__gt=timezone.now() - SENT_TWICE, items=None)
    same = {name: values[name] for name in ("name", "mode", "instructions", "overlap", "reveal")}
    return recent.filter(**same).first()
