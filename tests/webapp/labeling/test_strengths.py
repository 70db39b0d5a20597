"""Strengths of sources: worked figures, what holds at the maximum, one-sided comparisons, intervals."""

import random
import warnings
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webapp.labeling.work import calls_of
from webapp.labeling import strengths
from webapp.labeling.aggregation import SourceRanking
from webapp.labeling.strengths import Strengths, bradley_terry, elo_difference, plackett_luce, win_probability

WINS = [[0, 8, 9], [2, 0, 7], [1, 3, 0]]
MODELS = [bradley_terry, plackett_luce]


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pairs(wins: list[list[int]], names: str = "abcdefgh") -> list[SourceRanking]:
    """One item a comparison."""
    return [
        SourceRanking(f"{i}-{j}-{k}", (names[i], names[j]), (1, 2))
        for i, row in enumerate(wins) for j, count in enumerate(row) for k in range(count)
    ]  # fmt: skip


def log_strengths(found: Strengths) -> dict[str, float]:
    return {row.source: row.log_strength.value or 0.0 for row in found.rows}


@pytest.mark.parametrize("model", MODELS)
def test_seven_wins_to_three_are_147_points_of_elo(model) -> None:
    found = log_strengths(model(pairs([[0, 7], [3, 0]]), resamples=0))
    assert found["a"] - found["b"] == pytest.approx(0.8472979, abs=1e-6)
    assert elo_difference(found["a"], found["b"]) == pytest.approx(147.19, abs=5e-3)


@pytest.mark.parametrize("model", MODELS)
def test_log_strengths_of_three_sources(model) -> None:
    found = model(pairs(WINS), resamples=0)
    values = log_strengths(found)
    assert values == pytest.approx({"a": 1.197219, "b": -0.178859, "c": -1.018360}, abs=1e-6)
    assert win_probability(values["a"], values["b"]) == pytest.approx(0.798360, abs=1e-6)
    assert win_probability(values["a"], values["c"]) == pytest.approx(0.901640, abs=1e-6)
    assert win_probability(values["b"], values["c"]) == pytest.approx(0.698360, abs=1e-6)
    assert [(row.source, row.wins, row.comparisons) for row in found.rows] == [
        ("a", 17, 20),
        ("b", 9, 20),
        ("c", 4, 20),
    ]
    assert [row.expected_wins for row in found.rows] == pytest.approx([17, 9, 4], abs=1e-5)
    assert [row.win_share.value for row in found.rows] == pytest.approx([0.85, 0.45, 0.2])
    assert (found.alpha, found.n, found.reason) == (0, 30, "")


