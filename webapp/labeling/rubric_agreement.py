"""How far annotators agree on each criterion of a rubric."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from webapp.labeling.agreement import LEAST_RESAMPLES, MOST_CELLS, NO_OVERLAP, NO_VARIANCE, alpha_of_counts
from webapp.labeling.estimates import RESAMPLES, Estimate, estimate, ratio, undefined

Ratings = Sequence[Sequence[int]]
"""Points [annotator][response] of one item by one criterion."""


def criterion_alpha(items: Iterable[Ratings], lowest: int, highest: int) -> Estimate:
    """Krippendorff's ordinal alpha of points from ``lowest`` to ``highest``, each response a unit."""
    rated = [ratings for ratings in items if len(ratings) > 1]
    if not rated:
        return undefined(NO_OVERLAP)
    most = max(len(points) for ratings in rated for points in ratings)
    counts = np.zeros((len(rated), most, highest - lowest + 1), int)
    for number, ratings in enumerate(rated):
        for points in ratings:
            for unit, value in enumerate(points):
                counts[number, unit, value - lowest] += 1
    resamples = min(RESAMPLES, max(LEAST_RESAMPLES, MOST_CELLS // counts.size))
    return estimate(
        lambda at: alpha_of_counts(counts[at].reshape(-1, counts.shape[2]), "ordinal"),
        len(rated), NO_VARIANCE, resamples=resamples,
    )  # fmt: skip


def criterion_exact(items: Iterable[Ratings]) -> Estimate:
    """Share of pairs of annotators that give a response the same points."""
    tops, bottoms = [], []
    for ratings in items:
        pairs = [both for one, other in combinations(ratings, 2) for both in zip(one, other, strict=True)]
        tops.append(float(sum(a == b for a, b in pairs)))
        bottoms.append(float(len(pairs)))
    return ratio(tops, bottoms, NO_OVERLAP)
