"""Numbers and times as pages write them."""

import math

import pytest

from webapp.core.templatetags import espalier


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.123456, "0.123"),
        (1e-7, "1.00e-07"),
        (12345, "12,345"),
        (1483.7, "1,484"),
        (12.5, "12.5"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (-0.04, "−0.04"),
        (-12345, "−12,345"),
        (2.5e7, "2.50e+07"),
    ],
)
def test_figures_keep_three_digits(value: float | None, text: str) -> None:
    assert espalier.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0 s"), (59.4, "59 s"), (185, "3 m 05 s"), (3725, "1 h 02 m")]
)
def test_durations_read_like_a_clock(seconds: float | None, text: str) -> None:
    assert espalier.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (8_500_000, "8.1 MiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes_take_the_largest_unit(count: int, text: str) -> None:
    assert espalier.size(count) == text
