"""Tells when a run has what it is for, by the signs its config asks for: levelled-off reward, settled length, accuracy.

Whether a series has levelled off is a question of its noise: a short stretch of a noisy rise looks flat. So a straight
line is fitted to the window, and the series counts as flat only when the rise along it is smaller than the scatter
around it, even if the slope is off by as much as one and a half standard errors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from training.config.finish import FinishConfig
from training.events import Alert

CODE = "finish_rule"
"""Of the alert that says why a run has ended early."""

UNCERTAINTY = 1.5
"""Standard errors that the slope may be off."""

SAME = 1e-9
"""Rises below this are none: of series without any noise."""

REWARD, TRUNCATION, ACCURACY = "reward/mean", "response/truncated_share", "heldout/pass_at_1"


class Line(NamedTuple):
    """A straight line through a window of a series."""

    rise: float
    """From the first point of the window to the last."""
    error: float
    """Standard error of that."""
    noise: float
    """Standard deviation around the line."""


def fitted(values: Sequence[float]) -> Line:
    """The least-squares line through three or more values at equal distances."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((place - middle) ** 2 for place in range(count))
    slope = sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread
    left = sum((value - mean - slope * (place - middle)) ** 2 for place, value in enumerate(values))
    noise = math.sqrt(left / (count - 2))
    return Line(slope * (count - 1), noise / math.sqrt(spread) * (count - 1), noise)


def is_flat(values: Sequence[float]) -> bool:
    """Whether a series neither rises nor falls by more than it jumps from point to point."""
    line = fitted(values)
    return abs(line.rise) + UNCERTAINTY * line.error <= line.noise + SAME


class FinishMonitor:
    """Fed with the metrics of a run in their order. Its state is plain values, to be saved with a checkpoint."""

    def __init__(self, config: FinishConfig) -> None:
        self._config = config
        self._recent: dict[str, list[float]] = {}
        self._accuracy: float | None = None
        self.ended = False
        """Whether the run has ended by its rule."""

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Take in the figures of a step or of an evaluation."""
        for name in (REWARD, TRUNCATION):
            if (value := metrics.get(name)) is not None:
                self._recent[name] = [*self._recent.get(name, []), value][-self._config.window :]
        self._accuracy = metrics.get(ACCURACY, self._accuracy)

    def reason(self, step: int) -> str | None:
        """In words, why the run may end after this step; None when it has to go on."""
        config = self._config
        if not config.enabled or step < config.least_steps:
            return None
        asked: list[tuple[bool, Callable[[], str | None]]] = [
            (config.reward_flat, self._flat_reward),
            (config.truncation is not None, self._settled_length),
            (config.pass_at_1 is not None, self._reached),
        ]
        found = [sign() for wanted, sign in asked if wanted]
        there = [words for words in found if words is not None]
        enough = len(there) == len(found) if config.needs == "all" else bool(there)
        return "; ".join(there) if enough else None

    def end(self, step: int) -> Alert | None:
        """End the run if it may end after this step: what tells its followers so."""
        reason = self.reason(step)
        if reason is None:
            return None
        self.ended = True
        message = f"Ended after step {step}: {reason}."
        advice = "What the finish rule of the config asked for is there; start a run from its checkpoint to go on."
        return Alert(step=step, code=CODE, severity="info", message=message, advice=advice)

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {"recent": self._recent, "accuracy": self._accuracy, "ended": self.ended}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self._recent, self._accuracy, self.ended = state["recent"], state["accuracy"], state["ended"]

    def _window(self, name: str) -> list[float]:
        """The last values, empty while the window is not full."""
        values = self._recent.get(name, [])
        return values if len(values) == self._config.window else []

    def _flat_reward(self) -> str | None:
        values = self._window(REWARD)
        if not values or not is_flat(values):
            return None
        return f"the reward has levelled off at {sum(values) / len(values):.3g} over {len(values)} steps"

    def _settled_length(self) -> str | None:
        values, most = self._window(TRUNCATION), self._config.truncation
        if not values or most is None or sum(values) / len(values) > most + SAME or not is_flat(values):
            return None
        return f"the share of cut responses has settled at {sum(values) / len(values):.1%}"

    def _reached(self) -> str | None:
        least = self._config.pass_at_1
        if self._accuracy is None or least is None or self._accuracy < least:
            return None
        return f"held-out pass@1 is {self._accuracy:.1%}, of {least:.1%} asked for"
