"""What a sweep would run: every point of the grid with its config, or the reason why it cannot be."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.reports.sweeps.reading import GridAxis, knobs_at
from webapp.runs.config_forms import explain
from webapp.runs.configure.checks import faults_of
from webapp.runs.configure.facts import facts_of
from webapp.runs.configure.words import label_of, shown
from webapp.runs.knobs import NOT_OFFERED, knobs_of, tree_of, values_of

MOST_RUNS = 64
"""Of one sweep: one machine works on them for long."""
MOST_POINTS = 256
"""That are looked at for those that can be run."""
MOST_REASONS = 2
LONGEST_TITLE = 80

Point = Mapping[str, Any]
"""Key of an axis → its value."""
C = TypeVar("C", bound=BaseModel)
"""What is run at each point: the config of a run, or of something made of runs."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[C]):
    """A point of the grid that can be run."""

    title: str
    point: Point
    config: C


@dataclass(frozen=True, slots=True)
class Refused:
    """A point that cannot, or would be another one again."""

    title: str
    reason: str


@dataclass(frozen=True)
class SweepPlan(Generic[C]):
    """All that would be started. ``base`` is the config that points are put into."""

    base: C
    axes: tuple[GridAxis, ...]
    seeds: tuple[int, ...]
    settings: tuple[Setting[C], ...]
    refused: tuple[Refused, ...]
    noun: str = "run"
    """What each seed of a setting is."""

    @property
    def run_count(self) -> int:
        return len(self.settings) * len(self.seeds)

    @property
    def sum(self) -> str:
        """``2 × 3 settings, 2 left out, × 2 seeds = 8 runs``."""
        sizes = " × ".join(str(len(axis.values)) for axis in self.axes) or "1"
        whole = prod(len(axis.values) for axis in self.axes)
        parts = [
            f"{sizes} setting{'s' if whole > 1 else ''}" if self.axes else "",
            f"{len(self.refused)} of them left out" if self.refused else "",
        ]
        seeds = f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''}"
        runs = f"{self.run_count} {self.noun}{'' if self.run_count == 1 else 's'}"
        grid = ", ".join(filter(None, parts))
        return f"{grid}{' × ' if grid and not self.refused else ', × ' if grid else ''}{seeds} = {runs}"

    @cached_property
    def agreement(self) -> str:
        """What somebody agrees to who starts the sweep: another plan has another one."""
        configs = [setting.config.model_dump_json() for setting in self.settings]
        return hashlib.sha256(json.dumps([self.seeds, configs]).encode()).hexdigest()

    @property
    def base_place(self) -> int:
        """Of the setting that the form itself describes; the first where it is none of them."""
        same = [place for place, each in enumerate(self.settings) if each.config == self.base]
        return same[0] if same else 0


def plan_sweep(base: RunConfig, axes: Sequence[GridAxis], seeds: tuple[int, ...]) -> SweepPlan[RunConfig]:
    """Raises UserError when that is too much, or nothing at all. Single points that cannot be are in ``refused``."""
    if ("method.kind", base.method.kind) in NOT_OFFERED:
        raise UserError("This is an evaluation; start others on the Evals page.")
    return plan_points(base.model_copy(update={"seed": 0}), axes, seeds, config_at)


def plan_points(
    base: C, axes: Sequence[GridAxis], seeds: tuple[int, ...], at: Callable[[C, Point], C], noun: str = "run"
) -> SweepPlan[C]:
    """The same for whatever is run: ``at`` puts a point into the base, and raises PointError where it cannot be."""
    whole = prod(len(axis.values) for axis in axes)
    if whole > MOST_POINTS:
        raise UserError(_too_many(axes, seeds, whole * len(seeds)))
    settings: dict[str, Setting[C]] = {}
    refused = []
    for values in product(*(axis.values for axis in axes)):
        point = {axis.key: value for axis, value in zip(axes, values, strict=True)}
        title = title_of(point, {axis.key: axis.words for axis in axes})
        try:
            config = at(base, point)
        except PointError as error:
            refused.append(Refused(title, str(error)))
            continue
        twin = settings.setdefault(config.model_dump_json(), Setting(title, point, config))
        if twin.point is not point:
            refused.append(Refused(title, f"It is the same as {twin.title}: what differs does not count there."))
    if len(settings) * len(seeds) > MOST_RUNS:
        raise UserError(_too_many(axes, seeds, len(settings) * len(seeds)))
    return SweepPlan(base, tuple(axes), seeds, tuple(settings.values()), tuple(refused), noun)


class PointError(ValueError):
    """Why a point of a grid cannot be run, in words."""


def config_at(base: RunConfig, point: Point) -> RunConfig:
    """The config with the values of a point. Raises PointError with what keeps it from running."""
    if idle := idle_at(base, point):
        raise PointError(f"{label_of(knobs_at(idle[0])[0].name)} does not count with what else is chosen.")
    config = with_values(base, point)
    if reasons := [fault.message for fault in faults_of(config, facts_of(config))]:
        raise PointError(" ".join(reasons[:MOST_REASONS]))
    return config


def idle_at(base: RunConfig, point: Point) -> list[str]:
    """Paths of the point whose knobs do not count, with what else is chosen."""
    values = _values_at(base, point)
    return [path for path in point if not any(knob.is_active(values) for knob in knobs_at(path))]


def with_values(base: RunConfig, point: Point) -> RunConfig:
    """The config with the values of a point, by path of the knob. Raises PointError where they are not possible."""
    try:
        return RunConfig.model_validate(tree_of(knobs_of(RunConfig), _values_at(base, point)))
    except ValidationError as error:
        reasons = [_reason(problem) for problem in error.errors(include_url=False, include_input=False)]
        raise PointError(" ".join(reasons[:MOST_REASONS])) from error


def _values_at(base: RunConfig, point: Point) -> dict[str, Any]:
    return values_of(base) | {knob.name: value for path, value in point.items() for knob in knobs_at(path)}


def own_value(plan: SweepPlan[RunConfig], axis: GridAxis) -> str:
    """What the base says of an axis, in words; empty where its knob does not count there."""
    values = values_of(plan.base)
    own = next((knob for knob in knobs_at(axis.path) if knob.is_active(values)), None)
    return shown(values[own.name]) if own else ""


def title_of(point: Point, words: Mapping[str, str]) -> str:
    """What is different about a point: ``learning rate 0.0003, longest response 64``; ``words`` name the axes."""
    labels = [words[key] for key in point]
    names = [label if labels.count(label) == 1 else path for label, path in zip(labels, point, strict=True)]
    values = [shown(value) for value in point.values()]
    for parts in ([f"{name} {value}" for name, value in zip(names, values, strict=True)], values):
        if len(title := ", ".join(parts)) <= LONGEST_TITLE:
            return title
    return f"{title[: LONGEST_TITLE - 1]}…"


def _reason(problem: Mapping[str, Any]) -> str:
    name = ".".join(map(str, problem["loc"]))
    knob = knobs_of(RunConfig).get(name)
    message = explain(problem, knob)
    return f"{label_of(name)}: {message[:1].lower()}{message[1:]}" if knob else message


def _too_many(axes: Sequence[GridAxis], seeds: Sequence[int], runs: int) -> str:
    sizes = " × ".join(str(len(axis.values)) for axis in axes) or "1"
    return (
        f"{sizes} settings × {len(seeds)} seeds are {runs} runs; {MOST_RUNS} at once is the most. "
        "Leave out values or seeds, or start them in parts."
    )
