"""Strengths of sources from comparisons of their responses: Bradley-Terry and Plackett-Luce, fitted by choix.

Log-strengths have mean 0: ``P(i better than j) = 1 / (1 + exp(s_j - s_i))``, and only their differences mean anything.
choix takes 0.5 s to load, so it is imported where it is used.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webapp.labeling.aggregation import SourceRanking, wins_of
from webapp.labeling.clustered_errors import plackett_luce_errors
from webapp.labeling.estimates import RESAMPLES, SEED, Estimate, Floats, Places, percentiles

ALPHA = 0.01
"""Rate that choix adds between all sources where the likelihood alone has no finite maximum."""
MOST_ITERATIONS = 1_000
RESAMPLE_TOLERANCE = 1e-5
ELO_PER_LOG_STRENGTH = 400 / log(10)
RANKING_RESAMPLES = 200
MOST_RANKED = 400_000
"""Responses that all resamples of Plackett-Luce may read together: choix walks over them in Python, a few seconds."""
LEAST_RESAMPLES = 50
NORMAL = 1.959964
"""Standard errors from the mean to either end of a normal 95 % interval."""
NO_END = "The comparisons are so one-sided that the fit finds no end."
TOO_FEW = "Two different sources must have been compared."

Fit = Callable[[Places, Floats | None], tuple[Floats, bool]]
"""Log-strengths of these items, from a start or none, and whether they had to be regularised."""
Errors = Callable[[Floats], Floats | None]
"""Standard errors of log-strengths, where they are not to be resampled."""


@dataclass(frozen=True, slots=True)
class Strength:
    """One source."""

    source: str
    log_strength: Estimate
    """Against the mean of all sources."""
    wins: float
    comparisons: int
    win_share: Estimate
    expected_wins: float
    """By the log-strengths. Those of Bradley-Terry without regularisation make it equal to ``wins``."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """All sources, the strongest first; none where ``reason`` says why."""

    rows: tuple[Strength, ...]
    n: int
    """Items."""
    alpha: float = 0.0
    """Regularisation; above 0 only where not every source beat and lost to every other one, directly or by others."""
    regularised_resamples: float = 0.0
    """Share of the resamples behind the intervals that needed it."""
    reason: str = ""


def bradley_terry(rankings: Iterable[SourceRanking], resamples: int = RESAMPLES, seed: int = SEED) -> Strengths:
    """Strengths from every two responses of a ranking, ties as half a win each, with intervals over items."""
    table = _Table(list(rankings))
    return _strengths(table, lambda at, start: _fit_wins(table.wins(at), start), resamples, seed)


def plackett_luce(rankings: Iterable[SourceRanking], resamples: int | None = None, seed: int = SEED) -> Strengths:
    """Strengths from whole rankings, chosen from the top; of pairs the same as `bradley_terry`.

    Each ranking counts as two, with its ties in one order and in the other, which gives half a win each. Of several
    responses of one source in a ranking the first counts. With so many rankings that fewer than `LEAST_RESAMPLES` could
    be fitted in the time, intervals of strengths come from `clustered_errors`, and there are none of regularised ones.
    """
    table = _Table([_distinct(ranking) for ranking in rankings])
    numbers = {name: number for number, name in enumerate(table.sources)}
    orders: list[list[list[int]]] = [[] for _ in range(table.items)]
    for item, ranking in zip(table.item_numbers, table.rankings, strict=True):
        places = [(rank, numbers[name]) for name, rank in zip(ranking.sources, ranking.ranks, strict=True)
                  if name in numbers]  # fmt: skip
        for sign in (1, -1):
            orders[item].append([number for _, number in sorted(places, key=lambda place: (place[0], sign * place[1]))])
    read = sum(len(order) for item in orders for order in item)
    fitted = min(RANKING_RESAMPLES, MOST_RANKED // max(read, 1)) if resamples is None else resamples
    many = resamples is None and fitted < LEAST_RESAMPLES

    def fit(at: Places, start: Floats | None) -> tuple[Floats, bool]:
        return _fit_rankings([order for item in at for order in orders[item]], table.wins(at), start)

    if many:
        return _strengths(table, fit, RANKING_RESAMPLES, seed, lambda params: plackett_luce_errors(params, orders))
    return _strengths(table, fit, fitted, seed)


def win_probability(log_strength: float, other: float) -> float:
    """That a response of the first source is preferred to one of the other, ties left aside."""
    return 1 / (1 + exp(other - log_strength))


def elo_difference(log_strength: float, other: float) -> float:
    """The difference on Elo's scale, where 400 points are odds of 10 to 1."""
    return (log_strength - other) * ELO_PER_LOG_STRENGTH


class _Table:
    """Comparisons as arrays, from which the wins in any resample of items are one sum."""

    def __init__(self, rankings: Sequence[SourceRanking]) -> None:
        found = wins_of(rankings)
        self.rankings, self.sources, self.items = rankings, found.sources, found.items
        numbers: dict[str, int] = {}
        self.item_numbers = [numbers.setdefault(ranking.item, len(numbers)) for ranking in rankings]
        self._item = np.array([row.item for row in found.rows], int)
        self._cell = np.array([row.winner * len(self.sources) + row.loser for row in found.rows], int)
        self._weight = np.array([row.weight for row in found.rows], float)

    def wins(self, at: Places) -> Floats:
        """Wins [winner, loser] in these items, each as often as it is named."""
        times = np.bincount(at, minlength=self.items)
        size = len(self.sources)
        counted = np.bincount(self._cell, weights=self._weight * times[self._item], minlength=size**2)
        return np.asarray(counted.reshape(size, size), float)


