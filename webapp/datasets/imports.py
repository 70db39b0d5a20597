"""The steps of an import after its files are in: plan, preview, check of every row, commit."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from django.db import connection, transaction

from training.reading import Accepted, ImportPlan, Refused, UnreadableFileError, convert
from training.reading.convert import Outcome
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.intake import main_sources, sources_of
from webapp.datasets.models import Import, ImportState, ProblemSet
from webapp.datasets.report import Tally
from webapp.datasets.services import store_problem_set

PREVIEW_ROWS = 10
MAX_REFUSED_LISTED = 10_000

COPY_REFUSED = """
    COPY datasets_refusedrow (source_import_id, position, file, row, reason, raw) FROM STDIN
"""


@transaction.atomic
def save_plan(record: Import, plan: ImportPlan) -> None:
    """Store a changed plan; what was checked under another one no longer counts."""
    if record.plan != plan.as_json() and record.state == ImportState.READY:
        record.plan, record.report = plan.as_json(), {}
        record.save(update_fields=["plan", "report"])
        record.refused_rows.all().delete()


def preview(record: Import) -> list[Outcome]:
    """The first rows of the main files as they would become problems."""
    with _readable():
        return list(islice(convert(main_sources(record), ImportPlan.from_json(record.plan)), PREVIEW_ROWS))


@transaction.atomic
def check(record: Import) -> None:
    """Go through every row under the stored plan; store the report and the refused rows."""
    record = Import.objects.select_for_update().get(pk=record.pk)
    if record.state != ImportState.READY:
        return
    record.refused_rows.all().delete()
    tally = Tally()
    with _readable(), connection.cursor() as cursor, cursor.copy(COPY_REFUSED) as copy:
        for outcome in convert(sources_of(record), ImportPlan.from_json(record.plan)):
            tally.add(outcome)
            position = tally.counts["refused"]
            if isinstance(outcome, Refused) and position <= MAX_REFUSED_LISTED:
                copy.write_row((record.pk, position, outcome.source, outcome.row, outcome.reason, outcome.raw))
    record.report = tally.report()
    record.save(update_fields=["report"])


@transaction.atomic
def commit(record: Import, *, name: str, description: str, without_refused: bool, user: User) -> ProblemSet:
    """Store the problem set of a checked import; a second call returns the same set.

    Raises UserError before the check, when nothing was accepted, and when rows were refused but the user did not say
    that the others are wanted.
    """
    record = Import.objects.select_for_update().get(pk=record.pk)
    if record.problem_set:
        return record.problem_set
    _require_committable(record, without_refused)
    with _readable():
        outcomes = convert(sources_of(record), ImportPlan.from_json(record.plan))
        record.problem_set = store_problem_set(
            (outcome for outcome in outcomes if isinstance(outcome, Accepted)),
            name=name,
            description=description,
            source=record.source,
            mapping=record.plan,
            report=record.report,
            user=user,
        )
    record.state = ImportState.DONE
    record.save(update_fields=["problem_set", "state"])
    folder = record.folder
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))
    return record.problem_set


def _require_committable(record: Import, without_refused: bool) -> None:
    if not record.report:
        raise UserError("The choice of columns changed after the check. Check all rows again.", status=409)
    if not record.report["accepted"]:
        raise UserError("Not one row can be used. Choose other columns.", status=409)
    refused = record.report["refused"]
    if refused and not without_refused:
        raise UserError(f"{refused:,} rows cannot be used. Say that you want the others without them.")


@contextmanager
def _readable() -> Iterator[None]:
    """Turns a file that makes no sense, or is gone, into words for the user."""
    try:
        yield
    except UnreadableFileError as error:
        raise UserError(str(error)) from error
    except FileNotFoundError as error:
        raise UserError("The files of this import are gone. Discard it and choose them again.") from error
