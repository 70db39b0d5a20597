"""What the runs of a report show: which seed of which arm stands where, and its curves over steps, tokens and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.config import RunConfig
from webapp.reports.catalogue import Known
from webapp.reports.definition import Arm, Budget, Definition
from webapp.reports.models import ReportRun
from webapp.reports.statistics import Curve, Floats, curve_of
from webapp.runs import series
from webapp.runs.axes import TOKENS, Axis
from webapp.runs.models import Run
from webapp.runs.series import MOST_POINTS, POINTS
from webapp.runs.status import RESUMABLE

TRAINING_SECONDS = ("time/step_s",)
"""Their sum is the time of training: without evaluation, saving and waiting, which differ for other reasons."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One seed of one arm. A run whose config is not the arm's (any more) does not count: the cell is outdated."""

    arm: Arm
    seed: int
    run: Run | None = None
    chosen: bool = False
    outdated: bool = False

    @property
    def counts(self) -> bool:
        """Whether its run's figures are the report's."""
        return self.run is not None and not self.outdated

    @property
    def is_missing(self) -> bool:
        return not self.counts

    @property
    def is_resumable(self) -> bool:
        """It ended early, and was launched for the report: a user's own choice may well have ended early."""
        return self.counts and not self.chosen and self.run is not None and self.run.state in RESUMABLE

    @property
    def is_moving(self) -> bool:
        return self.counts and self.run is not None and not self.run.state.is_terminal

    @property
    def is_done(self) -> bool:
        return self.counts and not self.is_moving and not self.is_resumable


@dataclass(frozen=True, slots=True)
class Points:
    """One metric of one run at its steps, and what had been spent by then."""

    steps: Floats
    tokens: Floats
    seconds: Floats
    values: Floats

    def over(self, axis: Axis, until: float | None = None) -> Curve:
        """The curve over one of the axes."""
        return curve_of({"step": self.steps, "tokens": self.tokens, "time": self.seconds}[axis], self.values, until)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is for a report."""

    definition: Definition
    cells: Sequence[Cell]
    points: Mapping[tuple[int, str], Points] = field(default_factory=dict)
    """By run and metric, up to the budget."""

    @property
    def metrics(self) -> list[str]:
        """Of those asked for, the ones that some run has."""
        found = {name for _, name in self.points}
        return [name for name in self.definition.metrics if name in found]

    def of(self, arm: str) -> list[Cell]:
        """The seeds of an arm whose runs count."""
        return [cell for cell in self.cells if cell.arm.slug == arm and cell.counts]

    def curves(self, arm: str, metric: str, axis: Axis) -> list[Curve]:
        """One for each seed that has figures of the metric."""
        found = [self.points.get((cell.run.pk, metric)) for cell in self.of(arm) if cell.run]
        return [points.over(axis) for points in found if points is not None]


def cells_of(known: Known, seeds: Sequence[int] = ()) -> list[Cell]:
    """Every seed of every arm, and seeds beyond the definition's that have a run; of given ``seeds``, only those."""
    definition = known.definition
    links: dict[tuple[str, int], ReportRun] = {}
    if known.report is not None:
        rows = ReportRun.objects.filter(report=known.report).select_related("run")
        links = {(link.arm, link.seed): link for link in rows}
    cells: list[Cell] = []
    for arm in definition.arms:
        linked = () if seeds else (seed for slug, seed in links if slug == arm.slug)
        wanted = sorted({*(seeds or definition.seeds), *linked})
        config = _config_of(arm)
        cells += [_cell(arm, seed, links.get((arm.slug, seed)), config) for seed in wanted]
    return cells


def gather(known: Known, seeds: Sequence[int] = (), *, every_point: bool = False) -> Evidence:
    """The cells and their curves, at a resolution for pages and figures, or with every point there is."""
    cells = cells_of(known, seeds)
    runs = {cell.run.pk: cell.run for cell in cells if cell.run is not None and cell.counts}
    steps = max((run.step for run in runs.values()), default=0)
    level = POINTS if every_point else series.level_for(0, steps, MOST_POINTS)
    return Evidence(known.definition, cells, _points(list(runs), known.definition, level))


def _config_of(arm: Arm) -> RunConfig | None:
    """What the arm trains, with seed 0: reading it once for all its seeds saves most of the time that pages take.

    None when its knobs do not go together (any more).
    """
    try:
        return arm.run_config(0)
    except ValueError:
        return None


def _matches(run: Run, config: RunConfig | None, seed: int) -> bool:
    """Whether a run trains what the arm says; knobs that are newer than the run stand at their defaults."""
    try:
        return config is not None and RunConfig.model_validate(run.config) == config.model_copy(update={"seed": seed})
    except ValueError:
        return False


def _cell(arm: Arm, seed: int, link: ReportRun | None, config: RunConfig | None) -> Cell:
    if link is None:
        return Cell(arm, seed)
    outdated = not link.chosen and not _matches(link.run, config, seed)
    return Cell(arm, seed, link.run, link.chosen, outdated)


def _points(runs: Sequence[int], definition: Definition, level: int) -> dict[tuple[int, str], Points]:
    if not runs:
        return {}
    curves = series.read(runs, [*definition.metrics, TOKENS], level=level)
    worked = series.totals(runs, TRAINING_SECONDS, level=level)
    found = {}
    for run in runs:
        tokens = _spent(curves.get((run, TOKENS)))
        seconds = _spent(worked.get(run), summed=True)
        for name in definition.metrics:
            if (curve := curves.get((run, name))) and curve.steps:
                steps = np.asarray(curve.steps, float)
                values = np.asarray([np.nan if value is None else value for value in curve.values], float)
                points = Points(steps, _at(tokens, steps), _at(seconds, steps), values)
                found[run, name] = _within(points, definition.budget)
    return found


def _spent(curve: series.Curve | None, *, summed: bool = False) -> tuple[Floats, Floats] | None:
    """What was spent after each step; nothing before the first."""
    if curve is None or not curve.steps:
        return None
    values = np.asarray([value or 0.0 for value in curve.values], float)
    return np.concatenate([[0.0], curve.steps]), np.concatenate([[0.0], np.cumsum(values) if summed else values])


def _at(spent: tuple[Floats, Floats] | None, steps: Floats) -> Floats:
    """Not known where the run does not report it: such points are on no curve over it."""
    return np.full(len(steps), np.nan) if spent is None else np.interp(steps, *spent)


def _within(points: Points, budget: Budget) -> Points:
    kept = np.ones(len(points.steps), bool)
    if budget.tokens is not None:
        kept &= ~(points.tokens > budget.tokens)
    if budget.seconds is not None:
        kept &= ~(points.seconds > budget.seconds)
    return Points(points.steps[kept], points.tokens[kept], points.seconds[kept], points.values[kept])
