"""Ratings that are carried on from label to label, as in chess: Elo's and TrueSkill's.

Unlike the fits of `strengths` they depend on the order in which labels came; so Elo's are the mean over resamples in
random orders. TrueSkill is the package of that name (its rate of draws, 0.10, and its other figures are Microsoft's).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from webapp.labeling.aggregation import SourceRanking, Wins, wins_of
from webapp.labeling.estimates import SEED, Estimate, Floats, percentiles

ELO_START = 1500.0
ELO_K = 32.0
ELO_RESAMPLES = 200
MOST_COMPARED = 40_000
"""Comparisons of one resample; each is a step of all resamples together, 25 microseconds."""
MOST_RATED = 16_000
"""Responses that TrueSkill rates, 0.1 ms each; of more rankings it takes every second, third, …"""


@dataclass(frozen=True, slots=True)
class Skill:
    """What TrueSkill believes of a source: normal with this mean and standard deviation."""

    source: str
    mu: float
    sigma: float
    rankings: int

    @property
    def conservative(self) -> float:
        """Almost surely it is at least this good."""
        return self.mu - 3 * self.sigma


@dataclass(frozen=True, slots=True)
class Skills:
    """The best source first; ``every`` rankings one was rated."""

    rows: tuple[Skill, ...]
    rated: int
    every: int = 1


def expected_score(rating: float, other: float) -> float:
    """Elo's expectation of the score of the first, from 0 to 1."""
    return 1 / (1 + 10 ** ((other - rating) / 400))


def elo_update(rating: float, other: float, score: float, k: float = ELO_K) -> tuple[float, float]:
    """Both ratings after a comparison; ``score`` 1: the first won, 0.5: a tie, 0: it lost."""
    change = k * (score - expected_score(rating, other))
    return rating + change, other - change


def elo(rankings: Iterable[SourceRanking], resamples: int = ELO_RESAMPLES, seed: int = SEED) -> dict[str, Estimate]:
    """Mean Elo of each source over resamples of items, each in an order of its own, and percentiles over them.

    Every two responses of a ranking are a comparison. Empty without two sources that were compared.
    """
    found = wins_of(rankings)
    if len(found.sources) < 2:
        return {}
    rows, scores = _comparisons(found)
    generator = np.random.default_rng(seed)
    drawn = [_drawn(rows[:, 0], found.items, generator) for _ in range(resamples)]
    steps = min(min(len(each) for each in drawn), MOST_COMPARED)
    order = np.array([each[:steps] for each in drawn])
    ratings = np.full((resamples, len(found.sources)), ELO_START)
    every = np.arange(resamples)
    for step in order.T:
        one, other = rows[step, 1], rows[step, 2]
        change = ELO_K * (scores[step] - 1 / (1 + 10 ** ((ratings[every, other] - ratings[every, one]) / 400)))
        ratings[every, one] += change
        ratings[every, other] -= change
    return {
        name: Estimate(float(ratings[:, k].mean()), found.items, *percentiles(ratings[:, k]))
        for k, name in enumerate(found.sources)
    }


def trueskill(rankings: Sequence[SourceRanking]) -> Skills:
    """Rate the sources in the order of the rankings, each of which is a match of all against all, ties as draws.

    Of several responses of one source in a ranking the first counts, since a player plays a match once.
    """
    from trueskill import TrueSkill

    system = TrueSkill()
    usable = [ranking for ranking in map(_players, rankings) if len(ranking) > 1]
    every = 1 + sum(map(len, usable)) // MOST_RATED
    taken = usable[::every]
    ratings = {name: system.create_rating() for ranking in taken for name in ranking}
    counts = dict.fromkeys(ratings, 0)
    for ranking in taken:
        rated = system.rate([{name: ratings[name]} for name in ranking], ranks=list(ranking.values()))
        for group in rated:
            ratings.update(group)
        for name in ranking:
            counts[name] += 1
    rows = [Skill(name, float(each.mu), float(each.sigma), counts[name]) for name, each in ratings.items()]
    return Skills(tuple(sorted(rows, key=lambda row: (-row.mu, row.source))), len(taken), every)


def _players(ranking: SourceRanking) -> dict[str, int]:
    """Ranks by source."""
    return dict(reversed(list(zip(ranking.sources, ranking.ranks, strict=True))))


def _comparisons(found: Wins) -> tuple[np.ndarray, Floats]:
    """Rows of item, one source, other source; and the score of the one. The two halves of a tie become one row."""
    rows, scores = [], []
    ties = 0
    for win in found.rows:
        if win.weight == 1:
            rows.append((win.item, win.winner, win.loser))
            scores.append(1.0)
        else:
            ties += 1
            if ties % 2:
                rows.append((win.item, win.winner, win.loser))
                scores.append(0.5)
    return np.array(rows, int), np.array(scores, float)


def _drawn(items: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Places of the comparisons of a resample of items, in a random order."""
    times = np.bincount(generator.integers(count, size=count), minlength=count)
    return generator.permutation(np.repeat(np.arange(len(items)), times[items]))
