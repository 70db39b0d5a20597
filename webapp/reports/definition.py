"""What a report is made of: arms and seeds to run, metrics to draw, and the goals it has to answer."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from training.config import RunConfig
from training.config.base import Config
from training.config.presets import PRESETS
from webapp.runs.axes import Axis

SLUG = r"^[a-z0-9][a-z0-9-]*$"
Slug = Annotated[str, Field(pattern=SLUG, max_length=60)]
MOST_ARMS = 64
"""Colours and dashes tell as many apart."""
MOST_SEEDS = 32
AXES: tuple[Axis, ...] = ("step", "tokens", "time")
KINDS = {group: getattr(RunConfig(), group).kind for group in ("model", "problems", "method")}
"""What a config means that names knobs of a group without its kind."""
DEFAULT_METRICS = ("heldout/pass_at_1", "heldout/pass_at_k", "reward/mean", "response/length_mean")
"""The first is what results and goals are about; those that no run has are left out."""


class Arm(Config):
    """One of the ways that are compared: a config, run once with each seed."""

    slug: Slug

    title: str = Field(min_length=1, max_length=80)

    preset: str | None = None
    """Where the config starts; empty takes ``config``, and without that the defaults."""

    config: dict[str, Any] | None = None
    """A config as in a file, whole or in part."""

    overrides: dict[str, Any] = {}
    """Knobs by path, ``method.loss.clip_high``, that replace what the start says."""

    after: Slug | None = None
    """Arm or part from whose last checkpoint, of the same seed, this one goes on; what that spent counts as spent."""

    @model_validator(mode="after")
    def _has_one_start(self) -> Self:
        if self.preset is not None and self.config is not None:
            raise ValueError(f"arm {self.slug}: name a preset or give a config, not both")
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"arm {self.slug}: there is no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        return self

    def tree(self) -> dict[str, Any]:
        """The config as in a file, not yet validated."""
        tree: dict[str, Any] = deepcopy(self.config) if self.config is not None else {}
        if self.preset is not None:
            _put(tree, ((choice.path, choice.value) for choice in PRESETS[self.preset].choices))
        _put(tree, self.overrides.items())
        for group, kind in KINDS.items():
            if isinstance(level := tree.setdefault(group, {}), dict):
                level.setdefault("kind", kind)
        return tree

    def run_config(self, seed: int) -> RunConfig:
        """What the run of a seed trains. Raises ValidationError when the knobs do not go together (any more)."""
        return RunConfig.model_validate(self.tree() | {"seed": seed})

    def values(self) -> dict[str, Any]:
        """All knobs but the seed, to compare arms by; where they are not valid any more, those that are written."""
        try:
            values = self.run_config(0).model_dump(mode="json")
        except ValidationError:
            values = self.tree()
        values.pop("seed", None)
        return values


class Budget(Config):
    """Up to where runs are compared; what comes later is left out."""

    tokens: int | None = Field(default=None, ge=1)
    """Generated tokens."""

    seconds: float | None = Field(default=None, gt=0)
    """Seconds of training."""


class ReachesPlateauWith(Config):
    """``arm`` gets to the plateau of ``of`` with at most a share of what ``of`` itself needed for it."""

    kind: Literal["reaches_plateau_with"] = "reaches_plateau_with"

    arm: Slug

    of: Slug

    share: float = Field(gt=0, le=10)

    axis: Axis = "tokens"


class Beats(Config):
    """``arm`` is better than ``of`` by at least so much, where both have had the same."""

    kind: Literal["beats"] = "beats"

    arm: Slug

    of: Slug

    by: float = Field(default=0.0, ge=0)

    at: Literal["plateau", "end", "tokens", "time"] = "plateau"
    """plateau and end are each run's own; tokens and time the most that all runs have reached."""


class Grows(Config):
    """The metric of ``arm`` ends at a multiple of where it began."""

    kind: Literal["grows"] = "grows"

    arm: Slug

    factor: float = Field(gt=0)


Goal = Annotated[ReachesPlateauWith | Beats | Grows, Field(discriminator="kind")]


class Definition(Config):
    """A whole report."""

    name: Slug
    """Its address, and what the command calls it."""

    title: str = Field(min_length=1, max_length=120)

    question: str = Field(default="", max_length=2000)
    """What the report answers, in one paragraph."""

    parts: tuple[Arm, ...] = Field(default=(), max_length=MOST_ARMS)
    """What arms go on from, where that is no arm itself: run with each seed, neither drawn nor compared."""

    arms: tuple[Arm, ...] = Field(min_length=1, max_length=MOST_ARMS)

    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, max_length=MOST_SEEDS)

    metrics: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = Field(
        default=DEFAULT_METRICS, min_length=1, max_length=12
    )

    axes: tuple[Axis, ...] = Field(default=AXES, min_length=1)

    baseline: Slug | None = None
    """The arm that others are measured by; empty takes the first."""

    budget: Budget = Budget()

    grid: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(default=(), max_length=3)
    """Paths of the knobs whose combinations are the arms; each arm's value stands in its overrides."""

    goals: tuple[Goal, ...] = ()

    @field_validator("seeds", "metrics", "axes")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(values))

    @field_validator("seeds")
    @classmethod
    def _seeds_are_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= seed < 2**31 for seed in seeds):
            raise ValueError("a seed lies between 0 and 2,147,483,647")
        return tuple(sorted(seeds))

    @model_validator(mode="after")
    def _names_are_arms(self) -> Self:
        slugs, all_slugs = [arm.slug for arm in self.arms], [arm.slug for arm in self.all_arms]
        if len(set(all_slugs)) < len(all_slugs):
            raise ValueError("two arms have the same slug")
        for place, arm in enumerate(self.all_arms):
            if arm.after is not None and arm.after not in all_slugs[:place]:
                raise ValueError(f"arm {arm.slug} goes on after {arm.after!r}, which does not stand before it")
        named = [self.baseline, *(goal.arm for goal in self.goals), *(getattr(goal, "of", None) for goal in self.goals)]
        for name in filter(None, named):
            if name not in slugs:
                raise ValueError(f"there is no arm {name!r}; there are {', '.join(slugs)}")
        return self

    @model_validator(mode="after")
    def _arms_lie_on_the_grid(self) -> Self:
        for arm in self.arms:
            if absent := [path for path in self.grid if path not in arm.overrides]:
                raise ValueError(f"arm {arm.slug} has no override for {absent[0]}, an axis of the grid")
        return self

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """The parts and the arms: each stands behind what it goes on from."""
        return (*self.parts, *self.arms)

    @property
    def base(self) -> Arm:
        """The arm that others are measured by."""
        return self.arm(self.baseline) if self.baseline else self.arms[0]

    def arm(self, slug: str) -> Arm:
        """One of the arms or parts."""
        return next(arm for arm in self.all_arms if arm.slug == slug)


def _put(tree: dict[str, Any], knobs: Iterable[tuple[str, Any]]) -> None:
    for path, value in knobs:
        *groups, leaf = path.split(".")
        level: Any = tree
        for group in groups:
            level = level.setdefault(group, {})
            if not isinstance(level, Mapping):
                raise ValueError(f"{path}: {group} is a value and has no knobs")
        level[leaf] = deepcopy(value)
