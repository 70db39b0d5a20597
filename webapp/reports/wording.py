"""How the figures of a report are written: the same on the page and in every file."""

from training.events.metrics import MetricInfo
from webapp.core.templatetags.espalier import duration, figure
from webapp.reports.arrival import Arrival, Ratio
from webapp.reports.statistics import Difference, Plateau, Spread
from webapp.runs.axes import Axis

NONE = "–"
AXIS_WORDS: dict[Axis, str] = {"step": "steps", "tokens": "generated tokens", "time": "seconds of training"}
AXIS_TITLES: dict[Axis, str] = {"step": "Steps", "tokens": "Tokens", "time": "Time"}
TRENDS = {
    "flat": "level",
    "rising": "still rising",
    "falling": "falling",
    "unknown": "too few points to tell whether it moves",
}
ONE_SEED = "One seed: no interval. How far seeds differ cannot be seen from a single one."


def glued(text: str) -> str:
    """The same text, which is never broken into lines."""
    return text.replace(" ", "\u00a0")


def value_of(info: MetricInfo, value: float | None) -> str:
    """A value of the metric: shares as percentages."""
    if value is None:
        return NONE
    return f"{100 * value:.1f}\u00a0%" if info.unit == "share" else figure(value)


def gap_of(info: MetricInfo, value: float) -> str:
    """A difference with its sign; between shares, in percentage points."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return sign + (f"{100 * abs(value):.1f} points" if info.unit == "share" else figure(abs(value)))


def gap_words(info: MetricInfo, gap: Spread) -> str:
    """``+3.1 points, 95 % +1.0 … +5.2``: differences seed by seed, their mean and its interval."""
    if gap.interval is None:
        return gap_of(info, gap.mean)
    ends = " … ".join(gap_of(info, end).removesuffix(" points") for end in gap.interval)
    return f"{gap_of(info, gap.mean)}, {glued(f'95 % {ends}')}"


def spent_of(axis: Axis, value: float | None) -> str:
    """Steps, tokens or time."""
    if value is None:
        return NONE
    return glued(duration(value) if axis == "time" else count_of(value))


def count_of(value: float) -> str:
    """A count in thousands or millions, to three digits."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def spread_words(info: MetricInfo, spread: Spread | None) -> str:
    """``62.1 % [60.3 … 63.9]``: the mean and the range over seeds; a single seed has no range."""
    if spread is None:
        return NONE
    mean = value_of(info, spread.mean)
    return mean if spread.n == 1 else f"{mean} [{range_words(info, spread.low, spread.high)}]"


def interval_words(info: MetricInfo, spread: Spread | None) -> str:
    """Both ends of the 95 % interval of the mean; nothing with a single seed. A share's ends stay between 0 and 1."""
    if spread is None or spread.interval is None:
        return ""
    low, high = spread.interval
    return range_words(info, max(low, 0.0), min(high, 1.0)) if info.unit == "share" else range_words(info, low, high)


def plateau_words(info: MetricInfo, plateau: Plateau | None) -> str:
    if plateau is None:
        return NONE
    return f"{spread_words(info, plateau.level)}, {TRENDS[plateau.trend]}"


def reached_words(axis: Axis, found: Arrival | None) -> str:
    """``210 k [180 k … 240 k]``: of the mean curve and of the seeds; and how many of them get there."""
    if found is None:
        return NONE
    arrived, n = found.arrived, len(found.seeds)
    if found.place is None:
        return f"not reached; {len(arrived)} of {n} seeds do" if arrived else "not reached"
    mean = spent_of(axis, found.place)
    if n == 1 or not arrived:
        return mean
    seeds = "" if len(arrived) == n else f", {len(arrived)} of {n} seeds by themselves"
    return f"{mean} [{glued(f'{spent_of(axis, min(arrived))} … {spent_of(axis, max(arrived))}')}{seeds}]"


def ratio_words(ratio: Ratio | None) -> str:
    """``0.28 [0.25 … 0.33]``."""
    if ratio is None:
        return NONE
    if ratio.range is None:
        return f"{ratio.value:.2f}"
    return f"{ratio.value:.2f} [{glued(f'{ratio.range[0]:.2f} … {ratio.range[1]:.2f}')}]"


def difference_words(info: MetricInfo, found: Difference | None) -> str:
    """``+3.1 points, 95 % interval 1.0 … 5.2``."""
    if found is None:
        return NONE
    if found.interval is None:
        return gap_of(info, found.value)
    ends = " … ".join(gap_of(info, end).removesuffix(" points") for end in found.interval)
    return f"{gap_of(info, found.value)}, {glued('95 % interval')} {glued(ends)}"


def range_words(info: MetricInfo, low: float, high: float) -> str:
    """``60.3 … 63.9``: the unit stands beside it."""
    return glued(f"{value_of(info, low)} … {value_of(info, high)}".replace("\u00a0%", ""))
