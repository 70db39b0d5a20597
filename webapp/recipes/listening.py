"""What happens to runs that concerns their recipes."""

from typing import Any

from pydantic import ValidationError

from webapp.core.errors import UserError
from webapp.recipes.advance import advance
from webapp.recipes.chain import links_of, saved_by
from webapp.recipes.models import StageRun
from webapp.runs.models import Checkpoint, Run


def on_run_moved(run_id: int, **_: Any) -> None:
    """A stage's run has ended, or goes on."""
    recipe = StageRun.objects.filter(run=run_id, outdated=False).values_list("recipe", flat=True).first()
    if recipe is not None:
        advance(recipe)


def on_deleting_run(run: Run, **_: Any) -> None:
    """Raises UserError for a run that its recipe still counts on."""
    current = StageRun.objects.filter(run=run, outdated=False).select_related("recipe").first()
    if current is not None:
        raise UserError(
            f"{run.name} is the stage {current.stage} of the recipe {current.recipe.name}. Delete the recipe, with its "
            "runs, or train that stage anew first."
        )


def on_checkpoint_pruning(checkpoint: Checkpoint, **_: Any) -> None:
    """Raises UserError for a checkpoint that a stage which is not done yet begins from."""
    current = StageRun.objects.filter(run=checkpoint.run_id, outdated=False).select_related("recipe").first()
    if current is None:
        return
    try:
        links = links_of(current.recipe, current.recipe.recipe)
    except ValidationError:  # of another version; no stage of it can begin any more
        return
    saving = next((link for link in links if link.stage.name == current.stage and link.is_done), None)
    waiting = [link for link in links if not link.is_done]
    for stage, source in [(link.stage, source) for link in waiting for source in link.stage.sources]:
        if saving and source.stage == current.stage and saved_by(saving, source) == checkpoint:
            raise UserError(
                f"The stage {stage.name} of the recipe {current.recipe.name} begins from this checkpoint. Wait until "
                "it is done."
            )
