"""The phrases in which a run's uncertain tokens stand."""

from typing import Any

import numpy as np
import pytest
from django.test import Client

from tests.factories import make_run
from tests.made_traces import CLEAN, Made, Turn, make_agentic_run, make_trace, make_traced_group
from webapp.inspection import phrases
from webapp.inspection.models import Rollout, RolloutTokens
from webapp.inspection.phrases import Reading, read_phrases
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

DOUBTS: list[Turn] = [
    ("so run it with 12", [Made("x = 1", stdout="out\n")]),
    ("but before that check <b> 7 times", []),
]


def doubting(run: Run, *uncertain: str, step: int = 1) -> Rollout:
    """A response in which the tokens of these texts are the only uncertain ones."""
    rollout = make_traced_group(run, (DOUBTS, CLEAN), step=step).rollouts.get(index=0)
    Rollout.objects.filter(group=rollout.group, index=1).delete()
    stored = rollout.tokens
    ends = np.frombuffer(bytes(stored.end_array), "<i4")
    pieces = [rollout.body.text[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    entropy = np.array([float(piece.strip() in uncertain) for piece in pieces], "<f2")
    RolloutTokens.objects.filter(rollout=rollout).update(entropy_array=entropy.tobytes())
    return rollout


def of(reading: Reading) -> dict[str, list[tuple[str, int]]]:
    return {each.name: [(phrase.words, phrase.count) for phrase in each.phrases] for each in reading.classes}


def test_phrases_begin_with_the_word_of_an_uncertain_token() -> None:
    run = make_agentic_run()
    rollout = doubting(run, "so", "but", "before", "x")
    (reading,) = read_phrases(run)
    assert of(reading) == {
        "forking": [("so run it", 1)], "reflection": [("but before that", 1), ("before that check", 1)],
        "code": [("x = #", 1)], "other": [],
    }  # fmt: skip
    phrase = reading.classes[0].phrases[0]
    assert (phrase.rollout, phrase.token) == (rollout.pk, 0)


def test_the_beginning_of_a_run_is_set_against_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "READ_ROLLOUTS", 2)
    run = make_agentic_run()
    for step in (1, 2, 3, 4):
        doubting(run, "so" if step < 3 else "but", step=step)
    earliest, newest = read_phrases(run)
    assert (earliest.first, earliest.last, newest.first, newest.last) == (1, 2, 3, 4)
    assert of(earliest)["forking"] == [("so run it", 2)]
    assert of(newest)["reflection"] == [("but before that", 2)]


def test_only_so_many_tokens_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "READ_TOKENS", 10)
    run = make_agentic_run()
    for step in (1, 2):
        doubting(run, "so", step=step)
    assert [reading.rollouts for reading in read_phrases(run)] == [1, 1]


def test_the_fragment_says_so_when_there_is_nothing_and_escapes_what_there_is(researcher_client: Client) -> None:
    run = make_agentic_run()
    assert "No response with turns is stored yet" in page_of(researcher_client, run)
    rollout = make_traced_group(run, (DOUBTS, CLEAN)).rollouts.get(index=0)
    rollout.tool_calls.all().delete()
    rollout.trace.delete()
    make_trace(rollout, [("<script> alert <b>\u202eb", [])])
    page = page_of(researcher_client, run)
    assert "<script>" not in page
    assert "\u202e" not in page


def page_of(client: Client, run: Run) -> str:
    answer = client.get(f"/runs/{run.pk}/reasoning/phrases")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_of_reasoning_asks_for_them_where_tools_are(researcher_client: Client) -> None:
    def page(run: Run) -> str:
        return researcher_client.get(f"/runs/{run.pk}/reasoning/").content.decode()

    tools = make_agentic_run()
    assert f'hx-get="/runs/{tools.pk}/reasoning/phrases"' in page(tools)
    assert "reasoning/phrases" not in page(make_run())
    assert researcher_client.get("/runs/999999/reasoning/phrases").status_code == 404


def test_they_cost_few_queries(researcher_client: Client, django_assert_max_num_queries: Any) -> None:
    run = make_agentic_run()
    for step in (1, 2, 3):
        doubting(run, "so", step=step)
    with django_assert_max_num_queries(6):
        page_of(researcher_client, run)
