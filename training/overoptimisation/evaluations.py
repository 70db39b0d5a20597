"""What evaluations tell of a learned reward: whether gold follows proxy, and how far it is worth going.

Gold is the held-out accuracy, proxy the learned reward of the same answers, and the distance √KL to the reference in
square roots of nats.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import NamedTuple

from training.algorithms.overoptimisation import GoldCurve, Method, Peak, fit_gold_curve

FEWEST_FITTED = 4
"""Evaluations away from the start that a fit must rest on: two already determine a curve, and say nothing then."""

LOOKED_AT = 3
"""Consecutive changes from evaluation to evaluation that are looked at."""

FEWEST_LOST = 3
"""Evaluations, the first included, before a fall of the last two can be told."""


class Judged(NamedTuple):
    """One evaluation. Plain values, so that it can be saved as they are."""

    step: int
    distance: float | None
    """√KL there; None where it was not measured."""
    gold: float
    proxy: float | None


@dataclass(frozen=True, slots=True)
class Fit:
    """The gold curve through the evaluations of a run."""

    curve: GoldCurve
    start: float
    """Gold of the initial policy, from which the curve counts."""
    points: int
    """Evaluations it rests on, without the start."""
    peak: Peak | None
    """Where the curve is highest, if evaluations lie nearer and farther: beyond them, two numbers only guess."""


def fit_of(evaluations: Sequence[Judged], method: Method = "rl", fewest: int = FEWEST_FITTED) -> Fit | None:
    """The curve through them; None where the start was not evaluated, or too few are there to fit one."""
    if not evaluations or evaluations[0].distance != 0:
        return None
    start = evaluations[0].gold
    away = [(each.distance, each.gold - start) for each in evaluations if each.distance]
    if len(away) < fewest:
        return None
    try:
        curve = fit_gold_curve(method, [distance for distance, _ in away], [gold for _, gold in away])
    except ValueError:
        return None
    peak, distances = curve.peak(), [distance for distance, _ in away]
    is_between = peak is not None and min(distances) < peak.distance < max(distances)
    return Fit(curve, start, len(away), peak if is_between else None)


@dataclass(frozen=True, slots=True)
class Parting:
    """How far proxy and gold have drawn apart."""

    gap: float
    """Standardised proxy less standardised gold at the last evaluation, in standard deviations over all of them."""
    times: int
    """Of the last `LOOKED_AT` changes, those with the proxy up and gold down."""
    lost: float
    """Gold lost since the best of the evaluations between which those changes lie."""


def parting_of(evaluations: Sequence[Judged]) -> Parting | None:
    """At the last evaluation; None before there are enough, and where either has never changed."""
    known = [(each.proxy, each.gold) for each in evaluations if each.proxy is not None]
    if len(known) <= LOOKED_AT:
        return None
    proxies, golds = zip(*known, strict=True)
    spreads = pstdev(proxies), pstdev(golds)
    if min(spreads) == 0 or not all(map(math.isfinite, spreads)):
        return None
    gap = (proxies[-1] - fmean(proxies)) / spreads[0] - (golds[-1] - fmean(golds)) / spreads[1]
    last = known[-LOOKED_AT - 1 :]
    times = sum(now[0] > before[0] and now[1] < before[1] for before, now in itertools.pairwise(last))
    return Parting(gap, times, max(gold for _, gold in last) - golds[-1])


@dataclass(frozen=True, slots=True)
class Loss:
    """What is left of the best accuracy."""

    share: float
    """Of the best gold so far, what both of the last two evaluations have lost."""
    amount: float
    """The same in gold."""
    paid: bool
    """Whether the proxy stands higher now than it did at that best."""


def loss_of(evaluations: Sequence[Judged]) -> Loss | None:
    """At the last two evaluations: one may be low by chance. None before there are three, or where all was wrong."""
    known = [(each.gold, each.proxy) for each in evaluations if each.proxy is not None]
    if len(known) < FEWEST_LOST:
        return None
    best, proxy = max(known, key=lambda each: each[0])
    amount = best - max(gold for gold, _ in known[-2:])
    return Loss(amount / best, amount, known[-1][1] > proxy) if best > 0 else None