def test_elo_of_known_odds() -> None:
    assert elo_difference(log(10), 0) == pytest.approx(400)
    assert win_probability(200 / 400 * log(10), 0) == pytest.approx(0.759747, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_ties_draw_strengths_together(model) -> None:
    tied = [SourceRanking(f"t{k}", ("a", "b"), (1, 1)) for k in range(10)]
    found = log_strengths(model([*pairs([[0, 7], [3, 0]]), *tied], resamples=0))
    assert found["a"] - found["b"] == pytest.approx(log(12 / 8), abs=1e-6)


def test_plackett_luce_of_whole_rankings_is_the_likeliest() -> None:
    maker = random.Random(2)
    rankings = []
    for item in range(40):
        order = sorted("abcd", key=lambda name: maker.expovariate(1) / (5 - ord(name) + ord("a")))
        rankings.append(SourceRanking(str(item), tuple(order), (1, 2, 3, 4)))
    values = log_strengths(plackett_luce(rankings, resamples=0))

    def likelihood(strengths: dict[str, float]) -> float:
        weights = {name: pow(2.718281828459045, value) for name, value in strengths.items()}
        rows = [[weights[name] for name in ranking.sources] for ranking in rankings]
        return sum(log(row[place] / sum(row[place:])) for row in rows for place in range(4))

    best = likelihood(values)
    for name in "abcd":
        for step in (-0.02, 0.02):
            assert likelihood({**values, name: values[name] + step}) < best
    assert values != pytest.approx(log_strengths(bradley_terry(rankings, resamples=0)), abs=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_a_source_that_never_lost_is_regularised_and_said_to_be(model) -> None:
    found = model(pairs([[0, 5, 5], [0, 0, 3], [0, 2, 0]]), resamples=0)
    assert found.alpha == strengths.ALPHA
    assert [row.source for row in found.rows] == ["a", "b", "c"]
    assert all(abs(row.log_strength.value) < 20 for row in found.rows)


@pytest.mark.parametrize("model", MODELS)
def test_sources_that_never_met_can_still_be_fitted(model) -> None:
    found = model(pairs([[0, 3, 0, 0], [1, 0, 0, 0], [0, 0, 0, 3], [0, 0, 1, 0]]), resamples=0)
    assert found.alpha == strengths.ALPHA
    values = log_strengths(found)
    assert values["a"] > values["b"]
    assert values["c"] > values["d"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rankings", [[], [SourceRanking("x", ("a", "a"), (1, 2))]])
def test_one_source_has_no_strength(model, rankings) -> None:
    found = model(rankings)
    assert (found.rows, found.reason) == ((), strengths.TOO_FEW)


@pytest.mark.parametrize("model", MODELS)
def test_a_fit_without_end_is_said_to_have_none(model, monkeypatch) -> None:
    monkeypatch.setattr(strengths, "MOST_ITERATIONS", 1)
    found = model(pairs(WINS))
    assert (found.rows, found.reason) == ((), strengths.NO_END)


@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_the_figure_and_narrow_with_items(model) -> None:
    few = model(pairs([[0, 14], [6, 0]]), resamples=100).rows[0].log_strength
    many = model(pairs([[0, 140], [60, 0]]), resamples=100).rows[0].log_strength
    assert few.low < few.value < few.high
    assert many.low < many.value < many.high
    assert many.high - many.low < few.high - few.low


def test_intervals_are_over_items_rather_than_labels() -> None:
    alone = pairs([[0, 14], [6, 0]])
    copied = [ranking for ranking in alone for _ in range(5)]
    first, second = (bradley_terry(rows).rows[0].log_strength for rows in (alone, copied))
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=1e-3)


def made_rankings(items: int, labels: int, names: str, seed: int = 4) -> list[SourceRanking]:
    """Rankings of items by the Plackett-Luce model; the labels of an item tend to be alike."""
    maker = random.Random(seed)
    rows = []
    for item in range(items):
        luck = {name: maker.gauss(0, 0.7) for name in names}
        for _ in range(labels):
            drawn = {name: maker.expovariate(1) / exp(luck[name] - 0.3 * k) for k, name in enumerate(names)}
            order = sorted(names, key=drawn.__getitem__)
            rows.append(SourceRanking(str(item), tuple(names), tuple(order.index(name) + 1 for name in names)))
    return rows


def test_intervals_of_many_rankings_are_about_those_of_resamples() -> None:
    rows = made_rankings(80, 3, "abc")
    resampled = {row.source: row.log_strength for row in plackett_luce(rows, resamples=200).rows}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strengths, "MOST_RANKED", 1)
        strengths_of_many = {row.source: row.log_strength for row in plackett_luce(rows).rows}
    for name, found in strengths_of_many.items():
        other = resampled[name]
        assert found.value == pytest.approx(other.value)
        assert found.high - found.low == pytest.approx(other.high - other.low, rel=0.2)
        assert found.low < found.value < found.high


def test_labels_of_one_item_are_not_taken_for_independent_in_many_rankings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strengths, "MOST_RANKED", 1)
    alone = made_rankings(60, 1, "abc")
    first, second = (
        plackett_luce(rows).rows[0].log_strength for rows in (alone, [row for row in alone for _ in "xyz"])
    )
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=1e-4)


def test_of_many_rankings_of_which_one_source_never_lost_no_interval_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strengths, "MOST_RANKED", 1)
    found = plackett_luce(pairs([[0, 5, 5], [0, 0, 3], [0, 2, 0]]))
    assert [(row.log_strength.low, row.log_strength.high) for row in found.rows] == [(None, None)] * 3
    assert found.alpha == strengths.ALPHA


@pytest.mark.parametrize("model", MODELS)
def test_many_rankings_have_intervals_and_take_work_in_proportion(model) -> None:
    rows = made_rankings(400, 3, "abcdefgh" if model is plackett_luce else "abcd")
    model(rows[:3])
    few = calls_of(lambda: model(rows[:150]))
    assert calls_of(lambda: model(rows)) <= 8 * few
    found = model(rows)
    assert all(row.log_strength.low < row.log_strength.value < row.log_strength.high for row in found.rows)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=6, max_size=6), st.permutations("abc"))
def test_names_change_nothing_and_expected_wins_are_the_observed(counts, names) -> None:
    wins = [[0, *counts[:2]], [counts[2], 0, counts[3]], [*counts[4:], 0]]
    found = bradley_terry(pairs(wins), resamples=0)
    renamed = log_strengths(bradley_terry(pairs(wins, "".join(names)), resamples=0))
    assert {names["abc".index(name)]: value for name, value in log_strengths(found).items()} == pytest.approx(
        renamed, abs=1e-6
    )
    assert sum(renamed.values()) == pytest.approx(0, abs=1e-9)
    if not found.alpha:
        assert [row.expected_wins for row in found.rows] == pytest.approx([row.wins for row in found.rows], abs=1e-4)
