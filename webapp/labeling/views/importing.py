"""Pages that take items from a file: upload it, see what was read, add it."""

from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.labeling import uploads
from webapp.labeling.choices import Mode
from webapp.labeling.forms import ItemFileForm
from webapp.labeling.importing import import_items, read_items
from webapp.labeling.items import RESPONSES, last_number
from webapp.labeling.models import LabelProject
from webapp.labeling.views.common import get_project, number_of

SHOWN = 3
"""Items of the preview."""


@role_required(Role.RESEARCHER)
def import_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; a POST keeps the file and leads to what was read of it."""
    project = get_project(slug)
    form = ItemFileForm(request.POST, request.FILES) if request.method == "POST" else ItemFileForm()
    if form.is_valid():
        try:
            return redirect("labeling:import_preview", slug, _kept(project, form.cleaned_data["file"]))
        except UserError as error:
            form.add_error("file", error.message)
    fewest, most = RESPONSES[Mode(project.mode)]
    context = {"project": project, "form": form, "fewest": fewest, "most": most, "nav": "label"}
    return render(request, "labeling/import.html", context, status=422 if form.errors else 200)


@role_required(Role.RESEARCHER)
def import_preview(request: HttpRequest, slug: str, key: UUID) -> HttpResponse:
    """What was read of a file, and what of it cannot be used; a POST adds the items, once."""
    project, path = get_project(slug), uploads.kept(key)
    if request.method == "POST":
        report = import_items(project, path, path.name, after=number_of(request, "after"))
        uploads.discard(key)
        messages.success(request, f"{report.items:,} {'item is' if report.items == 1 else 'items are'} added.")
        return redirect("labeling:items", slug)
    drafts, report = read_items(project, path, path.name)
    context = {
        "project": project,
        "name": path.name,
        "report": report,
        "shown": drafts[:SHOWN],
        "after": last_number(project),
        "nav": "label",
    }
    return render(request, "labeling/import_preview.html", context)


def _kept(project: LabelProject, file: UploadedFile) -> UUID:
    """The key of the stored file. Raises UserError when it cannot be read at all, and keeps nothing then."""
    key = uploads.keep(file)
    try:
        path = uploads.kept(key)
        read_items(project, path, path.name)
    except UserError:
        uploads.discard(key)
        raise
    return key
