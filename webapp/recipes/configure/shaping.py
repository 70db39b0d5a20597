"""What an editor does to the stages of a recipe. Each function returns another recipe, or says why there is none."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from training.config.chain import SOURCES
from training.config.recipe import MOST_STAGES, Recipe, Stage
from training.config.run import RunConfig
from webapp.core.errors import UserError
from webapp.recipes.configure.ways import Way, ways_out
from webapp.runs.config_forms import explain


class Refused(UserError):  # noqa: N818  # a verdict with ways out, not a fault
    """Why stages do not fit each other, and the ways out of it."""

    def __init__(self, message: str, ways: Sequence[Way] = ()) -> None:
        super().__init__(message, status=409)
        self.ways = tuple(ways)


def with_stages(recipe: Recipe, stages: Sequence[Stage], ways: Sequence[Way] = ()) -> Recipe:
    """The recipe with other stages, of which some go these ways. Raises Refused with what does not fit."""
    mended = list(stages)
    try:
        for way in ways:
            mended = [way.applied(stage) if stage.name == way.stage else stage for stage in mended]
        return Recipe(name=recipe.name, stages=tuple(mended))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Refused(explain(first), tuple(ways_out(first, mended))) from error


def place_of(recipe: Recipe, name: str) -> int:
    """Raises UserError when there is no such stage."""
    for place, stage in enumerate(recipe.stages):
        if stage.name == name:
            return place
    raise UserError(f"{recipe.name} has no stage {name}.", status=404)


def moved(recipe: Recipe, name: str, by: int, ways: Sequence[Way] = ()) -> Recipe:
    """The stage earlier (-1) or later (1). Raises UserError at an end, and Refused where one would begin from a later
    one and none of ``ways`` leads out of it."""
    place = place_of(recipe, name)
    there = place + by
    if not 0 <= there < len(recipe.stages):
        raise UserError(f"{name} is the {'first' if by < 0 else 'last'} stage already.")
    stages = list(recipe.stages)
    stages[place], stages[there] = stages[there], stages[place]
    return with_stages(recipe, stages, ways)


def without(recipe: Recipe, name: str) -> tuple[Recipe, list[str]]:
    """The recipe without a stage, and the names of those that began from it: they begin from what it began from.

    Raises UserError when it is the only one.
    """
    removed = recipe.stages[place_of(recipe, name)]
    if len(recipe.stages) == 1:
        raise UserError("A recipe has at least one stage.")
    stages, led_on = [], []
    for stage in recipe.stages:
        if stage is removed:
            continue
        changes = {field: getattr(removed, field) for field in SOURCES if _begins_from(stage, field, name)}
        led_on += [stage.name] * bool(changes)
        stages.append(_changed(stage, changes))
    return with_stages(recipe, stages), led_on


def with_copy(recipe: Recipe, name: str) -> Recipe:
    """The stage once more, after itself, under another name."""
    place = place_of(recipe, name)
    copy = _changed(recipe.stages[place], {"name": free_name(recipe, name)})
    return _with(recipe, place + 1, copy)


def with_new(recipe: Recipe, run: RunConfig | None = None, name: str = "stage") -> Recipe:
    """One more stage at the end, that goes on with the model of the one before where that has one.

    It trains ``run``, or else what the one before trains.
    """
    last = recipe.stages[-1]
    taken = {stage.name for stage in recipe.stages}
    free = name if run is not None and name not in taken else free_name(recipe, name)
    stage = Stage(name=free, run=run) if run is not None else _changed(last, {"name": free})
    try:
        return _with(recipe, len(recipe.stages), _changed(stage, {"model_from": {"stage": last.name}}, own_model=True))
    except UserError:  # a reward model's stage, say, has none that writes
        return _with(recipe, len(recipe.stages), stage)


def replaced(recipe: Recipe, name: str, stage: Stage) -> Recipe:
    """Another stage in the place of one; where its name is another, those that begin from it follow.

    Raises pydantic's ValidationError with what does not fit.
    """
    place = place_of(recipe, name)
    stages = [
        stage if number == place else _renamed(each, name, stage.name) for number, each in enumerate(recipe.stages)
    ]
    return Recipe(name=recipe.name, stages=tuple(stages))


def free_name(recipe: Recipe, like: str) -> str:
    """A name that no stage has: ``sft-2`` where there is an ``sft``."""
    taken = {stage.name for stage in recipe.stages}
    stem = like.rstrip("0123456789").rstrip("-") or like
    return next(name for number in range(2, MOST_STAGES + 3) if (name := f"{stem[:36]}-{number}") not in taken)


def _with(recipe: Recipe, place: int, stage: Stage) -> Recipe:
    if len(recipe.stages) >= MOST_STAGES:
        raise UserError(f"A recipe has at most {MOST_STAGES} stages.")
    return with_stages(recipe, [*recipe.stages[:place], stage, *recipe.stages[place:]])


def _begins_from(stage: Stage, field: str, name: str) -> bool:
    source = getattr(stage, field)
    return source is not None and source.stage == name


def _renamed(stage: Stage, old: str, new: str) -> Stage:
    changes = {
        field: {"stage": new, "checkpoint": getattr(stage, field).checkpoint}
        for field in SOURCES
        if _begins_from(stage, field, old)
    }
    return _changed(stage, changes) if old != new else stage


def _changed(stage: Stage, changes: Mapping[str, object], own_model: bool = False) -> Stage:
    values = stage.model_dump() | dict(changes)
    if own_model:
        del values["run"]["model"]  # the default: what an earlier stage gives takes its place
    return Stage.model_validate(values)
