"""Recipes whose stages the tests end by hand."""

from typing import Any

from django.utils import timezone

from training.checkpoints import checkpoint_name
from training.config import GrpoMethod, RewardModelMethod, RunConfig, SftMethod
from training.config.recipe import Recipe, Stage, StageCheckpoint
from webapp.recipes.chain import Link, links_of
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, launch_recipe
from webapp.runs.models import Checkpoint, Run
from webapp.runs.status import RunStatus, transition

SMALL = RunConfig(steps=4)


def three_stages() -> Recipe:
    """SFT, a reward model from the built-in model, then GRPO from the SFT's last checkpoint paid by that model."""
    paid = GrpoMethod.model_validate({"reward": {"learned": {"model": {"kind": "checkpoint"}}}})
    return Recipe(
        name="Small RLHF",
        stages=(
            Stage(name="warm-up", run=RunConfig(method=SftMethod(), steps=4)),
            Stage(name="judge", run=RunConfig(method=RewardModelMethod(), steps=4)),
            Stage(
                name="policy", run=RunConfig(method=paid, steps=4), model_from=StageCheckpoint(stage="warm-up"),
                reward_model_from=StageCheckpoint(stage="judge", checkpoint="best"),
            ),
        ),
    )  # fmt: skip


def two_stages() -> Recipe:
    """GRPO, and more of it."""
    return Recipe(
        name="Twice",
        stages=(
            Stage(name="first", run=SMALL),
            Stage(name="second", run=SMALL, model_from=StageCheckpoint(stage="first")),
        ),
    )


def launched(recipe: Recipe | None = None, **fields: Any) -> RecipeRun:
    """A recipe whose first stage is queued."""
    made = create_recipe(recipe or two_stages(), **fields)
    launch_recipe(made)
    return made


def links(recipe_run: RecipeRun) -> list[Link]:
    """Its stages, as they are now."""
    recipe_run.refresh_from_db()
    return links_of(recipe_run, recipe_run.recipe)


def run_of(recipe_run: RecipeRun, stage: str) -> Run:
    """The run that counts of a stage; the test fails when there is none."""
    run = next(link for link in links(recipe_run) if link.stage.name == stage).run
    assert run is not None
    return run


def end(run: Run, status: RunStatus = RunStatus.SUCCEEDED, *, steps: int = 4, error: str = "") -> Run:
    """As a worker that carried the run leaves it, checkpoints of the last two steps included; the last but one is the
    best."""
    assert transition(run.pk, RunStatus.STARTING)
    if status == RunStatus.SUCCEEDED:
        for step in (steps - 1, steps):
            save(run, step, best=step == steps - 1)
    assert transition(run.pk, status, ended_at=timezone.now(), error=error, step=steps)
    run.refresh_from_db()
    return run


def save(run: Run, step: int, **fields: Any) -> Checkpoint:
    """A checkpoint with its folder."""
    path = f"checkpoints/{checkpoint_name(step)}"
    (run.folder / path).mkdir(parents=True, exist_ok=True)
    return Checkpoint.objects.create(run=run, step=step, path=path, size=1, saved_at=timezone.now(), **fields)
