"""From a file to a stored set."""

import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.training.reading import shapes
from tests.webapp.datasets.conftest import checked, upload
from training.problems import read_problems
from training.reading import Accepted, ImportPlan
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets import imports, intake
from webapp.datasets.models import Import, ImportState, ProblemSet, RefusedRow
from webapp.datasets.services import problem_file

pytestmark = pytest.mark.django_db

GOOD = [shapes.worked(number) for number in range(1, 8)]
BAD = [{"question": "No answer?"}, ["no object"], {"question": "nul\x00", "answer": "#### 1"}]


def commit(record: Import, user: User, without_refused: bool = False) -> ProblemSet:
    return imports.commit(record, name="Plums", description="", without_refused=without_refused, user=user)


def test_it_proposes_a_plan_and_shows_what_the_first_rows_become(researcher: User) -> None:
    record = intake.start_upload({"main": upload(GOOD * 3)}, researcher)
    assert record.state == ImportState.READY
    assert record.plan["answer_rule"] == "marked"
    preview = imports.preview(record)
    assert len(preview) == 10
    assert isinstance(preview[0], Accepted)
    assert (preview[0].answer, preview[0].solution) == ("3", "She has 1+2=3 plums.\n#### 3")


def test_it_reports_every_row_and_lists_the_refused_ones(researcher: User) -> None:
    record = checked([*GOOD, *BAD, GOOD[0]], researcher)
    report = record.report
    assert (report["rows"], report["accepted"], report["refused"], report["repeated"]) == (11, 7, 3, 1)
    assert report["train"] + report["heldout"] == 7
    assert report["answers"] == {"numbers": 7}
    rows = RefusedRow.objects.filter(source_import=record).order_by("position")
    assert [(row.row, row.reason) for row in rows] == [
        (8, "no answer"),
        (9, "a JSON object was expected, this is an array"),
        (10, "the prompt has a NUL character, which is no text"),
    ]
    assert "\\u0000" in rows[2].raw


def test_it_stores_the_good_rows_only_when_told_so(researcher: User) -> None:
    record = checked([*GOOD, *BAD], researcher)
    with pytest.raises(UserError, match="3 rows cannot be used"):
        commit(record, researcher)
    assert not ProblemSet.objects.exists()
    made = commit(record, researcher, without_refused=True)
    assert made.train_count + made.heldout_count == 7
    assert len(read_problems(problem_file(made))) == 7
    assert made.report["refused"] == 3


def test_it_stores_one_set_however_often_it_is_told(researcher: User) -> None:
    record = checked(GOOD, researcher)
    assert commit(record, researcher) == commit(record, researcher)
    assert ProblemSet.objects.count() == 1


def test_it_wants_a_check_after_every_change_of_the_plan(researcher: User) -> None:
    record = checked([*GOOD, *BAD], researcher)
    imports.save_plan(record, ImportPlan.from_json({**record.plan, "split_mode": "heldout"}))
    assert record.report == {}
    assert not record.refused_rows.exists()
    with pytest.raises(UserError, match="Check all rows again"):
        commit(record, researcher, without_refused=True)
    imports.check(record)
    record.refresh_from_db()
    assert record.report["heldout"] == 7
    imports.save_plan(record, ImportPlan.from_json(record.plan))
    assert record.report != {}


def test_it_refuses_to_store_nothing(researcher: User) -> None:
    record = checked([{"question": "No answer?", "answer": "..."}], researcher)
    with pytest.raises(UserError, match="Not one row"):
        commit(record, researcher, without_refused=True)


def test_it_holds_out_a_second_file_and_never_trains_on_what_it_asks(researcher: User) -> None:
    test = upload([GOOD[2], shapes.worked(99)], "test.jsonl")
    record = intake.start_upload({"main": upload(GOOD), "heldout": test}, researcher)
    imports.check(record)
    record.refresh_from_db()
    assert (record.report["train"], record.report["heldout"], record.report["leaked"]) == (6, 2, 1)
    made = commit(record, researcher)
    problems = read_problems(problem_file(made))
    heldout = {problem.prompt for problem in problems if problem.split == "heldout"}
    assert heldout == {GOOD[2]["question"], shapes.worked(99)["question"]}


def test_it_tells_that_the_same_problems_are_stored_already(researcher: User) -> None:
    commit(checked(GOOD, researcher), researcher)
    assert checked(GOOD, researcher).report["twin"] == {"name": "Plums", "slug": "plums"}
    assert checked(GOOD[:3], researcher).report["twin"] is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.xlsx", b"PK", "use a .jsonl"),
        ("rows.jsonl", b"", "is empty"),
        ("rows.jsonl", b"[1]\n[2]\n", "has no row that can be read; row 1: a JSON object was expected"),
        ("rows.csv", b"question,answer\n", "has no row that can be read"),
    ],
)
def test_it_keeps_nothing_of_a_file_it_cannot_read(researcher: User, name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        intake.start_upload({"main": SimpleUploadedFile(name, content)}, researcher)
    assert not Import.objects.exists()


def test_it_takes_names_for_words_and_not_for_places(researcher: User) -> None:
    record = intake.start_upload({"main": upload(GOOD, "../../etc/rows.jsonl")}, researcher)
    [source] = intake.sources_of(record)
    assert source.path == record.folder / "main"


def test_it_removes_the_files_when_they_are_stored_or_discarded(
    researcher: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    stored, discarded = checked(GOOD, researcher), checked(GOOD, researcher)
    folders = [stored.folder, discarded.folder]
    assert all(folder.exists() for folder in folders)
    with django_capture_on_commit_callbacks(execute=True):
        commit(stored, researcher)
        intake.discard(discarded)
    assert not any(folder.exists() for folder in folders)
    with pytest.raises(UserError, match="became a problem set"):
        intake.discard(Import.objects.get(pk=stored.pk))


def test_it_says_when_the_files_are_gone(researcher: User) -> None:
    record = checked(GOOD, researcher)
    (record.folder / "main").unlink()
    with pytest.raises(UserError, match="files of this import are gone"):
        imports.preview(record)


def test_it_checks_and_stores_several_thousand_rows_in_seconds(researcher: User) -> None:
    started = time.monotonic()
    record = checked([shapes.worked(number) for number in range(7473)], researcher)
    made = commit(record, researcher)
    assert time.monotonic() - started < 10
    assert made.problems.count() == 7473
