"""Draws a chart as SVG: mean lines, bands and faint seeds; colours come from the page's style sheet, by class."""

from collections.abc import Iterable, Sequence
from math import floor, log10

import numpy as np
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from webapp.reports.definition import Arm, Definition
from webapp.reports.drawing import ArmLines, Chart, Style, style_of
from webapp.reports.statistics import Floats
from webapp.reports.wording import AXIS_WORDS, count_of

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 26, 10, 44
MOST_POINTS = 240
"""Of a line; more would not be seen."""
TICKS = 5
DASHES = ("", "7 4", "2 3", "8 3 2 3", "12 4", "4 2", "1 2", "10 3 3 3")
"""By the number of an arm's pattern."""
TIME_UNITS = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


class Frame:
    """Where values lie on the drawing."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self._x, self._y = xs, ys

    def across(self, values: Floats | float) -> Floats:
        begin, end = self._x
        return np.asarray(LEFT + (np.asarray(values) - begin) / (end - begin) * (WIDTH - LEFT - RIGHT), float)

    def down(self, values: Floats | float) -> Floats:
        low, high = self._y
        share = (np.asarray(values) - low) / (high - low)
        return np.asarray(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), float)


def chart_svg(chart: Chart) -> SafeString:
    """One chart; nothing when no arm has figures."""
    if not chart.arms:
        return SafeString("")
    scale, unit = _unit(chart)
    xs = _ends([line.curve.xs / scale for arm in chart.arms for line in arm.seeds])
    ys = _ends([line.curve.ys for arm in chart.arms for line in arm.seeds])
    low = 0.0 if 0 <= ys[0] < 0.5 * ys[1] else ys[0]
    y_ticks, x_ticks = ticks(low, ys[1]), ticks(*xs)
    frame = Frame(xs, (min(low, y_ticks[0]), max(ys[1], y_ticks[-1])))
    label = f"{chart.info.title} over {AXIS_WORDS[chart.axis]}: {', '.join(arm.arm.title for arm in chart.arms)}"
    return format_html(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}{}{}{}</svg>',
        WIDTH, HEIGHT, label, label, _axes(chart, frame, x_ticks, y_ticks, unit),
        _join(_band(arm, frame, scale) for arm in chart.arms),
        _join(_seeds(arm, frame, scale) for arm in chart.arms),
        _join(_mean(arm, frame, scale) for arm in chart.arms),
    )  # fmt: skip


def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Round numbers between two values, at most ``most`` + 1."""
    if high <= low:
        return [low, low + 1]
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(number * step, 12) for number in range(first, last + 1)]


def dash_of(style: Style) -> str:
    return DASHES[style.dash - 1]


def legend_of(definition: Definition) -> list[tuple[Arm, int, str]]:
    """Each arm with its colour's number and its dashes."""
    styles = [style_of(place) for place in range(len(definition.arms))]
    return [(arm, style.colour, dash_of(style)) for arm, style in zip(definition.arms, styles, strict=True)]


def _axes(chart: Chart, frame: Frame, x_ticks: Sequence[float], y_ticks: Sequence[float], unit: str) -> SafeString:
    share = chart.info.unit == "share"
    across = format_html_join(
        "", '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        ((LEFT, WIDTH - RIGHT, _at(frame.down(y)), _at(frame.down(y)), LEFT - 6, _at(frame.down(y) + 4),
          f"{100 * y:.4g}%" if share else count_of(y) if abs(y) >= 1000 else f"{y:.4g}") for y in y_ticks),
    )  # fmt: skip
    down = format_html_join(
        "", '<line class="tick" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((_at(frame.across(x)), _at(frame.across(x)), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 4, _at(frame.across(x)),
          HEIGHT - BOTTOM + 18, count_of(x) if x >= 1000 else f"{x:.4g}") for x in x_ticks),
    )  # fmt: skip
    title = format_html(
        '<text x="{}" y="{}" text-anchor="middle">{}</text>', (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, unit
    )
    return across + down + title


def _band(arm: ArmLines, frame: Frame, scale: float) -> SafeString:
    mean = arm.mean
    if mean is None or mean.n < 2:
        return SafeString("")
    xs = np.concatenate([mean.xs, mean.xs[::-1]]) / scale
    ys = np.concatenate([mean.high, mean.low[::-1]])
    return format_html('<polygon class="band c{}" points="{}"/>', arm.style.colour, _points(frame, xs, ys))


def _seeds(arm: ArmLines, frame: Frame, scale: float) -> SafeString:
    if len(arm.seeds) < 2:
        return SafeString("")
    return format_html_join(
        "", '<polyline class="seed c{}" points="{}"><title>{}, seed {}, run {}</title></polyline>',
        ((arm.style.colour, _points(frame, *_thinned(line.curve.xs / scale, line.curve.ys)), arm.arm.title, line.seed,
          line.run) for line in arm.seeds),
    )  # fmt: skip


def _mean(arm: ArmLines, frame: Frame, scale: float) -> SafeString:
    if arm.mean is None:
        return SafeString("")
    places = _points(frame, arm.mean.xs / scale, arm.mean.mean)
    name = f"{arm.arm.title}, " + (f"mean of {arm.mean.n} seeds" if arm.mean.n > 1 else "one seed")
    template = '<polyline class="mean c{}" stroke-dasharray="{}" points="{}"><title>{}</title></polyline>'
    return format_html(template, arm.style.colour, dash_of(arm.style), places, name)


def _unit(chart: Chart) -> tuple[float, str]:
    """What one on the axis is worth, and the axis's title."""
    if chart.axis != "time":
        return 1.0, AXIS_WORDS[chart.axis]
    longest = max(line.curve.xs[-1] for arm in chart.arms for line in arm.seeds)
    scale, name = next((unit for unit in TIME_UNITS if longest >= 2 * unit[0]), TIME_UNITS[-1])
    return scale, f"{name} of training"


def _ends(columns: Iterable[Floats]) -> tuple[float, float]:
    values = np.concatenate(list(columns))
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _thinned(xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    if len(xs) <= MOST_POINTS:
        return xs, ys
    kept = np.unique(np.linspace(0, len(xs) - 1, MOST_POINTS).round().astype(int))
    return xs[kept], ys[kept]


def _points(frame: Frame, xs: Floats, ys: Floats) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(frame.across(xs), frame.down(ys), strict=True))


def _at(value: Floats) -> str:
    return f"{float(value):.1f}"


def _join(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
