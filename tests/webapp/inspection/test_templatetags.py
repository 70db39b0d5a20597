"""Signed numbers, and bars as long as they should be."""

import re

import pytest

from webapp.inspection.templatetags.inspection import bar, direction, points, signed


@pytest.mark.parametrize(
    ("value", "text", "points"),
    [
        (1.2345, "+1.23", "up"),
        (-0.5, "−0.5", "down"),
        (0, "0", "flat"),
        (-0.0, "0", "flat"),
        (-1483.7, "−1,484", "down"),
    ],
)
def test_a_number_is_written_with_its_sign(value: float, text: str, points: str) -> None:
    assert signed(value) == text
    assert direction(value) == points


@pytest.mark.parametrize(("value", "text"), [(0.125, "+12.5"), (-0.03, "−3.0"), (-0.0004, "±0.0"), (None, "–")])
def test_a_difference_of_shares_is_in_points(value: float | None, text: str) -> None:
    assert points(value) == text


def test_nothing_is_written_as_nothing() -> None:
    assert signed(None) == "–"
    assert direction(None) == "flat"


@pytest.mark.parametrize(
    ("value", "most", "width"), [(0.5, 1, 50), (-0.25, 1, 25), (7, 2, 100), (None, 1, 0), (1, 0, 0)]
)
def test_a_bar_shows_its_share_of_the_most(value: float | None, most: float, width: float) -> None:
    widths = re.findall(r'class="fill" width="([\d.]+)"', bar(value, most))
    assert [float(each) for each in widths] == [width]
