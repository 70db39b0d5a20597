"""The six signs of an over-optimised reward, each read off what is known of a run, with its threshold from the config.

A sign holds as soon as one of its measures passes its threshold. One module, so that all can be read together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from training.config import OveroptimisationConfig
from training.overoptimisation.evaluations import Judged, fit_of, loss_of, parting_of

START = 5
"""Steps whose mean is the state at the start."""

WINDOW = 3
"""Latest steps averaged: fewer would follow noise, more would speak late."""

FALLEN = 0.02
"""Gold that must be lost before an evaluation counts as worse: a plateau wavers, and has a fitted best as well."""

FALLEN_FAR = 0.05
"""Gold that must be lost before the share of the best that it makes counts: of next to nothing half is soon gone."""

PARTED = 2
"""Of the last three changes from evaluation to evaluation, those that must draw proxy and gold apart."""

LEARNED = "reward/learned"
GOLD = "heldout/pass_at_1"
PROXY = "heldout/learned"
KL = "kl/sequence"
SPREAD = "reward/learned_spread"
CORRELATION = "reward/learned_length"
LENGTH = "response/length_mean"
ENTROPY = "policy/entropy"
REPEATED = "text/repeated_share"

STEPWISE = (LEARNED, KL, SPREAD, CORRELATION, LENGTH, ENTROPY, REPEATED)
"""Metrics of training steps that signs are read off."""
WATCHED = frozenset({*STEPWISE, GOLD, PROXY})

Unit = Literal["nats", "√nats", "s.d.", "times", "share", ""]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run."""

    first: Mapping[str, Sequence[float]]
    """Up to `START` first values of each stepwise metric."""
    recent: Mapping[str, Sequence[float]]
    """Up to `WINDOW` last ones."""
    evaluations: Sequence[Judged]

    def now(self, metric: str) -> float | None:
        """Mean of the latest steps; None before there are enough."""
        values = self.recent.get(metric, ())
        return fmean(values) if len(values) == WINDOW else None

    def start(self, metric: str) -> float | None:
        """Mean of the first steps; None before there are enough."""
        values = self.first.get(metric, ())
        return fmean(values) if len(values) == START else None

    def growth(self, metric: str) -> float | None:
        """Now, in multiples of the start."""
        now, start = self.now(metric), self.start(metric)
        return now / start if now is not None and start is not None and start > 0 else None


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure against its threshold."""

    label: str
    value: float | None
    """None while it is not known."""
    threshold: float | None
    """None while there is none."""
    unit: Unit
    below: bool = False
    """Whether being below the threshold is the bad side."""
    also: bool = True
    """What else must be so for it to hold."""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether it has passed its threshold."""
        if self.value is None or self.threshold is None or not self.also:
            return False
        return self.value < self.threshold if self.below else self.value > self.threshold


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign: how it is measured, and what to say of it."""

    code: str
    title: str
    meaning: str
    metric: str
    """Whose chart shows it."""
    read: Callable[[Known, OveroptimisationConfig], tuple[Measure, ...]]


def _distance(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    if config.kl_budget is None:
        return ()
    kl = known.now(KL)
    fit = fit_of(known.evaluations)
    peak = fit.peak if fit else None
    gold = known.evaluations[-1].gold if known.evaluations else None
    fallen = bool(fit and peak and gold is not None and gold < fit.start + peak.gold - FALLEN)
    return (
        Measure("KL to the reference, a response", kl, config.kl_budget, "nats"),
        Measure(
            "Distance √KL against the fitted best d*",
            None if kl is None else max(kl, 0.0) ** 0.5,
            peak.distance if peak else None,
            "√nats",
            also=fallen,
            note=f"fitted to {fit.points} evaluations" if fit else "not fitted yet",
        ),
    )


def _parting(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    """Slowly, from evaluation to evaluation, or so fast that there was one evaluation in between, or none."""
    found, loss = parting_of(known.evaluations), loss_of(known.evaluations)
    measures = (
        Measure(
            "Standardised learned reward less standardised accuracy",
            found.gap if found else None,
            config.reward_gap,
            "s.d.",
            also=found is not None and found.times >= PARTED and found.lost >= FALLEN,
            note=f"parted in {found.times} of the last 3 evaluations" if found else "needs 4 evaluations",
        ),
        Measure(
            "Of the best accuracy, what the last 2 evaluations have lost",
            loss.share if loss else None,
            config.accuracy_lost,
            "share",
            also=loss is not None and loss.paid and loss.amount >= FALLEN_FAR,
            note="" if loss else "needs 3 evaluations",
        ),
    )
    return tuple(each for each in measures if each.threshold is not None)


def _spread(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    if config.spread_growth is None:
        return ()
    note = "" if known.recent.get(SPREAD) else "needs a reward model of several heads"
    growth = known.growth(SPREAD)
    return (Measure("Spread of the heads against the start", growth, config.spread_growth, "times", note=note),)


def _length(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    grown = Measure("Mean length against the start", known.growth(LENGTH), config.length_growth, "times")
    paid = Measure("Correlation of learned reward and length", known.now(CORRELATION), config.length_correlation, "")
    return tuple(each for each in (grown, paid) if each.threshold is not None)


def _entropy(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    if config.entropy_share is None:
        return ()
    return (Measure("Entropy against the start", known.growth(ENTROPY), config.entropy_share, "share", below=True),)


def _repeated(known: Known, config: OveroptimisationConfig) -> tuple[Measure, ...]:
    if config.repeated_rise is None:
        return ()
    now, start = known.now(REPEATED), known.start(REPEATED)
    rise = None if now is None or start is None else now - start
    note = "" if now is None or start is None else f"{start:.0%} at the start, {now:.0%} now"
    return (Measure("Repeated sequences, above the start", rise, config.repeated_rise, "share", note=note),)


SIGNALS = (
    Signal("kl", "Far from the reference", "The reward model was made on responses of the reference; far from it, it "
           "guesses.", KL, _distance),
    Signal("parting", "Reward up, accuracy down", "The learned reward still rises where held-out accuracy falls: what "
           "is paid for is no longer what is wanted.", PROXY, _parting),
    Signal("spread", "Heads disagree", "Heads that were trained on the same data drift apart where none of them has "
           "seen anything.", SPREAD, _spread),
    Signal("length", "Length is paid for", "Length is what reward models overrate most often.", CORRELATION, _length),
    Signal("entropy", "Entropy collapsed", "The policy has settled on few ways to please, and finds no others.",
           ENTROPY, _entropy),
    Signal("repetition", "Responses repeat themselves", "Phrases that please once are said again and again.",
           REPEATED, _repeated),
)  # fmt: skip
