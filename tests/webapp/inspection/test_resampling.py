"""What a page says of resample-on-correct is what training did."""

from typing import Any

import pytest

from tests.made_traces import ALL_KINDS, CLEAN, STUMBLES, Made, Turn, make_agentic_run, make_traced_group
from training.algorithms.roc import RolloutFacts, error_penalty, format_penalty, penalty
from training.config.roc import RocConfig
from webapp.inspection.models import Rollout, RolloutGroup
from webapp.inspection.resampling import Cleanness, Resampling, resampling_of
from webapp.inspection.rollout_page import read_rollout

pytestmark = pytest.mark.django_db

NO_CALL: list[Turn] = [("<think>6</think><answer>6</answer>", [])]


@pytest.fixture
def group(db: None) -> RolloutGroup:
    run = make_agentic_run(roc=True)
    return make_traced_group(
        run, (STUMBLES, CLEAN, NO_CALL, ALL_KINDS, CLEAN), rewards=(1, 1, 1, 0, 0), left_out=(0, 4)
    )


def of(group: RolloutGroup, index: int) -> Resampling:
    siblings = list(group.rollouts.order_by("index"))
    found = resampling_of(Rollout.objects.select_related("run", "group").get(group=group, index=index), siblings)
    assert found is not None
    return found


@pytest.mark.parametrize("calls", [0, 1, 4])
@pytest.mark.parametrize("failed", [0, 1])
@pytest.mark.parametrize(("answers", "turns"), [(0, 1), (1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("switches", [(True, True), (True, False), (False, True)])
def test_penalties_are_those_of_training(
    calls: int, failed: int, answers: int, turns: int, switches: tuple[bool, bool]
) -> None:
    shown = Cleanness(calls, min(failed, calls), answers, turns, *switches)
    facts = RolloutFacts(1.0, True, calls=calls, failed_calls=min(failed, calls), answers=answers, turns=turns)
    config = RocConfig(error_ratio=switches[0], answer_format=switches[1])
    assert shown.error_penalty == error_penalty(facts)
    assert shown.format_penalty == format_penalty(facts)
    assert shown.penalty == penalty(facts, config)


def test_calls_that_say_nothing_of_the_model_do_not_count(group: RolloutGroup) -> None:
    every = of(group, 3).cleanness
    assert (every.calls, every.failed) == (8, 6), "of ten, one met a broken service and one was never run"
    assert (every.answers, every.turns) == (0, 3)


def test_it_says_why_a_response_was_kept_or_left_out(group: RolloutGroup) -> None:
    assert "2 of 3 right ones were kept, drawn with weight 1 / (penalty + ε): 1 had a smaller" in of(group, 0).reason
    assert of(group, 1).cleaner == 0
    assert "1 of 2 wrong ones were kept, drawn evenly" in of(group, 3).reason
    assert [of(group, index).kept for index in range(5)] == [False, True, True, True, False]


def test_the_released_rule_takes_the_cleanest(group: RolloutGroup) -> None:
    run = group.run
    run.config["method"]["roc"]["rule"] = "released"
    run.save()
    assert "the cleanest: 1 had a smaller penalty" in of(group, 0).reason


def test_a_group_of_equal_rewards_says_so(db: None) -> None:
    run = make_agentic_run(roc=True)
    group = make_traced_group(run, (CLEAN, CLEAN), rewards=(1, 1), left_out=(0, 1), trained=False)
    assert "All 2 responses to this problem earned the same" in of(group, 0).reason
    page = read_rollout(group.rollouts.get(index=0).pk)
    assert page.untrained == "Resample-on-correct left this group out: all its responses earned the same."


@pytest.mark.parametrize("changes", [{"split": "heldout"}, {}])
def test_runs_without_it_and_held_out_responses_have_none(changes: dict[str, Any]) -> None:
    run = make_agentic_run(roc=bool(changes))
    group = make_traced_group(run, (CLEAN, STUMBLES), **changes)
    assert read_rollout(group.rollouts.get(index=0).pk).resampling is None


def test_advantages_and_weights_are_those_of_what_was_kept(group: RolloutGroup) -> None:
    kept, left = (read_rollout(group.rollouts.get(index=index).pk) for index in (1, 0))
    assert kept.credit is not None
    assert kept.credit.agrees
    assert kept.credit.count == 3
    assert left.credit is None
    assert left.untrained == "Resample-on-correct left this response out."
    learned = [read_rollout(pk) for pk in group.rollouts.filter(selected=True).values_list("pk", flat=True)]
    assert kept.update is not None
    assert (kept.update.sequences, kept.update.tokens) == (3, sum(page.drawn for page in learned))
    assert kept.drawn < kept.rollout.length


def test_a_penalty_of_one_call_counts_a_failure_whole() -> None:
    run = make_agentic_run(roc=True)
    failing: list[Turn] = [
        ("a", [Made("1/0", "error", error="ZeroDivisionError at line 1: division by zero")]),
        NO_CALL[0],
    ]
    group = make_traced_group(run, (failing, CLEAN), rewards=(1, 0))
    assert of(group, 0).cleanness.error_penalty == 1
