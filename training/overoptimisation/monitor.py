"""Follows a run whose reward is learned, says when a sign of over-optimisation comes up, and when to stop."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.config import OveroptimisationConfig
from training.events import Alert
from training.overoptimisation.evaluations import Judged
from training.overoptimisation.signals import (
    GOLD,
    KL,
    LEARNED,
    PROXY,
    SIGNALS,
    START,
    STEPWISE,
    WATCHED,
    WINDOW,
    Known,
    Measure,
    Signal,
)  # fmt: skip

CODE = "overoptimisation_"
"""What the codes of these alerts begin with; the sign's own follows."""

STOPPED = f"{CODE}stop"

QUIET_STEPS = 5
"""Steps a sign must be away before it is announced again: a figure near its threshold is one episode."""

MOST_EVALUATIONS = 500
"""Remembered; the first stays, since it is the start."""

ADVICE = (
    "Read the best-paid responses of this step, and compare the checkpoint before with the newest on held-out "
    "problems. Then train the reward model on what the policy writes now, or lower the learning rate or raise the "
    "KL coefficient."
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A sign at this moment."""

    signal: Signal
    measures: tuple[Measure, ...]
    """Empty where it is not watched."""
    since: int | None
    """Step at which it came up; None where it does not hold."""

    @property
    def holds(self) -> bool:
        """Whether it is there."""
        return any(measure.holds for measure in self.measures)

    @property
    def is_known(self) -> bool:
        """Whether any of its measures could be taken."""
        return any(measure.value is not None and measure.threshold is not None for measure in self.measures)


class OveroptimisationMonitor:
    """Fed with the metrics of a run in their order. Its state is plain values, to be saved with a checkpoint.

    Silent until a learned reward is reported.
    """

    def __init__(self, config: OveroptimisationConfig) -> None:
        self._config = config
        self._first: dict[str, list[float]] = {}
        self._recent: dict[str, list[float]] = {}
        self._evaluations: list[Judged] = []
        self._since: dict[str, int] = {}
        self._held: dict[str, int] = {}
        """Step at which each sign was seen last."""
        self._alarm: int | None = None
        self._stopped: int | None = None

    @property
    def alarm(self) -> int | None:
        """Step of the first alarm of the run: checkpoints before it are good."""
        return self._alarm

    @property
    def stops(self) -> int | None:
        """Step at which the run was to stop; None if it never was."""
        return self._stopped

    @property
    def evaluations(self) -> list[Judged]:
        """What evaluations have shown so far."""
        return list(self._evaluations)

    @property
    def known(self) -> Known:
        """What signs are read off."""
        return Known(self._first, self._recent, self._evaluations)

    def observe(self, step: int, metrics: Mapping[str, float]) -> list[Alert]:
        """Take in figures of `step`; returns what has to be said now."""
        if not self._take_in(step, metrics) or not self._config.enabled or LEARNED not in self._recent:
            return []
        said: list[Alert] = []
        for reading in self._read():
            code = reading.signal.code
            if not reading.holds:
                self._since.pop(code, None)
                continue
            self._since.setdefault(code, step)
            last, self._held[code] = self._held.get(code), step
            if last is None or step - last > QUIET_STEPS:
                said.append(_alert(reading, step))
        if self._since and self._alarm is None:
            self._alarm = step
        if self._config.action == "stop" and self._stopped is None and len(self._since) >= self._config.stop_signals:
            self._stopped = step
        return said

    def readings(self) -> list[Reading]:
        """All six signs as they stand."""
        return self._read()

    def state_dict(self) -> dict[str, Any]:
        """Everything remembered."""
        return {
            "first": self._first,
            "recent": self._recent,
            "evaluations": [tuple(each) for each in self._evaluations],
            "since": self._since,
            "held": self._held,
            "alarm": self._alarm,
            "stopped": self._stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another monitor did."""
        self._first, self._recent, self._since, self._held = (
            state[name] for name in ("first", "recent", "since", "held")
        )
        self._evaluations = [Judged(*each) for each in state["evaluations"]]
        self._alarm, self._stopped = state["alarm"], state["stopped"]

    def _take_in(self, step: int, metrics: Mapping[str, float]) -> bool:
        """Whether there was anything to look at. What is no number says nothing, such as a correlation of 0/0."""
        metrics = {name: metrics[name] for name in WATCHED & metrics.keys() if math.isfinite(metrics[name])}
        if not metrics:
            return False
        for name in STEPWISE:
            if name in metrics:
                _append(self._recent.setdefault(name, []), metrics[name], WINDOW)
                if len(first := self._first.setdefault(name, [])) < START:
                    first.append(metrics[name])
        if GOLD in metrics:
            self._judge(step, metrics)
        return True

    def _judge(self, step: int, metrics: Mapping[str, float]) -> None:
        """An evaluation: the distance is that of the step before it; the start is no distance away."""
        kl = self._recent.get(KL)
        distance = 0.0 if step == 0 else max(kl[-1], 0.0) ** 0.5 if kl else None
        self._evaluations.append(Judged(step, distance, metrics[GOLD], metrics.get(PROXY)))
        del self._evaluations[1 : max(len(self._evaluations) - MOST_EVALUATIONS, 0) + 1]

    def _read(self) -> list[Reading]:
        known = self.known
        return [Reading(signal, signal.read(known, self._config), self._since.get(signal.code)) for signal in SIGNALS]


def stop_alert(step: int, good: int | None, readings: list[Reading]) -> Alert:
    """Says that the run ends because of the signs that hold, and which checkpoint is the last from before them."""
    signs = ", ".join(reading.signal.title.lower() for reading in readings if reading.holds)
    where = (
        f"The last good checkpoint is that of step {good}; it is kept."
        if good is not None
        else "No checkpoint was saved before; what it started from is the last good model."
    )
    return Alert(
        step=step,
        code=STOPPED,
        severity="error",
        message=f"The learned reward is being gamed ({signs}), so the run ends here. {where}",
        advice="Start from that checkpoint with another reward model. A resume goes on, and is not stopped again.",
        metric=LEARNED,
    )


def _alert(reading: Reading, step: int) -> Alert:
    seen = "; ".join(_words(measure) for measure in reading.measures if measure.holds)
    return Alert(
        step=step,
        code=CODE + reading.signal.code,
        severity="error" if reading.signal.code == "parting" else "warning",
        message=f"{reading.signal.title}: {seen}.",
        advice=ADVICE,
        metric=reading.signal.metric,
    )


def _words(measure: Measure) -> str:
    return f"{measure.label} is {amount(measure.value, measure.unit)} ({amount(measure.threshold, measure.unit)})"


def amount(value: float | None, unit: str) -> str:
    """A figure with its unit, for people."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{round(value, 2) + 0.0:.0%}"  # no -0%
    return f"{value:.2f}{'×' if unit == 'times' else f' {unit}' if unit else ''}"


def _append(values: list[float], value: float, most: int) -> None:
    values.append(value)
    del values[:-most]
