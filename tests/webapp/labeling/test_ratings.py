"""Ratings carried on from label to label: published figures, order, bounds."""

import random

import pytest
from trueskill import Rating, TrueSkill, calc_draw_margin, quality_1vs1

from webapp.labeling import ratings
from webapp.labeling.aggregation import SourceRanking
from webapp.labeling.ratings import elo, elo_update, expected_score, trueskill


def match(*ranks: int, item: str = "i", names: str = "abcdefgh") -> SourceRanking:
    return SourceRanking(item, tuple(names[: len(ranks)]), ranks)


def skills(*rankings: SourceRanking) -> dict[str, tuple[float, float]]:
    return {row.source: (row.mu, row.sigma) for row in trueskill(rankings).rows}


def test_a_win_and_a_draw_of_trueskill() -> None:
    assert skills(match(1, 2))["a"] == pytest.approx((29.396, 7.171), abs=5e-4)
    assert skills(match(1, 2))["b"] == pytest.approx((20.604, 7.171), abs=5e-4)
    drawn = skills(match(1, 1))
    assert [*drawn.values()] == [pytest.approx((25.0, 6.458), abs=5e-4)] * 2


def test_quality_and_draw_margin_of_trueskill() -> None:
    assert quality_1vs1(Rating(), Rating()) == pytest.approx(0.447, abs=5e-4)
    assert calc_draw_margin(0.10, 2, TrueSkill()) == pytest.approx(0.740467, abs=1e-6)


def test_an_elo_win_is_half_of_k_and_two_hundred_points_are_three_to_one() -> None:
    assert elo_update(1500, 1500, 1) == (1516, 1484)
    assert elo_update(1500, 1500, 0.5) == (1500, 1500)
    assert expected_score(1700, 1500) == pytest.approx(0.759747, abs=1e-6)


def test_a_single_comparison_moves_elo_as_the_update_says() -> None:
    found = elo([match(1, 2)])
    assert {name: each.value for name, each in found.items()} == pytest.approx({"a": 1516, "b": 1484})
    assert [each.value for each in elo([match(1, 1)]).values()] == [1500, 1500]
    assert elo([]) == elo([SourceRanking("x", ("a", "a"), (1, 2))]) == {}


def test_the_resampled_elo_is_the_one_of_update_after_update(monkeypatch: pytest.MonkeyPatch) -> None:
    rankings = [match(1, 2, 3, item=str(k)) if k % 3 else match(2, 1, 1, item=str(k)) for k in range(12)]
    monkeypatch.setattr(ratings, "_drawn", lambda items, count, generator: ratings.np.arange(len(items)))
    by_hand = dict.fromkeys("abc", 1500.0)
    for ranking in rankings:
        for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
            first, second = (ranking.ranks["abc".index(name)] for name in (one, other))
            score = 0.5 if first == second else float(first < second)
            by_hand[one], by_hand[other] = elo_update(by_hand[one], by_hand[other], score)
    assert {name: each.value for name, each in elo(rankings, resamples=2).items()} == pytest.approx(by_hand)


def test_better_sources_rate_higher_and_the_more_matches_the_surer() -> None:
    maker = random.Random(1)
    rows = [match(*((1, 2) if maker.random() < 0.8 else (2, 1)), item=str(k)) for k in range(200)]
    few, many = trueskill(rows[:20]), trueskill(rows)
    assert [row.source for row in many.rows] == ["a", "b"]
    assert many.rows[0].sigma < few.rows[0].sigma
    assert many.rows[0].conservative == pytest.approx(many.rows[0].mu - 3 * many.rows[0].sigma)
    assert (many.rated, many.every, many.rows[0].rankings) == (200, 1, 200)
    strong = elo(rows)
    assert strong["a"].low > strong["b"].high  # type: ignore[operator]


def test_of_two_responses_of_a_source_the_first_plays() -> None:
    twice = SourceRanking("i", ("a", "a", "b"), (1, 3, 2))
    assert skills(twice) == skills(match(1, 2))
    assert trueskill([SourceRanking("i", ("a", "a"), (1, 2))]).rows == ()


def test_of_many_rankings_as_much_is_rated_as_the_limits_say(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = random.Random(2)
    rows = [match(*maker.sample(range(1, 9), 8), item=str(k // 3)) for k in range(30)]
    assert (trueskill(rows).every, trueskill(rows).rated) == (1, 30)
    monkeypatch.setattr(ratings, "MOST_RATED", 8 * 20)
    assert (trueskill(rows).every, trueskill(rows).rated) == (2, 15)
    assert sum(row.rankings for row in trueskill(rows).rows) == 8 * 15
    monkeypatch.setattr(ratings, "MOST_COMPARED", 1)
    once = elo([match(1, 2), match(1, 2)], resamples=4)
    assert (once["a"].value, once["b"].value) == (1516, 1484), "one comparison of equals, however many there are"
