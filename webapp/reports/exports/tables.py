"""The results table of a report: rows for the page and for Markdown, and CSV with plain numbers."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from webapp.reports.built import Built
from webapp.reports.exports.safe import csv_text
from webapp.reports.results import SPENT, ArmFigures, Results
from webapp.reports.statistics import Interval, Spread
from webapp.reports.wording import (
    NONE,
    difference_words,
    interval_words,
    plateau_words,
    ratio_words,
    reached_words,
    spent_of,
    spread_words,
)


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One figure in words, for each arm."""

    heading: str
    cells: Sequence[str]


def result_lines(results: Results) -> list[ResultLine]:
    """The results table, a line a figure and a column an arm; lines that say nothing of any arm are left out."""
    columns = [_words(results, figures) for figures in results.arms]
    lines = [ResultLine(heading, [column[heading] for column in columns]) for heading in columns[0]]
    return [line for line in lines if set(line.cells) != {NONE}]


def results_csv(built: Built) -> str:
    """A line for each arm with bare numbers: shares as fractions, time in seconds; last, its place on the grid."""
    results, out, grid = built.results, io.StringIO(), built.definition.grid
    writer = csv.writer(out)
    writer.writerow([*_CSV_HEAD, *grid])
    for figures in results.arms:
        point = [figures.arm.overrides[path] for path in grid]
        place = [csv_text(value) if isinstance(value, str) else _bare(value) for value in point]
        writer.writerow([*_csv_row(results, figures), *place])
    return out.getvalue()


def curve_lines(built: Built) -> Iterator[list[Any]]:
    """A header, then a line for each point of each metric of each run."""
    yield ["arm", "seed", "run", "step", "tokens", "seconds", "metric", "value"]
    for cell in (cell for arm in built.definition.arms for cell in built.evidence.of(arm.slug)):
        for metric in built.definition.metrics:
            points = built.evidence.points.get((cell.run.pk, metric)) if cell.run and cell.counts else None
            if points is None or cell.run is None:
                continue
            columns = (points.steps, points.tokens, points.seconds, points.values)
            for step, *spent, value in zip(*(column.tolist() for column in columns), strict=True):
                begin = [csv_text(cell.arm.slug), cell.seed, cell.run.pk, int(step)]
                yield [*begin, *map(_bare, spent), csv_text(metric), _bare(value)]


def curves_csv(built: Built) -> str:
    """``curve_lines`` as one text."""
    out = io.StringIO()
    csv.writer(out).writerows(curve_lines(built))
    return out.getvalue()


_CSV_HEAD = (
    "arm", "title", "metric", "seeds", "final_mean", "final_min", "final_max", "final_95_low", "final_95_high",
    "best_mean", "plateau_mean", "plateau_min", "plateau_max", "plateau_trend", "difference", "difference_95_low",
    "difference_95_high", "seeds_that_reach", "tokens_to_plateau", "tokens_ratio", "seconds_to_plateau",
    "seconds_ratio", "equal_tokens", "at_equal_tokens", "equal_seconds", "at_equal_seconds",
)  # fmt: skip


def _csv_row(results: Results, figures: ArmFigures) -> list[Any]:
    plateau, gap = figures.plateau, figures.difference
    level = plateau.level if plateau else None
    reach = [figures.reaches[axis] for axis in ("tokens", "time")]
    ratios = [figures.ratios[axis] for axis in ("tokens", "time")]
    spent = [found.place if found else None for found in reach]
    row = [
        csv_text(figures.arm.slug), csv_text(figures.arm.title), csv_text(results.info.name), figures.n,
        *_three(figures.end), *_ends(figures.end.interval if figures.end else None),
        figures.best.mean if figures.best else None, *_three(level), plateau.trend if plateau else None,
        gap.value if gap else None, *_ends(gap.interval if gap else None), len(reach[0].arrived) if reach[0] else None,
        spent[0], ratios[0].value if ratios[0] else None, spent[1], ratios[1].value if ratios[1] else None,
    ]  # fmt: skip
    for axis in ("tokens", "time"):
        at = figures.at_equal[axis]
        row += [results.equal[axis], at.mean if at else None]
    return [_bare(value) for value in row]


def _words(results: Results, figures: ArmFigures) -> dict[str, str]:
    info, plateau = results.info, figures.plateau
    level = plateau.level if plateau else None
    equal = {axis: spent_of(axis, results.equal[axis]) for axis in SPENT}
    return {
        "Seeds (n)": str(figures.n),
        "At first": spread_words(info, figures.begin),
        "Final": spread_words(info, figures.end),
        "Final, 95 % interval": interval_words(info, figures.end) or NONE,
        "Best": spread_words(info, figures.best),
        "Plateau": plateau_words(info, plateau),
        "Plateau, 95 % interval": interval_words(info, level) or NONE,
        "Plateau against the baseline's": "baseline" if figures.is_base else difference_words(info, figures.difference),
        "Tokens to the baseline's plateau": reached_words("tokens", figures.reaches["tokens"]),
        "… as a share of the baseline's": ratio_words(figures.ratios["tokens"]),
        "Time to the baseline's plateau": reached_words("time", figures.reaches["time"]),
        "… as a share of the baseline's time": ratio_words(figures.ratios["time"]),
        f"At equal tokens ({equal['tokens']})": spread_words(info, figures.at_equal["tokens"]),
        f"At equal time ({equal['time']})": spread_words(info, figures.at_equal["time"]),
    }


def _three(spread: Spread | None) -> Sequence[float | None]:
    return (None,) * 3 if spread is None else (spread.mean, spread.low, spread.high)


def _ends(interval: Interval | None) -> Sequence[float | None]:
    return interval or (None, None)


def _bare(value: Any) -> Any:
    """Nothing for what is not there or not finite; numbers without a tail of noise."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value
