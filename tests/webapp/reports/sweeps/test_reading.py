"""Seeds and axes as people type them."""

import pytest

from webapp.core.errors import UserError
from webapp.reports.sweeps.reading import read_axes, read_axis, read_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-2", (0, 1, 2)),
        ("0, 1, 5", (0, 1, 5)),
        ("7,0–2, 1 ", (0, 1, 2, 7)),
        ("2147483647", (2**31 - 1,)),
        ("0-31", tuple(range(32))),
        ("0-20, 0-20", tuple(range(21))),
    ],
)
def test_seeds_are_read_once_each_and_in_order(text: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at least one seed"),
        ("a", "'a' is none"),
        ("1.5", "'1.5' is none"),
        ("-1", "'-1' is none"),
        ("3-1", "write 1-3"),
        ("0-32", "more than 32"),
        ("0-2000000000", "more than 32"),
        ("2147483648", "is none"),
        ("9" * 5000, "is none"),
    ],
)
def test_what_is_no_seed_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UserError) as error:
        read_seeds(text)
    assert reason in error.value.message


@pytest.mark.parametrize(
    ("knob", "values", "found"),
    [
        ("optimisation.learning_rate", "1e-4, 3e-4,1e-4", (1e-4, 3e-4)),
        ("steps", "20, 1e2", (20, 100)),
        ("method.dynamic_sampling.enabled", "on, FALSE", (True, False)),
        ("method.kind", "grpo, sft", ("grpo", "sft")),
        ("prompt.system", '"Think, then answer.", ""', ("Think, then answer.", "")),
    ],
)
def test_values_are_read_as_their_knob_is_typed(knob: str, values: str, found: tuple[object, ...]) -> None:
    axis = read_axis(knob, values)
    assert axis.values == found
    assert [type(value) for value in axis.values] == [type(value) for value in found]


def test_a_knob_may_be_named_as_the_form_names_it() -> None:
    assert read_axis("method.grpo.loss.clip_high", "0.2").path == "method.loss.clip_high"


@pytest.mark.parametrize(
    ("knob", "values", "reason"),
    [
        ("optimisation.learing_rate", "1", "Did you mean optimisation.learning_rate?"),
        ("seed", "1", "field of their own"),
        ("steps", "1.5", "'1.5' is no whole number"),
        ("steps", "inf", "'inf' is no whole number"),
        ("optimisation.learning_rate", "1e-4, fast", "'fast' is no number"),
        ("method.kind", "grpo, evaluate", "'evaluate' is none of grpo"),
        ("method.dynamic_sampling.enabled", "maybe", "neither on nor off"),
        ("steps", " ", "Give the values"),
    ],
)
def test_an_axis_that_cannot_be_read_says_why(knob: str, values: str, reason: str) -> None:
    with pytest.raises(UserError) as error:
        read_axis(knob, values)
    assert reason in error.value.message


def test_empty_rows_do_not_count_and_no_axis_is_there_twice() -> None:
    assert [axis.path for axis in read_axes([("", ""), ("steps", "1,2"), (" ", "")])] == ["steps"]
    with pytest.raises(UserError, match="an axis twice"):
        read_axes([("steps", "1"), ("steps", "2")])
    with pytest.raises(UserError, match="3 axes at most"):
        read_axes([("steps", "1"), ("method.kind", "grpo"), ("prompt.system", "a"), ("model.kind", "builtin")])
