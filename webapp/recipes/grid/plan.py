"""What a grid of a recipe would start: each point with its recipe, or why it cannot be; and how long that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.core.errors import UserError
from webapp.recipes.checks import faults_of_recipe, foreseen
from webapp.recipes.models import StageRun
from webapp.recipes.services import with_seed
from webapp.reports.sweeps.duration import Estimate, estimate, same_place
from webapp.reports.sweeps.plan import MOST_REASONS, MOST_RUNS, Point, PointError, SweepPlan, plan_points, with_values
from webapp.reports.sweeps.plan import idle_at as idle_in_run
from webapp.reports.sweeps.reading import MOST_AXES, GridAxis, read_axis
from webapp.runs.config_forms import explain
from webapp.runs.models import Run

MARK = ":"
"""Between the name of a stage and a knob: ``rlvr:optimisation.learning_rate``."""


@dataclass(frozen=True, slots=True)
class StageAxis(GridAxis):
    """A knob of one stage, or of all in which it counts."""

    stage: str = ""
    """Empty for all."""

    @property
    def key(self) -> str:
        return f"{self.stage}{MARK}{self.path}" if self.stage else self.path

    @property
    def label(self) -> str:
        label = GridAxis.label.fget(self)  # type: ignore[attr-defined]  # slots leave super() without a class
        return f"{self.stage}, {label[:1].lower()}{label[1:]}" if self.stage else str(label)

    @property
    def words(self) -> str:
        words = GridAxis.words.fget(self)  # type: ignore[attr-defined]
        return f"{self.stage} {words}" if self.stage else str(words)


def read_stage_axes(recipe: Recipe, given: Sequence[tuple[str, str, str]]) -> tuple[StageAxis, ...]:
    """Axes of stage, knob and values each; those without knob and values are left out. Raises UserError."""
    axes = []
    for stage, knob, values in given:
        if stage and stage not in {each.name for each in recipe.stages}:
            names = ", ".join(each.name for each in recipe.stages)
            raise UserError(f"{recipe.name} has no stage {stage!r}; there are {names}.")
        if knob.strip() or values.strip():
            axis = read_axis(knob, values)
            axes.append(StageAxis(axis.path, axis.values, stage))
    if len(axes) > MOST_AXES:
        raise UserError(f"A grid has {MOST_AXES} axes at most; these are {len(axes)}.")
    keys = [axis.key for axis in axes]
    if doubled := next((key for key in keys if keys.count(key) > 1), ""):
        raise UserError(f"{doubled} is an axis twice. Put all its values into one.")
    return tuple(axes)


def read_texts(recipe: Recipe, texts: Sequence[str]) -> tuple[StageAxis, ...]:
    """Axes of ``rlvr:optimisation.learning_rate=1e-4,3e-4`` each, or without a stage for all. Raises UserError."""
    given = []
    for text in texts:
        left, _, values = text.partition("=")
        stage, mark, knob = left.rpartition(MARK)
        given.append((stage if mark else "", knob, values))
    return read_stage_axes(recipe, given)


def plan_grid(recipe: Recipe, axes: Sequence[StageAxis], seeds: tuple[int, ...]) -> SweepPlan[Recipe]:
    """Raises UserError when that is too much. Single points that cannot be are in ``refused``."""
    plan = plan_points(with_seed(recipe, seeds[0]), axes, seeds, recipe_at, "recipe")
    runs = plan.run_count * len(recipe.stages)
    if runs > MOST_RUNS:
        raise UserError(
            f"{plan.run_count} recipes of {len(recipe.stages)} stages are {runs} runs; {MOST_RUNS} at once is the "
            "most. Leave out values or seeds, or start them in parts."
        )
    return plan


def recipe_at(recipe: Recipe, point: Point) -> Recipe:
    """The recipe with the values of a point; one of a stage goes before one of all.

    Raises PointError with what keeps it from being trained.
    """
    values, stages = recipe.model_dump(), []
    idle = set(point)
    for stage, dumped in zip(recipe.stages, values["stages"], strict=True):
        keys = sorted(point, key=lambda key: MARK in key)
        own = {key.rpartition(MARK)[2]: key for key in keys if key.rpartition(MARK)[0] in ("", stage.name)}
        at = {path: point[key] for path, key in own.items()}
        counting = {path: value for path, value in at.items() if path not in idle_in_run(stage.run, at)}
        idle -= {own[path] for path in counting}
        run = with_values(stage.run, counting) if counting else stage.run
        stages.append({**dumped, "run": run.model_dump()})
    if idle:
        raise PointError(f"{min(idle)} does not count with what else is chosen.")
    try:
        found = Recipe.model_validate(values | {"stages": stages})
    except ValidationError as error:
        raise PointError(explain(error.errors(include_url=False)[0])) from error
    if reasons := [f"{name}: {fault.message}" for name, fault in faults_of_recipe(found)]:
        raise PointError(" ".join(reasons[:MOST_REASONS]))
    return found


def estimate_grid(plan: SweepPlan[Recipe]) -> Estimate | None:
    """All recipes one after another; None where a stage is like no run that has ended here."""
    seconds = 0.0
    for place, _ in enumerate(plan.base.stages):
        configs = [foreseen(each.config, each.config.stages[place]) for each in plan.settings]
        found = estimate(configs, len(plan.seeds), _alike, ("stage_run__recipe",))
        if found is None:
            return None
        seconds += found.seconds
    return Estimate(seconds, None)


def _alike(run: Run, base: dict[str, Any]) -> bool:
    """On the same device, with the model that its line of stages began with where it was a stage."""
    if same_place(run, base):
        return True
    attempt: StageRun | None = getattr(run, "stage_run", None)
    if attempt is None or run.config.get("hardware") != base["hardware"]:
        return False
    try:
        recipe = attempt.recipe.recipe
        origin = foreseen(recipe, recipe.stage(attempt.stage)).model
    except (ValidationError, KeyError):  # of another version, or edited since
        return False
    return bool(origin.model_dump(mode="json") == base["model"])
