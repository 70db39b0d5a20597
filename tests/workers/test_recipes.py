"""A recipe on workers: with a real trainer, and a worker that is killed between two stages."""

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.workers.stack import ROOT
from training.config import RunConfig
from training.config.recipe import Recipe, Stage, StageCheckpoint
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.services import create_recipe, launch_recipe
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers.maintenance import maintain
from workers.runs import supervise

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]

SMOKE = RunConfig.model_validate(
    {
        "steps": 2,
        "method": {"kind": "grpo", "sampling": {"prompts_per_step": 2, "samples_per_prompt": 2, "max_tokens": 24}},
        "problems": {"kind": "builtin", "train_count": 16, "heldout_count": 4},
        "evaluation": {"every_steps": 0},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)


def killed_worker(run: Run) -> None:
    """Carry the run in a process that is killed when the next stage begins."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "webapp.settings",
                                "ESPALIER_DATA": str(settings.ESPALIER_DATA)}  # fmt: skip
    command = [sys.executable, "-m", "tests.workers.dying_worker", str(run.pk)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr


def runs_of(recipe: RecipeRun) -> list[Run]:
    return [attempt.run for attempt in StageRun.objects.filter(recipe=recipe).select_related("run")]


def test_a_recipe_whose_worker_is_killed_between_stages_goes_on_from_the_checkpoint() -> None:
    stages = (
        Stage(name="one", run=SMOKE),
        Stage(name="two", run=SMOKE, model_from=StageCheckpoint(stage="one")),
    )
    recipe = create_recipe(Recipe(name="smoke", stages=stages))
    launch_recipe(recipe)
    (first,) = runs_of(recipe)
    killed_worker(first)
    (first,) = runs_of(recipe)
    assert first.state == RunStatus.SUCCEEDED, first.error
    maintain()
    maintain()
    first, second = runs_of(recipe)
    assert second.config["model"] == {"kind": "checkpoint", "run": first.pk, "step": 2}
    supervise(second.pk)
    recipe.refresh_from_db()
    second.refresh_from_db()
    assert (second.state, recipe.stands) == (RunStatus.SUCCEEDED, RecipeState.SUCCEEDED), second.error
    assert first.checkpoints.get(step=2).pinned
