"""Expert trajectories on their way into a set: transcripts, numbered steps, solutions without an answer."""

from typing import Any

import pytest
from django.test import Client

from tests.training.reading import shapes
from tests.webapp.datasets.conftest import checked, upload
from training.problems import read_problems
from webapp.accounts.models import User
from webapp.datasets import imports, intake
from webapp.datasets.models import Import, Problem, ProblemSet, RefusedRow
from webapp.datasets.services import export_problem_set, problem_file

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"
TRANSCRIPTS = [{"messages": shapes.transcript(number)} for number in range(6)]
STEPS = [shapes.stepped(number) for number in range(6)]


def stored(rows: list[dict[str, Any]], user: User, name: str = "Experts") -> ProblemSet:
    record = checked(rows, user)
    return imports.commit(record, name=name, description="", without_refused=True, user=user)


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_transcripts_are_stored_in_turns_and_written_for_trainers(researcher: User) -> None:
    made = stored(TRANSCRIPTS, researcher)
    assert (made.solution_count, made.report["transcripts"], made.report["unanswered"]) == (6, 6, 6)
    assert made.report["answers"] == {}
    row = Problem.objects.get(problem_set=made, number=2)
    assert (row.answer, row.solution) == ("", "")
    assert [turn["role"] for turn in row.turns] == ["model", "tool", "model", "tool", "model"]
    problems = read_problems(problem_file(made))
    assert problems[1].turns[1].text == "out 1"
    before = problem_file(made).read_bytes()
    problem_file(made).unlink()
    assert export_problem_set(made).read_bytes() == before


def test_sets_with_other_turns_are_other_sets(researcher: User) -> None:
    one, same = stored(TRANSCRIPTS, researcher, "A"), stored(TRANSCRIPTS, researcher, "B")
    changed = [*TRANSCRIPTS[:5], {"messages": [*shapes.transcript(5)[:-1], {"role": "assistant", "content": "Small."}]}]
    assert one.content_hash == same.content_hash != stored(changed, researcher, "C").content_hash


def test_every_malformed_row_is_told_with_its_place(researcher: User) -> None:
    broken = [
        {"messages": [{"role": "user", "content": "?"}, {"role": "tool", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"messages": "[{"},
    ]
    record = checked([*TRANSCRIPTS, *broken], researcher)
    assert [(row.row, row.reason) for row in RefusedRow.objects.filter(source_import=record).order_by("row")] == [
        (7, "in message 2 of the transcript a tool answers, though the assistant called none"),
        (8, "message 1 of the transcript is the assistant's, before anything is asked"),
        (9, "the transcript is not JSON: expecting property name enclosed in double quotes at character 3"),
    ]
    bad = [shapes.stepped(9, deepseek_attempt="1. **Sum** 5\n3. **Square** 25"), shapes.stepped(8, deepseek_attempt="")]
    record = checked([*STEPS, *bad], researcher)
    assert [(row.row, row.reason) for row in RefusedRow.objects.filter(source_import=record).order_by("row")] == [
        (7, "the worked solution is no list of numbered steps: step 2 is numbered 3"),
        (8, "no worked solution"),
    ]


def test_pages_of_a_set_of_transcripts(researcher_client: Client, researcher: User) -> None:
    rows = [{"messages": [*shapes.transcript(0)[:-1], {"role": "assistant", "content": HOSTILE}]}]
    made = stored(rows, researcher)
    page = text(researcher_client.get(f"/datasets/{made.slug}/"))
    assert "1 without one: to be learned from, not to be checked" in page
    page = text(researcher_client.get(f"/datasets/{made.slug}/problems/1/"))
    assert "None: the solution can be learned from, but no response can be checked." in page
    assert "Verify a response" not in page
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page


def test_an_import_page_recognises_transcripts(researcher_client: Client, researcher: User) -> None:
    record = intake.start_upload({"main": upload(TRANSCRIPTS)}, researcher)
    address = f"/datasets/imports/{record.pk}/"
    page = text(researcher_client.get(address))
    assert ">transcript</td>" in page
    assert "Check all rows" in page
    assert "ls 5" in page
    form = {**record.plan, "heldout_percent": "10", "check": "1"}
    page = text(researcher_client.post(f"{address}plan/", form, follow=True))
    assert "6 with an agent&#x27;s transcript" in page or "6 with an agent's transcript" in page
    researcher_client.post(f"{address}commit/", {"name": "Agents"})
    done = text(researcher_client.get(address))
    assert "<dt>Transcript</dt><dd><code>messages</code></dd>" in done


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": "", "keep_unanswered": ""}, "Tick below that rows without an answer are wanted"),
        ({"answer": "", "solution": "", "keep_unanswered": "on"}, "Choose the column that holds the answer."),
        ({"turns": "solution"}, "choose one of the two columns"),
    ],
)
def test_a_plan_without_anything_to_check_or_learn_is_refused(
    researcher_client: Client, researcher: User, changes: dict[str, str], message: str
) -> None:
    record = checked(STEPS, researcher)
    form = {**record.plan, "heldout_percent": "10", **changes}
    response = researcher_client.post(f"/datasets/imports/{record.pk}/plan/", form)
    assert response.status_code == 422
    assert message in text(response)
    assert Import.objects.get().plan == record.plan
