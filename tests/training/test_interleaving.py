"""Signs of planning, changing one's mind and checking, where they mean that."""

import pytest

from training.events.metrics import METRICS
from training.interleaving import adjusts, checks, interleaves, interleaving_rates, plans

LONG = "12+7=19\n" * 40


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("First I add the tens. 20+30=50", True),
        ("<think>We need to find x. x=3</think>", True),
        ("12+7=19, the first of them", True),  # within the least that counts as the beginning
        (LONG + "first the tens", False),
        ("<think>12+7=19</think><answer>19</answer>", False),
    ],
)
def test_a_plan_stands_at_the_beginning(text: str, planned: bool) -> None:
    assert plans(text) is planned


@pytest.mark.parametrize(
    ("text", "taken_back"),
    [("3*4=11\nwait, 3*4=12", True), ("Let me recompute this", True), ("awaiting 12 factually", False)],
)
def test_something_is_taken_back(text: str, taken_back: bool) -> None:
    assert adjusts(text) is taken_back


def test_a_check_follows_a_result() -> None:
    assert checks("12+7=19\nverify 19-7=12")
    assert not checks("I will check what is asked. 12+7=19")
    assert not checks("12+7=19\nverily")


def test_thinking_again_after_something_was_said_is_interleaved() -> None:
    assert interleaves("<think>a</think>1. Do<think>b</think>2. Done")
    assert not interleaves("<think>a</think>1. Do")


def test_shares_are_of_responses_and_known_as_metrics() -> None:
    rates = interleaving_rates(["3*4=11\nwait, 3*4=12", "3*4=12\ncheck 12/4=3", "12", "12"])
    assert rates == {
        "reasoning/planning_share": 0,
        "reasoning/adjusting_share": 0.25,
        "reasoning/checking_share": 0.25,
        "reasoning/interleaved_share": 0,
    }
    assert set(rates) <= set(METRICS)
    assert interleaving_rates([]) == {}
