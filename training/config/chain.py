"""Where the stages of a recipe do not fit each other: each misfit at its stage, with the ways out of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from training.config.evaluate import EvaluateMethod
from training.config.preferences import RewardModelMethod
from training.config.stage import Stage, StageCheckpoint

SOURCES = ("model_from", "reward_model_from", "selection_model_from")
"""Fields of a stage that name an earlier one."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something wrong with a stage among the others."""

    place: int
    """Of the stage, from 0 on."""
    message: str
    fixes: tuple[Mapping[str, object], ...]
    """Fields, named from the stage, and the values that would do; the nearest first."""


def misfits_of(stages: Sequence[Stage]) -> Iterator[Misfit]:
    """All there are. While two stages share a name nothing else can be said of any."""
    doubles = list(_doubles(stages))
    yield from doubles
    if not doubles:
        for place, stage in enumerate(stages):
            for field in SOURCES:
                if message := _objection(stages, place, field):
                    yield Misfit(place, message, tuple(_ways_out(stages, stage, place, field)))


def fits(field: str, source: StageCheckpoint, stage: Stage) -> bool:
    """Whether an earlier stage gives what ``source`` asks of it; ``field`` says what that is for."""
    return not (_trains_another_kind(field, stage) or _is_not_saved(source, stage))


def _doubles(stages: Sequence[Stage]) -> Iterator[Misfit]:
    names = [stage.name for stage in stages]
    for place, name in enumerate(names):
        if name in names[:place]:
            free = next(new for number in range(2, len(names) + 2) if (new := f"{name[:36]}-{number}") not in names)
            message = f"two stages are called {name}; give one of them another name"
            yield Misfit(place, message, ({"name": free},))


def _objection(stages: Sequence[Stage], place: int, field: str) -> str:
    """Why the stage cannot have what it asks for; empty when it can."""
    stage = stages[place]
    source: StageCheckpoint | None = getattr(stage, field)
    if source is None:
        return ""
    if source.stage not in {each.name for each in stages}:
        return f"the stage {stage.name} starts from {source.stage}, and no stage is called that"
    earlier = {each.name: each for each in stages[:place]}
    if source.stage not in earlier:
        return f"the stage {stage.name} starts from {source.stage}, which does not come before it"
    return _is_not_saved(source, earlier[source.stage]) or _misuse(field, stage, earlier[source.stage])


def _is_not_saved(source: StageCheckpoint, stage: Stage) -> str:
    """Why the stage will not have saved this checkpoint; empty when it will."""
    if isinstance(stage.run.method, EvaluateMethod):
        return f"the stage {stage.name} only evaluates, so it has no checkpoint to start from"
    if source.checkpoint == "best" and not (stage.run.checkpoints.keep_best and stage.run.evaluation.every_steps):
        return (
            f"the best checkpoint of {stage.name} is not known: it needs run.checkpoints.keep_best on and "
            "run.evaluation.every_steps above 0"
        )
    return ""


def _misuse(field: str, stage: Stage, source: Stage) -> str:
    """Why what the source trains is of no use there; empty when it is."""
    if not _trains_another_kind(field, source):
        return ""
    if field == "reward_model_from":
        return (
            f"the stage {stage.name} takes its reward model from {source.name}, which trains none: its method is "
            f"{source.run.method.kind}"
        )
    return (
        f"the stage {stage.name} cannot go on with the model of {source.name}: a reward model scores responses and "
        "writes none"
    )


def _trains_another_kind(field: str, stage: Stage) -> bool:
    """A reward model where a model that writes is wanted, or the other way round."""
    return isinstance(stage.run.method, RewardModelMethod) != (field == "reward_model_from")


def _ways_out(stages: Sequence[Stage], stage: Stage, place: int, field: str) -> Iterator[Mapping[str, object]]:
    """The checkpoint nearest to the one asked for, and to take what the stage's run names."""
    asked: StageCheckpoint = getattr(stage, field)
    earlier = {each.name: each for each in reversed(stages[:place])}  # the nearest first
    candidates = [asked.stage, *(name for name in earlier if name != asked.stage)]
    for name in (name for name in candidates if name in earlier):
        for checkpoint in (asked.checkpoint, "last"):
            source = StageCheckpoint(stage=name, checkpoint=checkpoint)
            if fits(field, source, earlier[name]):
                yield {field: source.model_dump()}
                yield {field: None}
                return
    yield {field: None}
