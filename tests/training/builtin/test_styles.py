"""Styles: shares as asked for, guesses as wrong as asked for, and every corrected step true."""

import random
import re
from collections import Counter

import pytest

from training.builtin.styles import PROOF_SHARE, SLIP_SHARE, Mixture, near_miss, respond
from training.problems.arithmetic import parse

EXPRESSION = parse("(12+7)*3-20")


def test_styles_are_drawn_in_their_shares() -> None:
    rng, mixture = random.Random(0), Mixture(guess=0.7, checked=0.1, guess_right=0.1)
    counts = Counter(mixture.draw(rng) for _ in range(20_000))
    assert counts["guess"] / 20_000 == pytest.approx(0.7, abs=0.02)
    assert counts["checked"] / 20_000 == pytest.approx(0.1, abs=0.02)
    assert counts["steps"] / 20_000 == pytest.approx(0.2, abs=0.02)


def test_guesses_are_right_as_often_as_asked() -> None:
    rng, mixture = random.Random(1), Mixture(guess=1.0, checked=0.0, guess_right=0.25)
    answers = [respond(EXPRESSION, "guess", mixture, rng) for _ in range(4000)]
    assert all(re.fullmatch(r"<answer>\d+</answer>", answer) for answer in answers)
    assert answers.count("<answer>37</answer>") / 4000 == pytest.approx(0.25, abs=0.03)


def test_a_near_miss_is_near_and_never_right() -> None:
    rng = random.Random(2)
    for value in (0, 1, 30, 900):
        misses = {near_miss(value, rng) for _ in range(300)}
        assert value not in misses
        assert min(misses) >= 0
        assert max(abs(miss - value) for miss in misses) <= max(5, value // 3)


def test_worked_steps_are_the_operations_in_order() -> None:
    response = respond(EXPRESSION, "steps", Mixture(0, 0, 0), random.Random(0))
    assert response == "<think>12+7=19\n19*3=57\n57-20=37</think><answer>37</answer>"


def test_checked_steps_hold_slips_that_are_put_right_and_true_proofs() -> None:
    rng, waits, proofs = random.Random(3), 0, 0
    for _ in range(200):
        response = respond(EXPRESSION, "checked", Mixture(0, 1, 0), rng)
        steps = re.fullmatch(r"<think>(.+)</think><answer>37</answer>", response, re.DOTALL)
        assert steps is not None
        lines = steps[1].split("\n")
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            left, right = re.sub("wait, |verify ", "", line).split("=")
            slip = following.startswith("wait, ")
            assert (parse(left).value == int(right)) != slip
            if slip:
                assert following.removeprefix("wait, ").split("=")[0] == left
            waits += slip
            proofs += line.startswith("verify ")
    assert waits / 600 == pytest.approx(SLIP_SHARE, abs=0.05)
    assert proofs / 400 == pytest.approx((1 - SLIP_SHARE) * PROOF_SHARE, abs=0.07)
