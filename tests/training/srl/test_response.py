"""The format is strict, and only the action is scored."""

import pytest

from training.rewards import follows
from training.srl.response import MOST_CHARACTERS, action_of, step_reward

FULL = "<think>\nsteps\n</think>\n<answer>\n5\n</answer>"


@pytest.mark.parametrize(
    ("response", "action"),
    [
        ("<think>hm</think>x = 2", "x = 2"),
        ("  \n<think>hm</think>\n\n x = 2\ny = 3 \n", "x = 2\ny = 3"),
        ("<think></think>x = 2", "x = 2"),
        ("x = 2", None),
        ("<think>hm x = 2", None),
        ("hm</think>x = 2", None),
        ("</think>hm<think>x = 2", None),
        ("so <think>hm</think>x = 2", None),
        ("<think>hm</think> \n ", None),
        ("<think>a<think>b</think>x = 2", None),
        ("<think>a</think>b</think>x = 2", None),
        ("<think>a</think>b<think>c</think>x = 2", None),
        ("", None),
        ("<think>hm</think>" + "x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS),
        ("<think>hm</think>" + "x" * (MOST_CHARACTERS + 1), None),
    ],
)
def test_the_format(response: str, action: str | None) -> None:
    assert action_of(response) == action


@pytest.mark.parametrize(
    ("response", "think", "think_answer"),
    [
        ("<think>a</think>b", True, False),
        ("<think></think>", False, False),  # thought of nothing and did nothing: TRL lets it pass
        ("<think><think>a</think>", False, False),
        ("\n" + FULL, True, False),  # white space before is no text: TRL refuses it
        ("a<think>b</think>", False, False),
        ("<think>a</think>b</think><answer>5</answer>", False, False),  # where does the action begin? TRL lets it pass
        (FULL, True, True),
        (FULL + "\nextra", True, True),
    ],
)
def test_it_is_stricter_than_a_monologue_alone_and_looser_than_an_answer_in_tags(
    response: str, think: bool, think_answer: bool
) -> None:
    assert (action_of(response) is not None) is think
    assert follows(response, "think_answer") is think_answer


def test_the_monologue_is_never_scored() -> None:
    thoughts = ("", "x = 2", "nothing of that kind " * 50)
    assert {step_reward(f"<think>{thought}</think>x = 2", "x = 2 ") for thought in thoughts} == {1.0}
    assert step_reward("<think>x = 2</think>abcd", "bcde") == 0.75


def test_another_form_earns_minus_one_however_alike_it_is() -> None:
    assert step_reward("x = 2", "x = 2") == -1.0
    assert step_reward("<think>x = 2</think>", "x = 2") == -1.0


def test_the_models_text_comes_first_and_autojunk_is_passed_on() -> None:
    assert step_reward("<think></think>tide", "diet") == 0.25
    assert step_reward("<think></think>diet", "tide") == 0.5
    expert = "ab" * 100
    assert step_reward(f"<think></think>x{expert}", expert, autojunk=True) == 0.0
    assert step_reward(f"<think></think>x{expert}", expert) > 0.99