def _distinct(ranking: SourceRanking) -> SourceRanking:
    first = {name: place for place, name in reversed(list(enumerate(ranking.sources)))}
    places = sorted(first.values())
    if len(places) < 2 or len(places) == len(ranking.sources):
        return ranking
    return SourceRanking(
        ranking.item, tuple(ranking.sources[place] for place in places), tuple(ranking.ranks[place] for place in places)
    )


def _strengths(table: _Table, fit: Fit, resamples: int, seed: int, errors: Errors | None = None) -> Strengths:
    if len(table.sources) < 2:
        return Strengths((), table.items, reason=TOO_FEW)
    everything = np.arange(table.items)
    params, regularised = fit(everything, None)
    if not np.isfinite(params).all():
        return Strengths((), table.items, reason=NO_END)
    observed = table.wins(everything)
    refit = None if errors else lambda at: fit(at, params)
    fits, shares, needed = _resampled(table, refit, resamples, seed)
    ends = _ends(params, None if regularised else errors(params)) if errors else list(map(percentiles, fits.T))
    counts, expected, won = observed + observed.T, _expected_wins(params, observed), _win_shares(observed)
    rows = [
        Strength(
            name,
            Estimate(float(params[k]), table.items, *ends[k]),
            float(observed[k].sum()),
            round(float(counts[k].sum())),
            Estimate(float(won[k]), table.items, *percentiles(shares[:, k])),
            float(expected[k]),
        )
        for k, name in enumerate(table.sources)
    ]
    rows.sort(key=lambda row: -(row.log_strength.value or 0.0))
    return Strengths(tuple(rows), table.items, ALPHA if regularised else 0.0, needed)


def _ends(params: Floats, errors: Floats | None) -> list[tuple[float | None, float | None]]:
    """Ends of normal 95 % intervals; none where an error is unknown or infinite."""
    if errors is None:
        return [(None, None)] * len(params)
    return [
        (float(value - NORMAL * error), float(value + NORMAL * error)) if np.isfinite(error) else (None, None)
        for value, error in zip(params, errors, strict=True)
    ]


def _resampled(
    table: _Table, fit: Callable[[Places], tuple[Floats, bool]] | None, resamples: int, seed: int
) -> tuple[Floats, Floats, float]:
    """Log-strengths and win shares [resamples, sources], and the share of the fits that were regularised.

    Without ``fit`` the log-strengths are NaN.
    """
    generator = np.random.default_rng(seed)
    unknown = np.full(len(table.sources), nan)
    fits, shares, needed = [], [], 0
    for _ in range(resamples if table.items > 1 else 0):
        at = generator.integers(table.items, size=table.items)
        found, regularised = fit(at) if fit else (unknown, False)
        fits.append(found)
        shares.append(_win_shares(table.wins(at)))
        needed += regularised
    shape = len(fits), len(table.sources)
    return np.reshape(fits, shape).astype(float), np.reshape(shares, shape).astype(float), needed / max(len(fits), 1)


def _fit_wins(wins: Floats, start: Floats | None) -> tuple[Floats, bool]:
    from choix import ilsr_pairwise_dense

    return _fit(lambda **options: ilsr_pairwise_dense(wins, **options), wins, start)


def _fit_rankings(orders: list[list[int]], wins: Floats, start: Floats | None) -> tuple[Floats, bool]:
    from choix import ilsr_rankings

    return _fit(lambda **options: ilsr_rankings(len(wins), orders, **options), wins, start)


def _fit(solve: Callable[..., NDArray[np.float64]], wins: Floats, start: Floats | None) -> tuple[Floats, bool]:
    """Without regularisation where the maximum is finite and found, else with it."""
    options: dict[str, Any] = {"initial_params": start, "max_iter": MOST_ITERATIONS}
    if start is not None:
        options["tol"] = RESAMPLE_TOLERANCE
    try:
        if _strongly_connected(wins):
            return np.asarray(solve(**options), float), False
        return np.asarray(solve(alpha=ALPHA, **options), float), True
    except (RuntimeError, ValueError):
        # So one-sided that the iteration finds no end: NaN, which intervals leave out.
        return np.full(len(wins), nan), True


def _strongly_connected(wins: Floats) -> bool:
    """Whether from each source a chain of wins leads to each other one: then the maximum is finite and unique."""
    from scipy.sparse.csgraph import connected_components

    number, _ = connected_components(wins > 0, directed=True, connection="strong")
    return bool(number == 1)


def _win_shares(wins: Floats) -> Floats:
    total = wins.sum(axis=1) + wins.sum(axis=0)
    return np.asarray(np.divide(wins.sum(axis=1), total, out=np.full(len(wins), nan), where=total > 0), float)


def _expected_wins(params: Floats, wins: Floats) -> Floats:
    probability = 1 / (1 + np.exp(params[None, :] - params[:, None]))
    return np.asarray(((wins + wins.T) * probability).sum(axis=1), float)
