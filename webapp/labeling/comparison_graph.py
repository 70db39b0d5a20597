"""Which sources were compared with which, and what keeps their strengths from being told."""

from dataclasses import dataclass

import numpy as np

from webapp.labeling.aggregation import Wins


@dataclass(frozen=True, slots=True)
class ComparisonGraph:
    """Wins between sources, by name, and the groups into which they fall."""

    sources: tuple[str, ...]
    wins: tuple[tuple[float, ...], ...]
    """[winner][loser]; a tie is half a win each way."""
    islands: tuple[tuple[str, ...], ...]
    """Sources linked by comparisons, directly or by others; strengths in different islands have no common zero."""
    unbeaten: tuple[str, ...]
    """Sources that were compared and never lost; the likelihood alone would make them infinitely strong."""
    winless: tuple[str, ...]
    """Sources that were compared and never won."""


def comparison_graph(found: Wins) -> ComparisonGraph:
    """The graph of all comparisons; sources by name."""
    from scipy.sparse.csgraph import connected_components

    size = len(found.sources)
    wins = np.zeros((size, size))
    for row in found.rows:
        wins[row.winner, row.loser] += row.weight
    number, labels = connected_components(wins > 0, directed=True, connection="weak") if size else (0, [])
    islands = [tuple(name for name, at in zip(found.sources, labels, strict=True) if at == k) for k in range(number)]
    return ComparisonGraph(
        found.sources,
        tuple(tuple(float(each) for each in row) for row in wins),
        tuple(sorted(islands, key=lambda names: (-len(names), names))),
        tuple(name for name, lost in zip(found.sources, wins.sum(axis=0), strict=True) if not lost),
        tuple(name for name, won in zip(found.sources, wins.sum(axis=1), strict=True) if not won),
    )
