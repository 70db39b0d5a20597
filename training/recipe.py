"""Trains a recipe from its file alone: each stage in a folder of its own, one after the other.

A stage that has done all its steps is never trained again, so the same command goes on after a stop, a fault or a
correction of the stage that failed.
"""

import logging
import signal
from pathlib import Path

from training.checkpoints import CheckpointFolder
from training.config import LocalModel, RunConfig
from training.config.recipe import Recipe, Stage, StageCheckpoint
from training.config_file import read_config
from training.errors import InputError
from training.history import EVENTS_FILE, Outcome, read_outcome
from training.launch import launch
from training.solutions.file import SOLUTIONS_FILE, append_lines
from training.solutions.handing import found_in, takes_solutions
from training.solutions.keys import problem_set_name

logger = logging.getLogger("training")


def train_recipe(recipe: Recipe, out: Path) -> int:
    """Train the stages that are not done yet, in `out`/STAGE each; returns the exit code of the last one started.

    A stage that is asked to stop saves and ends with 0, and the ones after it are not started. Raises InputError for a
    stage that was done with another config, or with another model than its predecessor has now.
    """
    out = out.resolve()  # stages name the checkpoints of others, whatever folder they are started in
    for number, stage in enumerate(recipe.stages, start=1):
        folder = out / stage.name
        config = _resolved(stage, out)
        outcome = read_outcome(folder / EVENTS_FILE)
        _must_be_newer(stage, outcome, out)
        if outcome.ended is not None:
            _must_be_same(stage, config, folder)
            logger.info("stage %d/%d %s: done already", number, len(recipe.stages), stage.name)
            continue
        logger.info("stage %d/%d %s: %s, %d steps", number, len(recipe.stages), stage.name,
                    config.method.kind, config.steps)  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(config.model_dump_json(indent=1), encoding="utf-8")
        _hand_on_solutions(recipe, number, config, out)
        code = _train(config, folder)
        if code or read_outcome(folder / EVENTS_FILE).ended is None:
            logger.info("stage %s is not done; the same command goes on with it", stage.name)
            return code
    return 0


def _hand_on_solutions(recipe: Recipe, number: int, config: RunConfig, out: Path) -> None:
    """Give stage `number` what earlier ones have found on the same problems, once: its own finds it keeps itself."""
    path = out / recipe.stages[number - 1].name / SOLUTIONS_FILE
    if path.exists() or not takes_solutions(config):
        return
    same = problem_set_name(config.problems)
    earlier = [stage for stage in recipe.stages[: number - 1] if problem_set_name(stage.run.problems) == same]
    append_lines(path, found_in(out / stage.name / EVENTS_FILE for stage in earlier))


def _train(config: RunConfig, folder: Path) -> int:
    """In processes of its own, which give all memory back; returns their exit code."""
    try:
        return launch(config.hardware.processes, ["run", str(folder), "--resume"])
    finally:  # the launcher's handlers would pass a signal on to processes that are gone
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _resolved(stage: Stage, out: Path) -> RunConfig:
    model = _saved(stage.model_from, out) if stage.model_from else None
    reward_model = _saved(stage.reward_model_from, out) if stage.reward_model_from else None
    selection_model = _saved(stage.selection_model_from, out) if stage.selection_model_from else None
    return stage.resolved(model, reward_model, selection_model)


def _saved(source: StageCheckpoint, out: Path) -> LocalModel:
    """Where the checkpoint lies. Raises InputError when it has not been saved or is gone."""
    folder = out / source.stage
    outcome = read_outcome(folder / EVENTS_FILE)
    step = outcome.best if source.checkpoint == "best" else outcome.last
    path = CheckpointFolder(folder / "checkpoints").of(step) if step is not None else None
    if path is None or not path.is_dir():
        raise InputError(
            f"the {source.checkpoint} checkpoint of the stage {source.stage} is not in {folder}; remove that folder to "
            "train the stage anew"
        )
    return LocalModel(path=str(path))


def _must_be_newer(stage: Stage, outcome: Outcome, out: Path) -> None:
    for source in stage.sources:
        ended = read_outcome(out / source.stage / EVENTS_FILE).ended
        if outcome.began is not None and ended is not None and outcome.began < ended:
            raise InputError(
                f"the stage {stage.name} began with what {source.stage} was before it was trained anew; remove "
                f"{out / stage.name} to train it from the new one"
            )


def _must_be_same(stage: Stage, config: RunConfig, folder: Path) -> None:
    if read_config(folder) != config:
        raise InputError(
            f"the stage {stage.name} is done, with another config than the recipe has now; remove {folder} to train it "
            "anew, or put its config back"
        )
