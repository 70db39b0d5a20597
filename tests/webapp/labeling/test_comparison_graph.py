"""Which sources were compared: wins, islands, and those that never lost or never won."""

import pytest

from webapp.labeling.aggregation import SourceRanking, wins_of
from webapp.labeling.comparison_graph import ComparisonGraph, comparison_graph


def graph(*rows: tuple[str, tuple[int, ...]]) -> ComparisonGraph:
    return comparison_graph(
        wins_of(SourceRanking(str(k), tuple(names), ranks) for k, (names, ranks) in enumerate(rows))
    )


def test_wins_are_counted_and_ties_halved() -> None:
    found = graph(("ab", (1, 2)), ("ab", (2, 1)), ("ab", (1, 1)), ("abc", (1, 2, 3)))
    assert found.sources == ("a", "b", "c")
    assert found.wins == ((0, 2.5, 1), (1.5, 0, 1), (0, 0, 0))
    assert (found.islands, found.unbeaten, found.winless) == ((("a", "b", "c"),), (), ("c",))


def test_sources_that_never_met_are_on_different_islands() -> None:
    found = graph(("de", (1, 2)), ("ab", (1, 2)), ("bc", (1, 2)))
    assert found.islands == (("a", "b", "c"), ("d", "e"))
    assert found.unbeaten == ("a", "d")


@pytest.mark.parametrize("rows", [[], [("aa", (1, 2))]])
def test_without_comparisons_there_is_nothing(rows: list[tuple[str, tuple[int, ...]]]) -> None:
    assert graph(*rows) == ComparisonGraph((), (), (), (), ())
