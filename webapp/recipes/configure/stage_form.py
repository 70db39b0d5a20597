"""One stage as a form: the form of a run's config, beside its name and the earlier stages that it begins from."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from pydantic import ValidationError

from training.config import BuiltinModel, RlMethod, RunConfig
from training.config.chain import SOURCES, fits
from training.config.learned import NoRewardModel, RewardCheckpoint
from training.config.recipe import Recipe, Stage, StageCheckpoint
from training.config.selection import Measured, RunsModel
from webapp.recipes.checks import faults_of_stage, foreseen
from webapp.recipes.configure.shaping import place_of, replaced
from webapp.recipes.configure.ways import as_fix
from webapp.runs.config_forms import ConfigForm, Fault, Fix, explain
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.forms import as_posted, checked_form
from webapp.runs.knobs import Values

PREFIX = "stage"
OWN = ""


class StageForm(forms.Form):
    """What a stage has besides the config of its run."""

    prefix = PREFIX

    name = forms.RegexField(
        r"^[a-z0-9][a-z0-9-]*$",
        max_length=40,
        error_messages={"invalid": "Lower-case letters, digits and hyphens, such as cold-start."},
        help_text="Short, such as cold-start. Stages that begin from this one follow when it changes.",
    )
    model_from = forms.ChoiceField(
        required=False,
        label="Model",
        help_text="An earlier stage whose model this one goes on with, with a new optimiser.",
    )
    reward_model_from = forms.ChoiceField(
        required=False,
        label="Reward model",
        help_text="An earlier stage whose reward model pays the responses.",
    )
    selection_model_from = forms.ChoiceField(
        required=False,
        label="Model that selects",
        help_text="An earlier stage whose model answers the problems that are selected from.",
    )

    def __init__(self, data: QueryDict, recipe: Recipe, name: str, may_rename: bool) -> None:
        stage = recipe.stages[place_of(recipe, name)]
        earlier = recipe.stages[: place_of(recipe, name)]
        super().__init__(data, initial={"name": name} | {field: _value(getattr(stage, field)) for field in SOURCES})
        self.fields["name"].disabled = not may_rename
        for field in SOURCES:
            chosen = _value(getattr(stage, field))
            choices = _checkpoints(field, earlier)
            gone = {chosen: f"{chosen} (not there)"} if chosen not in {OWN, *choices} else {}
            self.fields[field].choices = [(OWN, _NONE[field]), *gone.items(), *choices.items()]  # type: ignore[attr-defined]

    @property
    def sources(self) -> dict[str, dict[str, str] | None]:
        """As a recipe's config has them."""
        return {field: _source(str(self.cleaned_data.get(field) or OWN)) for field in SOURCES}


_NONE = {
    "model_from": "the one chosen below",
    "reward_model_from": "the one chosen below, if any",
    "selection_model_from": "the one chosen below",
}


@dataclass(frozen=True, slots=True)
class StageEdit:
    """A stage as it was sent: right, or with what is wrong."""

    fields: StageForm
    form: ConfigForm
    facts: Facts | None
    recipe: Recipe | None
    """With the stage as it was sent; None where it does not fit."""
    foreseen: RunConfig | None
    """What will be trained; None where that cannot be said."""


def as_sent(stage: Stage, values: Values) -> QueryDict:
    """What a browser would send of a stage, with these values of its run's knobs."""
    data = as_posted(values)
    data[f"{PREFIX}-name"] = stage.name
    for field in SOURCES:
        data[f"{PREFIX}-{field}"] = _value(getattr(stage, field))
    if stage.reward_model_from:  # a run that is not chosen below either is nothing that a browser can send
        for kind in [name for name in data if name.endswith("reward.learned.model.kind")]:
            data[kind] = "none"
    return data


def stage_edit(recipe: Recipe, name: str, data: QueryDict, may_rename: bool = True) -> StageEdit:
    """The stage that was sent, with every fault that can be found now."""
    fields = StageForm(data, recipe, name, may_rename)
    fields.is_valid()
    found: list[Recipe] = []

    def look(config: RunConfig) -> tuple[Facts, list[Fault]]:
        try:
            edited = replaced(recipe, name, _stage(fields, config))
        except ValidationError as error:
            return facts_of(config), list(_faults(error, config, place_of(recipe, name)))
        found.append(edited)
        stage = edited.stage(fields.cleaned_data["name"])
        return facts_of(foreseen(edited, stage)), faults_of_stage(edited, stage)

    form, facts = checked_form(data, look if fields.is_valid() else _unlooked)
    for field, words in fields.errors.get_json_data().items():
        form.add_fault(Fault(f"{fields[field].label}: {words[0]['message']}", ()))
    expected = foreseen(found[0], found[0].stage(fields.cleaned_data["name"])) if found else None
    return StageEdit(fields, form, facts, found[0] if found and form.is_valid() else None, expected)


def _unlooked(config: RunConfig) -> tuple[Facts, list[Fault]]:
    return facts_of(config), []


def _stage(fields: StageForm, config: RunConfig) -> Stage:
    """Raises pydantic's ValidationError. What an earlier stage gives leaves the knob below without a say."""
    values = config.model_dump()
    sources = fields.sources
    if sources["model_from"]:
        values["model"] = BuiltinModel().model_dump()
    if sources["selection_model_from"] and isinstance(config.selection, Measured):
        values["selection"]["measured_by"] = RunsModel().model_dump()
    if sources["reward_model_from"] and isinstance(config.method, RlMethod):
        learned = config.method.reward.learned
        if learned.model not in (NoRewardModel(), RewardCheckpoint()):
            values["method"]["reward"]["learned"]["model"] = NoRewardModel().model_dump()
    return Stage.model_validate({"name": fields.cleaned_data["name"], "run": values, **sources})


def _faults(error: ValidationError, config: RunConfig, place: int) -> Iterator[Fault]:
    """Those of a recipe concern the stage as a whole; what would put them right in this one is offered."""
    for problem in error.errors(include_url=False):
        is_here = problem["loc"] in {(), ("stages", place)}
        fixes = problem.get("ctx", {}).get("fixes", ()) if is_here else ()
        yield Fault(explain(problem), (), tuple(_fixes(fixes, config)))


def _fixes(fixes: Sequence[Mapping[str, object]], config: RunConfig) -> Iterator[Fix]:
    for fields in fixes:
        with suppress(ValidationError):  # what would do for the stage may not do for the rest of its run
            yield _fix(fields, config)


def _fix(fields: Mapping[str, object], config: RunConfig) -> Fix:
    """Fields of the stage as its form has them."""
    sent = {
        f"{PREFIX}-{field}": _value(StageCheckpoint.model_validate(value) if value else None)
        for field, value in fields.items()
        if field in SOURCES
    }
    named = {f"{PREFIX}-name": str(fields["name"])} if "name" in fields else {}
    return as_fix(fields, config, named | sent)


def _checkpoints(field: str, earlier: Sequence[Stage]) -> dict[str, str]:
    """What earlier stages give that fits: value → words."""
    return {
        _value(source): f"{stage.name}, {source.checkpoint} checkpoint"
        for stage in earlier
        for source in (StageCheckpoint(stage=stage.name), StageCheckpoint(stage=stage.name, checkpoint="best"))
        if fits(field, source, stage)
    }


def _value(source: StageCheckpoint | None) -> str:
    return f"{source.stage}:{source.checkpoint}" if source else OWN


def _source(value: str) -> dict[str, str] | None:
    stage, _, checkpoint = value.partition(":")
    return {"stage": stage, "checkpoint": checkpoint} if stage else None
