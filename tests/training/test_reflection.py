"""Counting reflective words, and noticing when they take off."""

import pytest

from training.reflection import AhaDetector, reflection_rates, text_before_reflection


def test_words_are_counted_whole_and_in_any_case() -> None:
    texts = ["Wait, 3+4=8. WAIT: that is Wrong.", "waiting, butter, checked: none of them", "But check it"]
    rates = reflection_rates(texts, tokens=50)
    assert rates["reflection/wait_per_1k"] == pytest.approx(40)
    assert rates["reflection/wrong_per_1k"] == pytest.approx(20)
    assert rates["reflection/but_per_1k"] == pytest.approx(20)
    assert rates["reflection/per_1k_tokens"] == pytest.approx(100)
    assert len(rates) == 11


def test_what_was_said_before_the_first_reflective_word_is_found() -> None:
    assert text_before_reflection("<answer>8</answer> wait, <answer>7</answer> but") == "<answer>8</answer> "
    assert text_before_reflection("nothing of the kind") is None


def alarm_steps(rates: list[float], total: int = 100) -> list[int]:
    detector = AhaDetector(total)
    return [alert.step for step, rate in enumerate(rates, 1) if (alert := detector.observe(step, rate))]


def test_three_windows_above_twice_the_baseline_raise_it_once() -> None:
    assert alarm_steps([1.0] * 20 + [3.0] * 80) == [35]


def test_two_windows_or_less_than_double_do_not() -> None:
    assert alarm_steps([1.0] * 20 + [3.0] * 10 + [1.0] * 70) == []
    assert alarm_steps([1.0] * 20 + [1.9] * 80) == []


def test_doubling_almost_nothing_is_nothing() -> None:
    assert alarm_steps([0.0] * 20 + [0.15] * 80) == []
    assert alarm_steps([0.0] * 20 + [0.5] * 80) == [35]


def test_a_restored_detector_goes_on() -> None:
    rates = [1.0] * 20 + [3.0] * 30
    first, second = AhaDetector(100), AhaDetector(100)
    said = [alert.step for step, rate in enumerate(rates[:27], 1) if (alert := first.observe(step, rate))]
    second.load_state_dict(first.state_dict())
    said += [alert.step for step, rate in enumerate(rates[27:], 28) if (alert := second.observe(step, rate))]
    assert said == [35]
