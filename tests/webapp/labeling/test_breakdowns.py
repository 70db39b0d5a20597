"""Agreement by annotator, length and order; position bias; pace."""

import pytest

from webapp.labeling import agreement, breakdowns
from webapp.labeling.label_table import Label


def pair(item: str, annotator: str, choice: int, **more) -> Label:
    return Label(item, annotator, choice=choice, **more)


def test_each_annotator_is_held_against_the_others() -> None:
    labels = [pair(str(item), name, choice) for item in range(4) for name, choice in (("a", 1), ("b", 1), ("c", 5))]
    found = [agreement.exact_agreement(labels, breakdowns.takes_part(name)).value for name in "abc"]
    assert found == [0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("lengths", "gap"), [((), None), ((0, 0), 0), ((10, 10), 0), ((50, 100), 0.5), ((80, 100), 0.2), ((5, 0), 1)]
)
def test_the_length_gap_is_relative_to_the_longest(lengths, gap) -> None:
    assert breakdowns.length_gap(pair("i", "a", 1, lengths=lengths)) == (None if gap is None else pytest.approx(gap))


def test_agreement_by_length_gap_counts_every_item_once() -> None:
    sizes = {"same": (9, 9), "near": (90, 100), "half": (50, 100), "all": (0, 7)}
    labels = [
        pair(item, name, 1 if item != "all" or name == "a" else 5, lengths=lengths)
        for item, lengths in sizes.items() for name in "ab"
    ]  # fmt: skip
    bins = breakdowns.by_length_gap([*labels, pair("unknown", "a", 1)], agreement.exact_agreement)
    assert [(each.low, each.agreement.n) for each in bins] == [(0.0, 1), (0.1, 1), (0.25, 0), (0.5, 2)]
    assert bins[-1].agreement.value == 0.5
    assert bins[2].agreement.reason


def test_agreement_is_split_by_whether_the_order_shown_was_the_same() -> None:
    labels = []
    for item in range(3):
        labels += [pair(str(item), "a", 1, order=(0, 1)), pair(str(item), "b", 1, order=(0, 1))]
        labels += [pair(str(item), "c", 5, order=(1, 0)), pair(str(item), "d", 5)]
    found = breakdowns.by_order_shown(labels, agreement.exact_agreement)
    assert (found["same"].value, found["different"].value) == (1, 0)


def test_position_bias_is_the_share_that_prefers_what_was_shown_first() -> None:
    labels = [pair(str(k), "a", 1, order=(0, 1)) for k in range(4)]
    labels += [pair(str(k), "b", 5, order=(1, 0)) for k in range(4)]
    labels += [pair("x", "c", 5, order=(0, 1)), pair("y", "c", 1, order=(1, 0))]
    labels += [pair("tie", "c", 3, order=(0, 1)), pair("unknown", "c", 1)]
    found = breakdowns.position_bias(labels)
    assert (found.value, found.n) == (0.8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_position_bias_of_rankings_compares_both_ends_of_the_order() -> None:
    labels = [Label("i", "a", ranks=(2, 1, 3), order=(0, 1, 2)), Label("i", "b", ranks=(2, 1, 3), order=(2, 1, 0))]
    assert breakdowns.position_bias(labels).value == 0.5
    assert breakdowns.position_bias([Label("i", "a", ranks=(1, 1), order=(0, 1))]).value is None


def test_pace() -> None:
    labels = [pair(str(k), "a", 1, seconds=seconds) for k, seconds in enumerate((1, 2, 30, 40, 50))]
    labels.append(pair("unknown", "a", 1))
    assert breakdowns.median_seconds(labels).value == 30
    fast = breakdowns.too_fast(labels, 2)
    assert (fast.value, fast.n) == (0.2, 5)
    assert breakdowns.median_seconds([]).reason == breakdowns.too_fast([], 2).reason == "No label has a time."
