"""Where the form's first values come from: defaults, a preset, a run to clone, a checkpoint to go on from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.http import QueryDict
from pydantic import ValidationError

from training.config import RunConfig, SrlMethod
from training.config.presets import PRESETS, Choice, Preset
from webapp.core.errors import UserError
from webapp.runs.config_forms import explain
from webapp.runs.configure.salvage import Loss, salvage
from webapp.runs.configure.step_room import with_room
from webapp.runs.configure.words import label_of, shown
from webapp.runs.knobs import NOT_OFFERED, Knob, Values, knobs_of, values_of
from webapp.runs.models import Run


@dataclass(frozen=True)
class Start:
    """What the form begins with, and is compared with."""

    name: str
    """In words: ``the defaults``, ``the preset DAPO``, ``run 12``."""
    config: RunConfig
    preset: Preset | None = None
    cloned_from: Run | None = None
    changes: Values = field(default_factory=dict)
    """Knobs that the address sets, by name: what the form shows in place of the starting values."""
    losses: list[Loss] = field(default_factory=list)
    """What of the run's stored config could not be kept."""

    @cached_property
    def values(self) -> Values:
        return values_of(self.config)

    def reason(self, knob: Knob) -> Choice | None:
        """Why the preset chose this knob's value."""
        if self.preset is None or not knob.is_active(self.values):
            return None
        return self.preset.by_path.get(knob.path)


@dataclass(frozen=True, slots=True)
class Difference:
    """A knob whose value is not the starting one."""

    name: str
    old: str
    new: str

    @property
    def label(self) -> str:
        return label_of(self.name)


def start_from(query: QueryDict) -> Start:
    """Reads ``preset``, ``clone``, ``from_checkpoint``, ``problems`` or ``level``, and the splitter's settings.

    ``set=<name of a knob>:<value>``, as often as wanted, changes single knobs of it. Raises UserError when they name
    nothing.
    """
    start = _start_from(query)
    return replace(start, changes=_changes(query)) if "set" in query else start


def _start_from(query: QueryDict) -> Start:
    if clone := query.get("clone"):
        return _from_run(str(clone))
    if checkpoint := query.get("from_checkpoint"):
        return _from_checkpoint(str(checkpoint), query.get("preset", ""))
    start = _from_preset(query.get("preset", ""))
    if slug := query.get("problems"):
        problems = {"kind": "imported", "slug": str(slug)}
        start = replace(start, name=f"{start.name} on {slug}", config=_with(start.config, problems=problems))
    elif level := query.get("level"):
        changed = start.config.problems.model_dump() | {"level": str(level)}
        start = replace(start, name=f"{start.name} on the level {level}", config=_with(start.config, problems=changed))
    return _with_steps(start, query) if "rule" in query else start


def _changes(query: QueryDict) -> Values:
    changes = {}
    for given in query.getlist("set"):
        name, _, value = given.partition(":")
        if name not in knobs_of(RunConfig):
            raise UserError(f"This address sets {name!r}, and there is no such knob.", status=404)
        changes[name] = value
    return changes


def differences(start: Values, values: Mapping[str, Any]) -> list[Difference]:
    """The knobs that count among ``values`` and are not as they were."""
    return [
        Difference(name, shown(start[name]), shown(values[name]))
        for name, knob in knobs_of(RunConfig).items()
        if name in values and knob.is_active(values) and shown(values[name]) != shown(start[name])
    ]


def _from_preset(slug: str) -> Start:
    if not slug:
        return Start("the defaults", RunConfig())
    if slug not in PRESETS:
        raise UserError(f"There is no preset {slug!r}; there are {', '.join(PRESETS)}.", status=404)
    return Start(f"the preset {PRESETS[slug].title}", PRESETS[slug].config, PRESETS[slug])


def _from_run(number: str) -> Start:
    run = Run.objects.filter(pk=int(number)).first() if number.isdecimal() else None
    if run is None:
        raise UserError(f"There is no run {number} to clone (any more).", status=404)
    if ("method.kind", run.method) in NOT_OFFERED:
        raise UserError(f"Run {run.pk} is an evaluation; start another one on the Evals page.")
    config, losses = salvage(run.config)
    return Start(f"run {run.pk}", config, cloned_from=run, losses=losses)


def _from_checkpoint(address: str, preset: str) -> Start:
    """``<run>:<step>``; with a preset its settings, else those of the run."""
    number, _, step = address.partition(":")
    if not (number.isdecimal() and step.isdecimal()):
        raise UserError(f"from_checkpoint must be <run>:<step>, not {address!r}.")
    start = _from_preset(preset) if preset else _from_run(number)
    model = {"kind": "checkpoint", "run": number, "step": step}
    return Start(f"{start.name} at step {step}", _with(start.config, model=model), start.preset, losses=start.losses)


def _with_steps(start: Start, query: QueryDict) -> Start:
    """SRL on steps that are cut as the splitter's page showed it, with room for the longest."""
    method = start.config.method if isinstance(start.config.method, SrlMethod) else SrlMethod()
    steps: dict[str, Any] = {
        "rule": query["rule"], "pattern": query.get("pattern", ""), "title": "title" in query, "last": "last" in query,
    }  # fmt: skip
    changed = method.model_dump() | {"steps": steps, "format": query.get("format", method.format)}
    config = _with(start.config, method=changed)
    return replace(start, name=f"{start.name}, in steps", config=_with(config, **with_room(config)))


def _with(config: RunConfig, **changes: dict[str, Any]) -> RunConfig:
    try:
        return RunConfig.model_validate(config.model_dump() | changes)
    except ValidationError as error:
        raise UserError(f"This address cannot be used: {explain(error.errors()[0])}") from error
