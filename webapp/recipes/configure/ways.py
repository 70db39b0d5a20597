"""Ways out of what is wrong with stages: offered as buttons, and done to a draft when one is pressed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from training.config import RunConfig
from training.config.base import Config
from training.config.recipe import Stage
from webapp.core.errors import UserError
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.names import KINDS
from webapp.runs.configure.words import label_within, shown
from webapp.runs.knobs import Values, knobs_of, tree_of, values_of

TAKEN = {
    "model_from": "the model",
    "reward_model_from": "the reward model",
    "selection_model_from": "the model that selects",
}
RUN = "run."


class Way(Config):
    """Values of one stage that would do."""

    stage: str

    fields: dict[str, Any] = {}
    """Of the stage, by their path from it: ``model_from``, ``run.model``."""

    knobs: Values = {}
    """Of its run, by name of the knob."""

    @property
    def label(self) -> str:
        """What a button says, without the stage: ``Take the model from warm-up (last)``."""
        return self.words[:1].upper() + self.words[1:]

    @property
    def words(self) -> str:
        """The label as a part of a sentence."""
        words = [_words(path, value) for path, value in self.fields.items()]
        words += [f"set {label_within(name)} to {shown(value)}" for name, value in self.knobs.items()]
        return " and ".join(words)

    def applied(self, stage: Stage) -> Stage:
        """The stage with these values. Raises pydantic's ValidationError where they do not fit."""
        values = stage.model_dump()
        if self.knobs:
            values["run"] = tree_of(knobs_of(RunConfig), values_of(stage.run) | self.knobs)
        for path, value in self.fields.items():
            _put(values, path, value)
        return Stage.model_validate(values)


def read_ways(texts: Sequence[str]) -> list[Way]:
    """Those that buttons sent. Raises UserError for what is none."""
    try:
        return [Way.model_validate_json(text) for text in texts]
    except ValidationError as error:
        raise UserError("This is no way out that was offered.") from error


def ways_out(problem: ErrorDetails, stages: Sequence[Stage]) -> Iterator[Way]:
    """Those that an error of a recipe offers, at the stage that it concerns."""
    match problem["loc"]:
        case ("stages", int(place)) if place < len(stages):
            for fix in problem.get("ctx", {}).get("fixes", ()):
                yield Way(stage=stages[place].name, fields=dict(fix))


def ways_of(stage: str, fault: Fault) -> list[Way]:
    """The fixes of a run's fault."""
    return [Way(stage=stage, knobs=dict(fix.values)) for fix in fault.fixes]


def as_fix(fields: Mapping[str, object], config: RunConfig, as_sent: Mapping[str, str]) -> Fix:
    """The same for the stage's form: knobs of ``config`` that change, and ``as_sent`` for the fields of the stage."""
    values = config.model_dump()
    for path, value in fields.items():
        if path.startswith(RUN):
            _put(values, path.removeprefix(RUN), value)
    before, after = values_of(config), values_of(RunConfig.model_validate(values))
    changed = {name: value for name, value in after.items() if value != before[name]}
    return Fix(dict(as_sent) | changed, Way(stage="", fields=dict(fields)).label)


def _words(path: str, value: Any) -> str:
    if path == "name":
        return f"call it {value}"
    if what := TAKEN.get(path):
        return (
            f"take {what} from {value['stage']} ({value['checkpoint']})"
            if value
            else f"take {what} that its own settings name"
        )
    kind = str(value.get("kind", "")) if isinstance(value, Mapping) else shown(value)
    return f"set {label_within(path.removeprefix(RUN))} to {KINDS.get(kind, kind)}"


def _put(values: dict[str, Any], path: str, value: object) -> None:
    *groups, leaf = path.split(".")
    for group in groups:
        values = values[group] if isinstance(values.get(group), dict) else {}
    values[leaf] = value
