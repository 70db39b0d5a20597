"""The results table of a report: rows for the page and for Markdown, and CSV with plain numbers."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from webapp.reports.built import Built
from webapp.reports.exports.safe import csv_text
from webapp.reports.results import ArmFigures, Results
from webapp.reports.statistics import Interval, Spread
from webapp.reports.wording import (
    difference_words,
    interval_words,
    plateau_words,
    ratio_words,
    reached_words,
    spent_of,
    spread_words,
)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """An arm in words."""

    figures: ArmFigures
    colour: int
    end: str
    interval: str
    best: str
    plateau: str
    plateau_interval: str
    difference: str
    reach_tokens: str
    ratio_tokens: str
    reach_time: str
    ratio_time: str
    equal_tokens: str
    equal_time: str

    @property
    def cells(self) -> list[str]:
        """In the order of ``HEADINGS``, without the arm itself."""
        return [
            str(self.figures.n), self.end, self.interval or "–", self.best, self.plateau, self.difference,
            self.reach_tokens, self.ratio_tokens, self.reach_time, self.ratio_time, self.equal_tokens, self.equal_time,
        ]  # fmt: skip


def headings(results: Results) -> list[str]:
    """Of the results table, as files have it."""
    tokens, time = (spent_of(axis, results.equal[axis]) for axis in ("tokens", "time"))
    return [
        "Arm", "Seeds", f"{results.info.title}, final", "95 % interval", "Best", "Plateau", "Against the baseline",
        "Tokens to the baseline's plateau", "Ratio", "Time to it", "Ratio of time", f"At equal tokens ({tokens})",
        f"At equal time ({time})",
    ]  # fmt: skip


def result_rows(results: Results) -> list[ResultRow]:
    """One for each arm, in the order of the definition."""
    return [_row(results, figures, place + 1) for place, figures in enumerate(results.arms)]


def results_csv(built: Built) -> str:
    """A line for each arm with bare numbers: shares as fractions, time in seconds."""
    results, out = built.results, io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_CSV_HEAD)
    for figures in results.arms:
        writer.writerow(_csv_row(results, figures))
    return out.getvalue()


def curve_lines(built: Built) -> Iterator[list[Any]]:
    """A header, then a line for each point of each metric of each run."""
    yield ["arm", "seed", "run", "step", "tokens", "seconds", "metric", "value"]
    for cell in built.cells:
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


def _row(results: Results, figures: ArmFigures, colour: int) -> ResultRow:
    info, plateau = results.info, figures.plateau
    return ResultRow(
        figures=figures,
        colour=colour,
        end=spread_words(info, figures.end),
        interval=interval_words(info, figures.end),
        best=spread_words(info, figures.best),
        plateau=plateau_words(info, plateau),
        plateau_interval=interval_words(info, plateau.level if plateau else None),
        difference="baseline" if figures.is_base else difference_words(info, figures.difference),
        reach_tokens=reached_words("tokens", figures.reaches["tokens"]),
        ratio_tokens=ratio_words(figures.ratios["tokens"]),
        reach_time=reached_words("time", figures.reaches["time"]),
        ratio_time=ratio_words(figures.ratios["time"]),
        equal_tokens=spread_words(info, figures.at_equal["tokens"]),
        equal_time=spread_words(info, figures.at_equal["time"]),
    )


def _three(spread: Spread | None) -> Sequence[float | None]:
    return (None,) * 3 if spread is None else (spread.mean, spread.low, spread.high)


def _ends(interval: Interval | None) -> Sequence[float | None]:
    return interval or (None, None)


def _bare(value: Any) -> Any:
    """Nothing for what is not there or not finite; numbers without a tail of noise."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value
