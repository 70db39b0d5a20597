"""Pages of imports: choose a source, say what is what, check, store."""

import csv
from collections.abc import Iterator
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from training.reading import ImportPlan
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.core.paging import keyset_page
from webapp.datasets import imports, intake
from webapp.datasets.forms import CommitForm, HubForm, PlanForm, UploadForm
from webapp.datasets.models import Import, ImportState, RefusedRow

REFUSED_A_PAGE = 20


@role_required(Role.RESEARCHER)
def new(request: HttpRequest) -> HttpResponse:
    from_hub = request.GET.get("from") == "hub"
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = HubForm(*given) if from_hub else UploadForm(*given)
    if form.is_valid():
        start = intake.start_hub if from_hub else intake.start_upload
        try:
            return redirect("datasets:import", start(form.cleaned_data, cast(User, request.user)).pk)
        except UserError as error:
            form.add_error(None, error.message)
    context = {"form": form, "from_hub": from_hub, "nav": "datasets"}
    return render(request, "datasets/new.html", context, status=422 if form.errors else 200)


@require_GET
@role_required(Role.RESEARCHER)
def import_page(request: HttpRequest, import_id: int) -> HttpResponse:
    record = _get(import_id)
    if record.state in {ImportState.FETCHING, ImportState.FAILED}:
        part = "#progress" if is_fragment(request) else ""
        return render(request, f"datasets/fetching.html{part}", {"import": record, "nav": "datasets"})
    if is_fragment(request):  # the page that showed the download's progress
        return HttpResponse(headers={"HX-Refresh": "true"})
    if record.state == ImportState.DONE:
        return render(request, "datasets/import_done.html", {**_outcome(request, record), "nav": "datasets"})
    columns = intake.columns_of(record)
    form = PlanForm(columns, ImportPlan.from_json(record.plan))
    context = {**_outcome(request, record), "columns": columns, "form": form, "nav": "datasets"}
    return render(request, "datasets/import.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def plan(request: HttpRequest, import_id: int) -> HttpResponse:
    """A changed plan: store it and show what it makes of the rows. With ``check``, go through all of them."""
    record = _get(import_id)
    columns = intake.columns_of(record)
    form = PlanForm(columns, ImportPlan.from_json(record.plan), request.POST)
    if form.is_valid():
        imports.save_plan(record, form.plan())
        if "check" in request.POST:
            imports.check(record)
            record.refresh_from_db()
        if not is_fragment(request):
            return redirect("datasets:import", record.pk)
    context = {**_outcome(request, record, form), "columns": columns, "form": form, "nav": "datasets"}
    template = "datasets/import_outcome.html" if is_fragment(request) else "datasets/import.html"
    return render(request, template, context, status=422 if form.errors and not is_fragment(request) else 200)


@require_POST
@role_required(Role.RESEARCHER)
def commit(request: HttpRequest, import_id: int) -> HttpResponse:
    record = _get(import_id)
    form = CommitForm(record.report.get("refused", 0), request.POST)
    if record.state == ImportState.READY and not form.is_valid():
        columns = intake.columns_of(record)
        plan_form = PlanForm(columns, ImportPlan.from_json(record.plan))
        context = {
            **_outcome(request, record),
            "columns": columns,
            "form": plan_form,
            "commit": form,
            "nav": "datasets",
        }
        return render(request, "datasets/import.html", context, status=422)
    values = getattr(form, "cleaned_data", {})
    made = imports.commit(
        record,
        name=values.get("name", record.source),
        description=values.get("description", ""),
        without_refused=values.get("without_refused", False),
        user=cast(User, request.user),
    )
    messages.success(request, f"{made.train_count + made.heldout_count:,} problems are imported.")
    return redirect("datasets:detail", made.slug)


@require_POST
@role_required(Role.RESEARCHER)
def retry(request: HttpRequest, import_id: int) -> HttpResponse:
    intake.retry_hub(_get(import_id))
    return redirect("datasets:import", import_id)


@require_POST
@role_required(Role.RESEARCHER)
def discard(request: HttpRequest, import_id: int) -> HttpResponse:
    intake.discard(_get(import_id))
    return redirect("datasets:list")


@require_GET
@role_required(Role.RESEARCHER)
def refused_csv(request: HttpRequest, import_id: int) -> StreamingHttpResponse:
    """The refused rows as CSV, streamed."""
    rows = RefusedRow.objects.filter(source_import=_get(import_id)).order_by("position")
    writer = csv.writer(_Echo())
    head = writer.writerow(["file", "row", "reason", "text"])

    def lines() -> Iterator[str]:
        yield head
        for row in rows.iterator(chunk_size=1000):
            yield writer.writerow([_harmless(row.file), row.row, _harmless(row.reason), _harmless(row.raw)])

    headers = {"Content-Disposition": f'attachment; filename="refused-rows-{import_id}.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)


class _Echo:
    """What csv writes to: gives the line back."""

    def write(self, line: str) -> str:
        return line


def _harmless(text: str) -> str:
    """A cell that a spreadsheet takes for text and not for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _get(import_id: int) -> Import:
    return get_object_or_404(Import.objects.select_related("problem_set", "created_by"), pk=import_id)


def _outcome(request: HttpRequest, record: Import, form: PlanForm | None = None) -> dict[str, object]:
    """What the lower half of an import's page shows: preview, report, refused rows, and the form that stores."""
    usable = ImportPlan.from_json({"prompt": "", "answer": "", **record.plan}).is_usable and not (form and form.errors)
    refused = RefusedRow.objects.filter(source_import=record)
    return {
        "import": record,
        "preview": imports.preview(record) if usable and record.state == ImportState.READY else [],
        "report": record.report,
        "refused": keyset_page(
            refused, by="position", descending=False, cursor=request.GET.get("refused", ""), size=REFUSED_A_PAGE
        ),
        "commit": CommitForm(record.report.get("refused", 0), initial={"name": _name(record)}),
    }


def _name(record: Import) -> str:
    """A first name for the set: the file's, without its ending."""
    return (
        record.source.split(" and ")[0].rsplit(".", 1)[0]
        if not record.hub
        else record.source.split("/")[1 if "/" in record.source else 0]
    )
