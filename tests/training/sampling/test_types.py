"""Sampling parameters refuse values that mean nothing."""

from typing import Any

import pytest

from training.sampling.types import SamplingParams

GOOD: dict[str, Any] = {"n": 1, "max_tokens": 1, "temperature": 1.0, "stop_ids": (), "seed": 0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", float("inf")),
        ("temperature", float("nan")),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_k", -1),
        ("stop_ids", (5, -1)),
        ("seed", -1),
        ("seed", 2**64),
        ("stream", -1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        SamplingParams(**{**GOOD, field: value})


def test_values_at_the_edge_are_accepted() -> None:
    params = SamplingParams(n=1, max_tokens=1, temperature=0.0, top_p=1.0, top_k=0, stop_ids=(0,), seed=2**64 - 1)
    assert params.seed == 2**64 - 1
