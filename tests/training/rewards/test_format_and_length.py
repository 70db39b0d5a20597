"""Format and length rewards against the figures of the papers."""

import pytest

from training.rewards import follows, soft_overlong_penalty

FULL = "<think>\nsteps\n</think>\n<answer>\n5\n</answer>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", False),
        ("<think></think>", False),
        ("<think><think>a</think>", False),
        ("\n" + FULL, False),
        ("a<think>b</think>", False),
        ("<think>a</think>b</think><answer>5</answer>", False),
        (FULL, True),
        (FULL + "\nextra", True),
        ("<think>12+7=19</think><answer>19</answer>", True),
        ("<think>a</think> so <answer>5</answer>", False),
        ("<think>a</think><answer>5</answer> extra", False),
        ("<think>a</think><answer> </answer>", False),
        ("<answer>5</answer><think>a</think>", False),
        (FULL + "\n" + FULL, False),
        ("<think>a</think><answer>5", False),
    ],
)
def test_it_knows_thinking_followed_by_an_answer(text: str, expected: bool) -> None:
    assert follows(text, "think_answer") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<answer>5</answer>", True),
        (r"\boxed{5}", True),
        ("#### 5", True),
        (r"<answer>\boxed{5}</answer>", True),
        (r"\boxed{5} or \boxed{6}", False),
        (r"<answer>5</answer> \boxed{5}", False),
        ("5", False),
        (r"\boxed{}", False),
        ("#### 5\n#### 6", False),
    ],
)
def test_it_knows_exactly_one_answer(text: str, expected: bool) -> None:
    assert follows(text, "answer") is expected


@pytest.mark.parametrize(
    ("length", "penalty"),
    [(0, 0.0), (16_384, 0.0), (16_385, -0.000244140625), (18_432, -0.5), (20_480, -1.0), (20_481, -1.0)],
)
def test_it_punishes_overlong_responses_as_dapo_does(length: int, penalty: float) -> None:
    assert soft_overlong_penalty(length, 20_480, 4_096) == penalty


def test_it_gives_the_example_of_trl() -> None:
    assert soft_overlong_penalty(90, 100, 20) == -0.5


def test_it_never_punishes_without_a_buffer() -> None:
    assert soft_overlong_penalty(500, 100, 0) == 0.0


def test_it_refuses_a_buffer_longer_than_the_response_may_be() -> None:
    with pytest.raises(ValueError, match="buffer <= max_tokens"):
        soft_overlong_penalty(1, 100, 101)
