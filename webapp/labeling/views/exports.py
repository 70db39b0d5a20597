"""The page that exports a project's labels: what to take, the first rows, how many there are, the file."""

from dataclasses import dataclass
from itertools import islice

from django import forms
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.labeling.exports.bundle import bundle
from webapp.labeling.exports.card import card
from webapp.labeling.exports.files import preview_text
from webapp.labeling.exports.records import COLUMNS, MEANINGS, READERS, Record
from webapp.labeling.exports.selection import Selection
from webapp.labeling.models import LabelProject
from webapp.labeling.projects import MOST_OVERLAP
from webapp.labeling.views.common import get_project

PREVIEWED = 5
KINDS = {"pairs": "Pairs (TRL, DPO)", "rankings": "Rankings", "table": "Raw table"}
FORMATS = {"jsonl": "JSON Lines", "csv": "CSV", "parquet": "Parquet"}
TIES = {"drop": "Left out", "keep": "Kept and marked"}
ANNOTATORS = {"pseudonyms": "Pseudonyms", "names": "Names they log in with"}
LABELS = {"all": "All labels", "adjudicated": "Adjudicated ones alone"}


class ExportForm(forms.Form):
    """What is exported; every field has a default, so that an address may name none."""

    kind = forms.ChoiceField(choices=KINDS.items(), label="Rows", required=False)
    format = forms.ChoiceField(choices=FORMATS.items(), required=False)
    ties = forms.ChoiceField(choices=TIES.items(), label="Ties in pairs", required=False)
    labels = forms.ChoiceField(choices=LABELS.items(), required=False)
    least = forms.IntegerField(min_value=1, max_value=MOST_OVERLAP, label="Labels an item at least", required=False)
    annotators = forms.ChoiceField(choices=ANNOTATORS.items(), required=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """An export that makes sense."""

    kind: str
    format: str
    selection: Selection


@require_GET
@role_required(Role.RESEARCHER)
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """The form with the first rows; how many there are is fetched after."""
    project, form = get_project(slug), _form(request)
    asked = _asked(form) if form.is_valid() else None
    context = {
        "project": project, "form": form, "asked": asked, "tab": "export", "nav": "label",
        "columns": list(COLUMNS[asked.kind]) if asked else [], "rows": _first_rows(project, asked) if asked else [],
        "meaning": MEANINGS[asked.kind] if asked else "", "address": request.GET.urlencode(),
    }  # fmt: skip
    return render(request, "labeling/export.html", context)


@require_GET
@role_required(Role.RESEARCHER)
def count_rows(request: HttpRequest, slug: str) -> HttpResponse:
    """How many rows the file will have, as a fragment: all labels have to be read for it."""
    project, asked = get_project(slug), _valid(request)
    number = sum(1 for _ in READERS[asked.kind](project, asked.selection))
    return render(request, "labeling/export_rows.html", {"number": number, "asked": asked})


@require_GET
@role_required(Role.RESEARCHER)
def export_card(request: HttpRequest, slug: str) -> HttpResponse:
    """The card alone, as Markdown."""
    text = card(get_project(slug), _valid(request).selection)
    headers = {"Content-Disposition": f'attachment; filename="{slug}-README.md"'}
    return HttpResponse(text, content_type="text/markdown; charset=utf-8", headers=headers)


@require_GET
@role_required(Role.RESEARCHER)
def export_file(request: HttpRequest, slug: str) -> FileResponse:
    """The archive, streamed from disk."""
    project, asked = get_project(slug), _valid(request)
    made = bundle(project, asked.kind, asked.format, asked.selection)
    return FileResponse(made, as_attachment=True, filename=f"{slug}-{asked.kind}-{asked.format}.zip")


def _form(request: HttpRequest) -> ExportForm:
    """Bound to the address, with defaults for what it does not name."""
    defaults = {"kind": "pairs", "format": "jsonl", "ties": "drop", "labels": "all", "least": "1",
                "annotators": "pseudonyms"}  # fmt: skip
    return ExportForm(defaults | {name: text for name, text in request.GET.items() if name in defaults and text})


def _valid(request: HttpRequest) -> Asked:
    form = _form(request)
    if not form.is_valid():
        raise UserError("This export makes no sense: " + " ".join(f"{k}: {v[0]}" for k, v in form.errors.items()))
    return _asked(form)


def _asked(form: ExportForm) -> Asked:
    data = form.cleaned_data
    selection = Selection(
        ties=data["ties"] == "keep",
        adjudicated=data["labels"] == "adjudicated",
        least_labels=data["least"] or 1,
        names=data["annotators"] == "names",
    )
    return Asked(data["kind"], data["format"], selection)


def _first_rows(project: LabelProject, asked: Asked) -> list[list[str]]:
    found: list[Record] = list(islice(READERS[asked.kind](project, asked.selection), PREVIEWED))
    return [[preview_text(record[name]) for name in COLUMNS[asked.kind]] for record in found]
