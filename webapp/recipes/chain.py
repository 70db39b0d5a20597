"""Where a recipe stands: its stages with their attempts, and what a stage takes from earlier ones."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from training.config import CheckpointModel, RewardCheckpoint, RunConfig
from training.config.recipe import Recipe, Stage, StageCheckpoint
from webapp.core.errors import UserError
from webapp.recipes.models import RecipeRun, StageRun
from webapp.runs.models import Checkpoint, Run
from webapp.runs.status import RunStatus


@dataclass(frozen=True, slots=True)
class Link:
    """A stage of a recipe with its attempts, the oldest first."""

    number: int
    """From 1 on, in the recipe's order."""
    stage: Stage
    attempts: Sequence[StageRun] = field(default_factory=tuple)

    @property
    def current(self) -> StageRun | None:
        """The attempt that counts; None before the first one, and when the stage is to be trained anew."""
        return next((attempt for attempt in reversed(self.attempts) if not attempt.outdated), None)

    @property
    def run(self) -> Run | None:
        """The run that counts."""
        return self.current.run if self.current else None

    @property
    def is_done(self) -> bool:
        return self.run is not None and self.run.state == RunStatus.SUCCEEDED

    @property
    def is_moving(self) -> bool:
        return self.run is not None and not self.run.state.is_terminal


def links_of(recipe_run: RecipeRun, recipe: Recipe) -> list[Link]:
    """Every stage in order."""
    return links_of_each([(recipe_run, recipe)])[0]


def links_of_each(recipes: Sequence[tuple[RecipeRun, Recipe]]) -> list[list[Link]]:
    """The stages of each recipe, in order, by one query."""
    found: dict[tuple[int, str], list[StageRun]] = defaultdict(list)
    attempts = StageRun.objects.filter(recipe__in=[recipe_run.pk for recipe_run, _ in recipes])
    for attempt in attempts.select_related("run").order_by("number"):
        found[attempt.recipe_id, attempt.stage].append(attempt)
    return [
        [Link(number, stage, found[recipe_run.pk, stage.name]) for number, stage in enumerate(recipe.stages, start=1)]
        for recipe_run, recipe in recipes
    ]


def dependents_of(stages: Sequence[Stage], name: str) -> list[str]:
    """A stage and all later ones that begin, directly or not, from what it saves."""
    names = [name]
    for stage in stages:
        if stage.name not in names and any(source.stage in names for source in stage.sources):
            names.append(stage.name)
    return names


def needed_of(recipe: Recipe, name: str) -> list[StageCheckpoint]:
    """What later stages take from this one."""
    return [source for stage in recipe.stages for source in stage.sources if source.stage == name]


def saved_by(link: Link, source: StageCheckpoint) -> Checkpoint:
    """The checkpoint that ``source`` means of a stage that is done. Raises UserError when it is not there."""
    kept = link.run.checkpoints.select_related("run").filter(removed_at=None) if link.run else None
    if kept is None or not link.is_done:
        raise UserError(f"The stage {source.stage} is not done, so that there is nothing to begin from.")
    found = kept.filter(best=True).first() if source.checkpoint == "best" else kept.order_by("step").last()
    if found is None:
        raise UserError(
            f"The {source.checkpoint} checkpoint of the stage {source.stage} (run {link.run.pk if link.run else '–'}) "
            "is gone. Train that stage anew."
        )
    return found


Source = tuple[str, int, int, str]
"""Stage, run, step, and what of: ``model``, ``reward model``, or ``selection`` for what chose the problems."""


def resolved(link: Link, links: Sequence[Link]) -> tuple[RunConfig, list[Source]]:
    """The config of a stage's run, and what it begins from. Raises UserError when that is not there."""
    by_name = {each.stage.name: each for each in links}
    stage, sources = link.stage, list[Source]()
    model = reward_model = selection_model = None
    if stage.model_from:
        saved = saved_by(by_name[stage.model_from.stage], stage.model_from)
        model = CheckpointModel(run=saved.run_id, step=saved.step)
        sources.append((stage.model_from.stage, saved.run_id, saved.step, "model"))
    if stage.reward_model_from:
        saved = saved_by(by_name[stage.reward_model_from.stage], stage.reward_model_from)
        reward_model = RewardCheckpoint(run=saved.run_id, step=saved.step)
        sources.append((stage.reward_model_from.stage, saved.run_id, saved.step, "reward model"))
    if stage.selection_model_from:
        saved = saved_by(by_name[stage.selection_model_from.stage], stage.selection_model_from)
        selection_model = CheckpointModel(run=saved.run_id, step=saved.step)
        sources.append((stage.selection_model_from.stage, saved.run_id, saved.step, "selection"))
    return stage.resolved(model, reward_model, selection_model), sources
