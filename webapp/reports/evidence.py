"""What the runs of a report show: which seed of which arm stands where, and its curves over steps, tokens and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.config import CheckpointModel, PreferenceMethod, RunConfig, SftMethod
from webapp.reports.catalogue import Known
from webapp.reports.definition import Arm, Budget, Definition
from webapp.reports.models import ReportRun
from webapp.reports.statistics import Curve, Floats, curve_of
from webapp.runs import series
from webapp.runs.axes import TOKENS, Axis
from webapp.runs.models import Run
from webapp.runs.series import MOST_POINTS, POINTS
from webapp.runs.status import RESUMABLE, RunStatus

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
    before: "Cell | None" = None
    """The one whose last checkpoint it goes on from."""

    @property
    def counts(self) -> bool:
        """Whether its run's figures are the report's."""
        return self.run is not None and not self.outdated

    @property
    def is_missing(self) -> bool:
        return not self.counts

    @property
    def is_waiting(self) -> bool:
        """It cannot begin before another has done all its steps."""
        return self.is_missing and self.before is not None and not self.before.succeeded

    @property
    def succeeded(self) -> bool:
        return self.counts and self.run is not None and self.run.state == RunStatus.SUCCEEDED

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
    begin: float = 0.0
    """Steps of what its run goes on from: they are counted in ``steps``."""

    def followed_by(self, other: "Points") -> "Points":
        """Both, of a run and of the one that goes on from it."""

        def both(name: str) -> Floats:
            return np.concatenate([getattr(self, name), getattr(other, name)])

        return Points(both("steps"), both("tokens"), both("seconds"), both("values"), other.begin)

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

    def generates(self, arm: str) -> bool:
        """Whether the arm spends generated tokens; what it learns from is written already where it does not."""
        config = _config_of(self.definition.arm(arm))
        return config is None or not isinstance(config.method, SftMethod | PreferenceMethod)

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
    for arm in definition.all_arms:
        linked = () if seeds else (seed for slug, seed in links if slug == arm.slug)
        wanted = sorted({*(seeds or definition.seeds), *linked})
        config = _config_of(arm)
        before = {cell.seed: cell for cell in cells if cell.arm.slug == arm.after}
        cells += [_cell(arm, seed, links.get((arm.slug, seed)), config, before.get(seed)) for seed in wanted]
    return cells


def gather(known: Known, seeds: Sequence[int] = (), *, every_point: bool = False) -> Evidence:
    """The cells and their curves, at a resolution for pages and figures, or with every point there is."""
    cells = cells_of(known, seeds)
    runs = {cell.run.pk: cell.run for cell in cells if cell.run is not None and cell.counts}
    steps = max((run.step for run in runs.values()), default=0)
    level = POINTS if every_point else series.level_for(0, steps, MOST_POINTS)
    return Evidence(known.definition, cells, _points(cells, list(runs), known.definition, level))


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


def _cell(arm: Arm, seed: int, link: ReportRun | None, config: RunConfig | None, before: Cell | None) -> Cell:
    if link is None:
        return Cell(arm, seed, before=before)
    if config is not None and before is not None:
        config = _going_on(config, link.run, before)
    outdated = not link.chosen and not _matches(link.run, config, seed)
    return Cell(arm, seed, link.run, link.chosen, outdated, before)


def _going_on(config: RunConfig, run: Run, before: Cell) -> RunConfig | None:
    """What the run trains if it goes on from the run that counts before it; None where it goes on from another."""
    model = run.config.get("model", {})
    if (
        not before.counts
        or before.run is None
        or (model.get("kind"), model.get("run")) != ("checkpoint", before.run.pk)
    ):
        return None
    return config.model_copy(update={"model": CheckpointModel.model_validate(model)})


def _points(
    cells: Sequence[Cell], runs: Sequence[int], definition: Definition, level: int
) -> dict[tuple[int, str], Points]:
    if not runs:
        return {}
    curves = series.read(runs, [*definition.metrics, TOKENS], level=level)
    worked = series.totals(runs, TRAINING_SECONDS, level=level)
    found: dict[tuple[int, str], Points] = {}
    spent = {run: (_spent(curves.get((run, TOKENS))), _spent(worked.get(run), summed=True)) for run in runs}
    for run in runs:
        tokens, seconds = spent[run]
        for name in definition.metrics:
            if (curve := curves.get((run, name))) and curve.steps:
                steps = np.asarray(curve.steps, float)
                values = np.asarray([np.nan if value is None else value for value in curve.values], float)
                found[run, name] = Points(steps, _at(tokens, steps), _at(seconds, steps), values)
    for cell in cells:  # each stands behind what it goes on from
        if cell.counts and cell.run and cell.before and cell.before.counts and cell.before.run:
            _go_on(found, definition.metrics, cell.run, cell.before.run, spent[cell.before.run.pk])
    return {key: _within(points, definition.budget) for key, points in found.items()}


Spent = tuple[Floats, Floats] | None
"""After which steps how much was spent; None where the run does not report it."""


def _go_on(
    found: dict[tuple[int, str], Points], names: Sequence[str], run: Run, before: Run, spent: tuple[Spent, Spent]
) -> None:
    """Put the points of the run before in front of the run's own, and let those count on from there."""
    tokens, seconds = (float(each[1][-1]) if each else np.nan for each in spent)
    for name in names:
        first, then = found.get((before.pk, name)), found.get((run.pk, name))
        if then is None:
            continue
        begin = float(before.step) + (first.begin if first else 0.0)
        after = then.steps > 0 if first else np.ones(len(then.steps), bool)  # its begin is the other's end
        own = Points(
            begin + then.steps[after], tokens + then.tokens[after], seconds + then.seconds[after], then.values[after],
            begin,
        )  # fmt: skip
        found[run.pk, name] = first.followed_by(own) if first else own


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
    return Points(points.steps[kept], points.tokens[kept], points.seconds[kept], points.values[kept], points.begin)
