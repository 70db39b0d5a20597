"""Where agreement comes from: by annotator, by how far lengths differ, by what was shown first, and at what pace."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from webapp.labeling.agreement import Keep
from webapp.labeling.estimates import Estimate, estimate, share
from webapp.labeling.label_table import Label

LENGTH_GAPS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Ends of the bins: the last one holds the items whose longest response is over twice as long as the shortest."""
Measure = Callable[[Iterable[Label], Keep | None], Estimate]
"""`exact_agreement`, `relaxed_agreement`, `pair_agreement` or `kendall_tau`."""


@dataclass(frozen=True, slots=True)
class LengthGap:
    """Agreement on the items whose lengths differ by ``low`` to ``high``, the upper end only in the last bin."""

    low: float
    high: float
    agreement: Estimate


def by_length_gap(
    labels: Sequence[Label], measure: Measure, ends: Sequence[float] = LENGTH_GAPS
) -> tuple[LengthGap, ...]:
    """Agreement by `length_gap`, a bin for every two ``ends``; labels without lengths are in none."""
    gaps = [(label, length_gap(label)) for label in labels]
    bins = []
    for low, high in pairwise(ends):
        last = high == ends[-1]
        within = [label for label, gap in gaps if gap is not None and (low <= gap < high or (last and gap == high))]
        bins.append(LengthGap(low, high, measure(within, None)))
    return tuple(bins)


def by_order_shown(labels: Sequence[Label], measure: Measure) -> dict[str, Estimate]:
    """Agreement of annotators who saw the responses in the ``same`` order and in a ``different`` one.

    Where position sways annotators, the same order makes them agree more than they would on the responses alone.
    """
    known = [label for label in labels if label.order]
    return {
        "same": measure(known, lambda one, other: one.order == other.order),
        "different": measure(known, lambda one, other: one.order != other.order),
    }


def length_gap(label: Label) -> float | None:
    """How much shorter the shortest response is than the longest, as a part of the longest; None if unknown."""
    if not label.lengths:
        return None
    longest = max(label.lengths)
    return (longest - min(label.lengths)) / longest if longest else 0.0


def position_bias(labels: Iterable[Label]) -> Estimate:
    """Share of labels that prefer the response shown first to the one shown last; Wilson interval; ties left out.

    Without bias it is 0.5, as orders are drawn. Of more than two responses only these two are held against each other,
    so that each label is one trial.
    """
    wins = losses = 0
    for label in labels:
        if label.order:
            first, last = (label.ranking[label.order[place]] for place in (0, -1))
            wins, losses = wins + (first < last), losses + (first > last)
    return share(wins, wins + losses, "No label with a known order prefers either end of it.")


class Timed(Protocol):
    """Anything that took a time, such as a label or a stored annotation."""

    @property
    def seconds(self) -> float | None: ...


def median_seconds(labels: Iterable[Timed]) -> Estimate:
    """Median time that a label took, with a bootstrap interval over labels."""
    seconds = np.array([label.seconds for label in labels if label.seconds is not None], float)
    return estimate(lambda at: float(np.median(seconds[at])), len(seconds), "No label has a time.")


def too_fast(labels: Iterable[Timed], threshold: float) -> Estimate:
    """Share of labels given in less than ``threshold`` seconds, with a Wilson interval."""
    seconds = [label.seconds for label in labels if label.seconds is not None]
    return share(sum(each < threshold for each in seconds), len(seconds), "No label has a time.")


def takes_part(name: str) -> Keep:
    """Keeps the pairs of labels of which one is this annotator's."""
    return lambda one, other: name in (one.annotator, other.annotator)
