"""The stages of a draft as its editor lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.config.evaluate import EvaluateMethod
from training.config.recipe import Recipe, Stage, StageCheckpoint
from training.config.run import RunConfig
from webapp.recipes.configure.ways import Way, ways_of
from webapp.runs.config_forms import Fault
from webapp.runs.configure.names import KINDS
from webapp.runs.configure.starting import Difference, differences
from webapp.runs.configure.words import label_of
from webapp.runs.knobs import values_of
from webapp.runs.models import method_title

MOST_TOLD = 4
NOT_TOLD = ("method.kind", "model.", "selection.kind", "steps")
"""Said elsewhere in the row."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage."""

    stage: Stage
    is_first: bool
    is_last: bool
    faults: tuple[str, ...]
    told: tuple[Difference, ...]
    """Knobs that are not at their defaults, the first few."""
    untold: int
    """How many more there are."""

    @property
    def method(self) -> str:
        return method_title(self.stage.run.method.kind)

    @property
    def begins_from(self) -> list[str]:
        """Where its models come from, in words."""
        stage = self.stage
        words = [_words("Model", stage.model_from)] if stage.model_from else [_own_model(stage.run)]
        words += [_words("Reward model", stage.reward_model_from)] if stage.reward_model_from else []
        return words + ([_words("Selects by", stage.selection_model_from)] if stage.selection_model_from else [])

    @property
    def problems(self) -> str:
        """Which of its problems it takes; empty for all."""
        kind = self.stage.run.selection.kind
        return "" if kind == "all" else KINDS.get(kind, kind)

    @property
    def has_form(self) -> bool:
        """Evaluations have a form of their own, elsewhere."""
        return not isinstance(self.stage.run.method, EvaluateMethod)


def rows_of(recipe: Recipe, faults: Sequence[tuple[str, Fault]]) -> list[StageRow]:
    """Every stage in order, with what keeps it from being trained."""
    defaults, rows = values_of(RunConfig()), []
    for place, stage in enumerate(recipe.stages):
        changed = differences(defaults, values_of(stage.run))
        told = [each for each in changed if not each.name.startswith(NOT_TOLD)]
        rows.append(
            StageRow(
                stage,
                place == 0,
                place == len(recipe.stages) - 1,
                tuple(fault.message for name, fault in faults if name == stage.name),
                tuple(told[:MOST_TOLD]),
                max(0, len(told) - MOST_TOLD),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that keeps a stage from being trained."""

    stage: str
    settings: str
    """Labels of the knobs that it is about; empty for the stage as a whole."""
    message: str
    ways: list[Way]


def reasons_of(faults: Sequence[tuple[str, Fault]]) -> list[Reason]:
    """Everything that keeps a recipe from being started, with the ways out."""
    return [
        Reason(stage, ", ".join(map(label_of, fault.about)), fault.message, ways_of(stage, fault))
        for stage, fault in faults
    ]


def _words(what: str, source: StageCheckpoint) -> str:
    return f"{what} from {source.stage} ({source.checkpoint})"


def _own_model(run: RunConfig) -> str:
    return f"Model: {KINDS.get(run.model.kind, run.model.kind)}"
