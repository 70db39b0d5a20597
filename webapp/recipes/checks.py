"""Checks of a recipe's stages against what is really there, as a run is checked before it is launched."""

from collections.abc import Iterator

from training.config import RewardCheckpoint, RunConfig
from training.config.footprint import disk_of
from training.config.memory import Disk
from training.config.model import ModelSource
from training.config.plan import plan_of
from training.config.recipe import Recipe, Stage
from webapp.runs.config_forms import Fault
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.machine import this_machine

REWARD_MODEL = ".reward.learned.model"
"""Part of the names of knobs that say nothing yet while an earlier stage has to train the reward model."""


def faults_of_recipe(recipe: Recipe) -> Iterator[tuple[str, Fault]]:
    """What keeps stages from being trained, each with the name of its stage. Knobs are named as in a run's config."""
    for stage in recipe.stages:
        for fault in faults_of_stage(recipe, stage):
            yield stage.name, fault


def faults_of_stage(recipe: Recipe, stage: Stage) -> list[Fault]:
    """What keeps one stage from being trained."""
    config = foreseen(recipe, stage)
    return _without_reward_model(stage, faults_of(config, facts_of(config)))


def advice_on_recipe(recipe: Recipe) -> Iterator[tuple[str, Fault]]:
    """What would run, but hardly as meant; each with the name of its stage, which is empty for the whole."""
    needed = 0
    for stage in recipe.stages:
        config = foreseen(recipe, stage)
        facts = facts_of(config)
        for fault in _without_reward_model(stage, advice_on(config, facts)):
            yield stage.name, fault
        if disk := disk_of_run(config, facts):
            needed += disk.total
    free = this_machine().disk_free
    if needed > free:
        yield "", Fault(f"All stages take about {needed / 1e9:.1f} GB of disk, and {free / 1e9:.1f} GB are free.", ())


def foreseen(recipe: Recipe, stage: Stage) -> RunConfig:
    """The config of a stage's run with the model that its line of stages begins with: of the same shape.

    A reward model that an earlier stage has to train yet is some checkpoint.
    """
    return stage.resolved(_origin(recipe, stage), RewardCheckpoint() if stage.reward_model_from else None)


def _origin(recipe: Recipe, stage: Stage) -> ModelSource:
    while stage.model_from:
        stage = recipe.stage(stage.model_from.stage)
    return stage.run.model


def _without_reward_model(stage: Stage, faults: list[Fault]) -> list[Fault]:
    if stage.reward_model_from is None:
        return faults
    return [fault for fault in faults if not any(REWARD_MODEL in name for name in fault.about)]


def disk_of_run(config: RunConfig, facts: Facts) -> Disk | None:
    """What a run may leave on the disk; None while the model's size is not known."""
    if facts.shape is None:
        return None
    return disk_of(config, plan_of(config, facts.prompt_tokens), facts.shape, facts.reward_shape)
