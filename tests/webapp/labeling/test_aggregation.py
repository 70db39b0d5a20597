"""Consensus of an item's labels, and the wins that rankings of sources amount to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.labeling.aggregation import SourceRanking, Win, consensus, wins_of


def test_a_majority_decides_between_two() -> None:
    found = consensus([(1, 2), (1, 2), (2, 1)])
    assert (found.ranks, found.agreed, found.support, found.n) == ((1, 2), False, pytest.approx(2 / 3), 3)


def test_labels_that_say_the_same_agree_whatever_numbers_they_use() -> None:
    found = consensus([(0, 4, 4), (1, 2, 2)])
    assert (found.ranks, found.agreed, found.support) == ((1, 2, 2), True, 1)


@pytest.mark.parametrize(
    ("labels", "ranks"),
    [
        ([(1, 2), (2, 1)], (1, 1)),
        ([(1, 2), (1, 1)], (1, 2)),
        ([(1, 2, 3), (2, 1, 3)], (1, 1, 3)),
        ([(1, 2, 3), (1, 3, 2), (2, 1, 3)], (1, 2, 3)),
    ],
)
def test_without_a_majority_mean_ranks_decide(labels, ranks) -> None:
    found = consensus(labels)
    assert (found.ranks, found.agreed) == (ranks, False)


def test_a_majority_outweighs_one_extreme_ranking() -> None:
    assert consensus([(1, 2, 3, 4), (1, 2, 3, 4), (4, 3, 2, 1)]).ranks == (1, 2, 3, 4)


def test_a_consensus_needs_labels_of_the_same_responses() -> None:
    for wrong in ([], [(1, 2), (1, 2, 3)]):
        with pytest.raises(ValueError, match="same responses"):
            consensus(wrong)


@given(st.lists(st.tuples(*[st.integers(1, 4)] * 4), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_consensus_does_not_depend_on_order_or_numbering(labels, shuffler) -> None:
    found = consensus(labels)
    assert consensus(shuffler.sample(labels, len(labels))) == found
    assert consensus([ranks[::-1] for ranks in labels]).ranks == found.ranks[::-1]
    assert found.agreed == (found.support == 1)
    assert min(found.ranks) == 1


def test_ties_are_half_a_win_each_and_a_source_never_meets_itself() -> None:
    found = wins_of(
        [SourceRanking("x", ("b", "a", "b"), (1, 1, 2)), SourceRanking("y", ("c", "c"), (1, 2))]
    )  # fmt: skip
    assert found.sources == ("a", "b")
    assert found.items == 2
    assert set(found.rows) == {Win(0, 0, 1, 0.5), Win(0, 1, 0, 0.5), Win(0, 0, 1, 1.0)}


def test_five_pairs_of_a_ranking_with_one_tie_have_a_winner() -> None:
    rows = wins_of([SourceRanking("x", ("a", "b", "c", "d"), (1, 2, 2, 3))]).rows
    assert sorted(row.weight for row in rows) == [0.5, 0.5, 1, 1, 1, 1, 1]


def test_sources_and_ranks_go_together() -> None:
    with pytest.raises(ValueError, match="one rank a source"):
        SourceRanking("x", ("a", "b"), (1,))
