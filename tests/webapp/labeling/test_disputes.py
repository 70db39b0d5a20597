"""How strongly an item is in dispute: among annotators, with the verifier, with rewards, in degree only."""

import random

import pytest

from webapp.labeling.choices import Mode
from webapp.labeling.disputes import among_annotators, in_degree, with_rewards, with_verifier

NO_VALUES: list[dict[str, str]] = [{}, {}]


@pytest.mark.parametrize(
    ("rankings", "strength"),
    [([(1, 2), (1, 2)], 0), ([(1, 2), (2, 1)], 1), ([(1, 2), (1, 1)], 0.5), ([(1, 2, 3), (1, 3, 2)], 1 / 3),
     ([(1, 2, 3), (3, 2, 1)], 1)],
)  # fmt: skip
def test_annotators_are_as_far_apart_as_their_preferences(rankings, strength) -> None:
    assert among_annotators(rankings, NO_VALUES) == pytest.approx(strength)


def test_three_annotators_are_the_mean_of_their_pairs() -> None:
    assert among_annotators([(1, 2), (1, 2), (2, 1)], [{}, {}, {}]) == pytest.approx(2 / 3)
    assert among_annotators([(1, 2)], [{}]) == 0


def test_both_good_against_both_bad_is_a_dispute_though_both_tie() -> None:
    both = [(1, 1), (1, 1)]
    assert among_annotators(both, [{"choice": "both_good"}, {"choice": "both_bad"}]) == 0.5
    assert among_annotators(both, [{"choice": "both_good"}, {"choice": "tie"}]) == 0


def test_degrees_are_points_of_the_scale_or_of_the_rubric() -> None:
    assert in_degree(Mode.PAIRWISE, [{"choice": "first_clearly"}, {"choice": "first_slightly"}]) == 0.25
    rated = [{"ratings": [{"a": 5, "b": 1}, {"a": 1, "b": 0}]}, {"ratings": [{"a": 3, "b": 1}, {"a": 1, "b": 0}]}]
    assert in_degree(Mode.RATING, rated, most_points=5) == pytest.approx(2 / 5 / 2)
    assert in_degree(Mode.RANKING, [{"ranks": [1, 2]}, {"ranks": [2, 1]}]) == 0


@pytest.mark.parametrize(
    ("human", "correct", "strength"),
    [((2, 1), (True, False), 1), ((1, 2), (True, False), 0), ((1, 1), (True, False), 0), ((2, 1), (True, None), 0),
     ((2, 1, 3), (True, False, False), 0.5), ((2, 1), (True, True), 0)],
)  # fmt: skip
def test_the_verifier_disputes_wrong_responses_that_are_preferred_to_right_ones(human, correct, strength) -> None:
    assert with_verifier(human, correct) == strength


@pytest.mark.parametrize(
    ("human", "rewards", "strength"),
    [((2, 1), (0.9, 0.1), 1), ((1, 2), (0.9, 0.1), 0), ((2, 1), (0.5, 0.5), 0), ((2, 1), (0.5, None), 0),
     ((3, 2, 1), (3, 2, 1), 1), ((1, 3, 2), (3, 2, 1), 1 / 3),
     ((3, 2, 1), (0.3, 0.2, 0.1), 0), ((3, 1, 2), (2, 0.2, 0.1), 1)],
)  # fmt: skip
def test_rewards_dispute_the_order_of_people(human, rewards, strength) -> None:
    assert with_rewards(human, rewards) == pytest.approx(strength)


@pytest.mark.parametrize("seed", range(8))
def test_strengths_are_between_nothing_and_everything_and_know_no_order_of_labels(seed: int) -> None:
    maker = random.Random(seed)
    rows = [tuple(maker.sample((1, 2, 3, 4), 4)) for _ in range(2 + seed % 3)]
    strength = among_annotators(rows, [{}] * len(rows))
    assert 0 <= strength <= 1
    assert among_annotators(rows[::-1], [{}] * len(rows)) == pytest.approx(strength)
    assert (strength == 0) == (len(set(rows)) == 1)
