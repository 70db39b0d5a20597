"""Figures with their uncertainty: percentile bootstrap over items, Wilson intervals, or a reason why there is none."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
RESAMPLES = 500
"""Enough for the ends of a 95 % interval to two digits; more would only make the page slower."""
LEVEL = 0.95
SEED = 20_240_601
DECIMALS = 9
LEAST_DEFINED = 0.5
"""Share of resamples in which a figure must be defined before its interval is believed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure and its 95 % interval; ``reason`` says why ``value`` is None."""

    value: float | None
    n: int
    """Items (of shares: labels) that it rests on."""
    low: float | None = None
    high: float | None = None
    reason: str = ""
    left_out: int = 0
    """Items with labels that it could not use."""

    def as_json(self) -> dict[str, Any]:
        """All fields; figures without the noise of their last digits, which would make 0 a -2e-17."""
        figures = {name: getattr(self, name) for name in ("value", "low", "high")}
        return asdict(self) | {
            name: None if each is None else round(each, DECIMALS) + 0.0 for name, each in figures.items()
        }


def undefined(reason: str, n: int = 0, left_out: int = 0) -> Estimate:
    """No figure, and why."""
    return Estimate(None, n, reason=reason, left_out=left_out)


def bootstrap(
    statistic: Callable[[Places], float], n: int, seed: int = SEED, resamples: int = RESAMPLES
) -> tuple[float | None, float | None]:
    """Percentile interval of ``statistic`` over resamples of ``n`` items, given to it as numbers of items.

    The statistic returns NaN where it is undefined; (None, None) where that is so in half of the resamples, or with
    fewer than two items, which say nothing about their spread.
    """
    if n < 2:
        return None, None
    generator = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        values = np.array([statistic(generator.integers(n, size=n)) for _ in range(resamples)], float)
    return percentiles(values)


def percentiles(values: Floats) -> tuple[float | None, float | None]:
    """Ends of the 95 % interval of resampled figures, NaN where undefined."""
    defined = values[np.isfinite(values)]
    if len(defined) < max(1.0, LEAST_DEFINED * len(values)):
        return None, None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def estimate(
    statistic: Callable[[Places], float], n: int, reason: str, left_out: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """The statistic of all ``n`` items with its bootstrap interval; ``reason`` where it is not finite."""
    with np.errstate(all="ignore"):
        value = float(statistic(np.arange(n))) if n else float("nan")
    if not isfinite(value):
        return undefined(reason, n, left_out)
    low, high = bootstrap(statistic, n, resamples=resamples)
    return Estimate(value, n, low, high, left_out=left_out)


def ratio(tops: Sequence[float], bottoms: Sequence[float], reason: str) -> Estimate:
    """Sum of ``tops`` over sum of ``bottoms``, one of each an item; items with bottom 0 are left out."""
    above, below = np.asarray(tops, float), np.asarray(bottoms, float)
    used = below > 0
    left_out = int(np.sum(~used))
    above, below = above[used], below[used]
    return estimate(lambda at: float(above[at].sum() / below[at].sum()), len(above), reason, left_out)


def share(count: int, n: int, reason: str) -> Estimate:
    """A share of independent labels with its Wilson interval."""
    # scipy.stats takes half a second to load: only processes that show statistics pay for it.
    from scipy.stats import binomtest

    if not n:
        return undefined(reason)
    low, high = binomtest(count, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(count / n, n, float(low), float(high))
