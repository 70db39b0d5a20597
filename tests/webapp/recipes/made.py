"""Recipes whose stages the tests end by hand."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.webapp.runs.pages.made import add_figures
from training.checkpoints import checkpoint_name
from training.config import GrpoMethod, RewardModelMethod, RunConfig, SftMethod
from training.config.recipe import Recipe, Stage, StageCheckpoint
from webapp.recipes.advance import advance
from webapp.recipes.chain import Link, links_of
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, launch_recipe, resume_recipe
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


def figures(run: Run, first: float, last: float, *, steps: int = 4) -> None:
    """Held-out accuracy before, halfway and after, and a reward, a length, an entropy and tokens at each step."""
    for step in (0, steps // 2, steps):
        share = first + (last - first) * step / steps
        add_figures(
            run, {"heldout/pass_at_1": [share], "heldout/greedy": [share + 0.05], "heldout/length_mean": [20.0]}, step
        )
    each = range(1, steps + 1)
    add_figures(
        run,
        {
            "reward/mean": [first + (last - first) * step / steps for step in each],
            "response/length_mean": [30.0 + step for step in each],
            "policy/entropy": [1 - 0.5 * step / steps for step in each],
            "tokens/total": [1000.0 * step for step in each],
            "time/step_s": [2.0] * steps,
        },
    )


def with_figures() -> RecipeRun:
    """A recipe with one stage done, the second failed once and now at half, the third waiting."""
    stages = [
        Stage(name=name, run=RunConfig(steps=40), model_from=StageCheckpoint(stage=before) if before else None)
        for name, before in (
            ("short-answers", ""),
            ("long-answers", "short-answers"),
            ("hard-problems", "long-answers"),
        )
    ]
    made = launched(Recipe(name="Longer and longer answers", stages=tuple(stages)), group="lengths")
    first = run_of(made, "short-answers")
    figures(first, 0.12, 0.41, steps=40)
    end(first, steps=40)
    advance(made.pk)
    end(run_of(made, "long-answers"), RunStatus.FAILED, steps=7, error="RuntimeError: no more memory")
    advance(made.pk)
    resume_recipe(made, anew=True)
    second = run_of(made, "long-answers")
    figures(second, 0.4, 0.55, steps=20)
    now = timezone.now()
    Run.objects.filter(pk=second.pk).update(status=RunStatus.RUNNING, step=20, started_at=now - timedelta(seconds=60))
    Run.objects.filter(pk=first.pk).update(
        created_at=now - timedelta(seconds=300), started_at=now - timedelta(seconds=290),
        ended_at=now - timedelta(seconds=150),
    )  # fmt: skip
    Run.objects.filter(pk=second.pk).update(created_at=now - timedelta(seconds=80))
    return made
