"""Which recipes are refused and why, and that others come back from YAML and JSON as they were."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from training.config import CheckpointModel, RewardCheckpoint
from training.config.recipe import Recipe, Stage

REWARD_MODEL = {"name": "reward", "run": {"method": {"kind": "reward_model"}}}
PPO = {"name": "ppo", "run": {"method": {"kind": "ppo"}}, "reward_model_from": {"stage": "reward"}}
SFT = {"name": "sft", "run": {"method": {"kind": "sft"}}}
SAMPLING = {"name": "again", "run": {"method": {"kind": "sft"}, "selection": {"kind": "rejection_sampling"}}}
GRPO = {"name": "grpo", "model_from": {"stage": "sft", "checkpoint": "best"}}


def recipe(*stages: dict[str, Any]) -> Recipe:
    return Recipe.model_validate({"name": "A recipe", "stages": stages})


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ((), "at least 1 item"),
        ((SFT, SFT), "two stages are called sft"),
        (({"name": "Cold start"},), "should match pattern"),
        ((GRPO,), "starts from sft, and no stage is called that"),
        ((GRPO, SFT), "starts from sft, which does not come before it"),
        (({"name": "sft", "model_from": {"stage": "sft"}},), "starts from sft, which does not come before it"),
        ((REWARD_MODEL, GRPO | {"model_from": {"stage": "reward"}}), "a reward model scores responses and writes none"),
        ((SFT, PPO | {"reward_model_from": {"stage": "sft"}}), "which trains none: its method is sft"),
        ((REWARD_MODEL, SFT | {"reward_model_from": {"stage": "reward"}}), "which asks no reward model"),
        ((SFT, GRPO | {"run": {"model": {"kind": "hub", "name": "a/b"}}}), "and run.model names another one"),
        (
            (
                REWARD_MODEL,
                PPO
                | {
                    "run": {
                        "method": {
                            "kind": "ppo",
                            "reward": {"learned": {"model": {"kind": "checkpoint", "run": 1, "step": 2}}},
                        }
                    }
                },
            ),
            "run.method.reward.learned.model names another one",
        ),
        (
            ({"name": "sft", "run": {"method": {"kind": "evaluate"}}}, GRPO),
            "only evaluates, so it has no checkpoint",
        ),
        (
            (SFT | {"run": {"method": {"kind": "sft"}, "evaluation": {"every_steps": 0}}}, GRPO),
            "the best checkpoint of sft is not known",
        ),
        (
            (SFT | {"run": {"method": {"kind": "sft"}, "checkpoints": {"keep_best": False}}}, GRPO),
            "the best checkpoint of sft is not known",
        ),
        (
            (SFT, GRPO | {"selection_model_from": {"stage": "sft"}}),
            "the stage grpo selects problems by all, which asks no model",
        ),
        (
            (
                SFT,
                GRPO
                | {
                    "run": {"selection": {"kind": "pass_rate", "measured_by": {"kind": "hub", "name": "a/b"}}},
                    "selection_model_from": {"stage": "sft"},
                },
            ),
            "run.selection.measured_by names another model",
        ),
        (
            (REWARD_MODEL, SAMPLING | {"selection_model_from": {"stage": "reward"}}),
            "a reward model scores responses and writes none",
        ),
    ],
)
def test_impossible_recipes_are_refused_by_the_name_of_the_stage(stages: tuple[dict[str, Any], ...], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        recipe(*stages)
    assert said in str(caught.value)


def test_a_mistake_in_a_run_is_shown_at_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        recipe(SFT, GRPO | {"run": {"steps": 0}})
    assert [error["loc"] for error in caught.value.errors()] == [("stages", 1, "run", "steps")]


def test_a_recipe_survives_yaml_and_json() -> None:
    rlhf = recipe(SFT, REWARD_MODEL, PPO | {"model_from": {"stage": "sft"}})
    assert Recipe.model_validate_json(rlhf.model_dump_json()) == rlhf
    assert Recipe.model_validate(yaml.safe_load(yaml.safe_dump(rlhf.model_dump(mode="json")))) == rlhf


def test_a_stage_is_resolved_to_a_run_that_names_what_was_saved() -> None:
    stage = recipe(SFT, REWARD_MODEL, PPO | {"model_from": {"stage": "sft"}}).stage("ppo")
    model, reward_model = CheckpointModel(run=3, step=20), RewardCheckpoint(run=4, step=30)
    config = stage.resolved(model, reward_model)
    assert config.model == model
    assert config.method.reward.learned.model == reward_model  # type: ignore[union-attr]
    assert Stage(name="alone").resolved() == Stage(name="alone").run


def test_a_stage_may_train_one_model_on_what_another_answers() -> None:
    stage = recipe(SFT, SAMPLING | {"selection_model_from": {"stage": "sft"}}).stage("again")
    assert [source.stage for source in stage.sources] == ["sft"]
    config = stage.resolved(selection_model=CheckpointModel(run=3, step=20))
    assert config.selection.measured_by == CheckpointModel(run=3, step=20)  # type: ignore[union-attr]
    assert config.model == stage.run.model


def refused(stages: list[dict[str, Any]]) -> list[Any]:
    """The errors of a recipe that is not possible; none for one that is."""
    try:
        recipe(*stages)
    except ValidationError as error:
        return list(error.errors())
    return []


def mended(stages: list[dict[str, Any]], error: Any, fix: dict[str, Any]) -> list[dict[str, Any]]:
    """The stages with one way out taken."""
    place = error["loc"][1]
    return [*stages[:place], {**stages[place], **fix}, *stages[place + 1 :]]


def test_every_misfit_is_told_at_its_stage() -> None:
    errors = refused([GRPO, SFT, PPO | {"model_from": {"stage": "gone"}}])
    assert [error["loc"] for error in errors] == [("stages", 0), ("stages", 2), ("stages", 2)]
    assert ["sft" in errors[0]["msg"], "gone" in errors[1]["msg"], "reward" in errors[2]["msg"]] == [True] * 3


@pytest.mark.parametrize(
    ("stages", "fixes"),
    [
        ([GRPO, SFT], [{"model_from": None}]),
        ([SFT, SFT], [{"name": "sft-2"}]),
        (
            [SFT, REWARD_MODEL, GRPO | {"model_from": {"stage": "reward"}}],
            [{"model_from": {"stage": "sft", "checkpoint": "last"}}, {"model_from": None}],
        ),
        (
            [SFT | {"run": {"method": {"kind": "sft"}, "evaluation": {"every_steps": 0}}}, GRPO],
            [{"model_from": {"stage": "sft", "checkpoint": "last"}}, {"model_from": None}],
        ),
        (
            [REWARD_MODEL, SFT, PPO | {"reward_model_from": {"stage": "sft", "checkpoint": "best"}}],
            [{"reward_model_from": {"stage": "reward", "checkpoint": "best"}}, {"reward_model_from": None}],
        ),
    ],
)
def test_each_way_out_of_a_misfit_leads_to_a_possible_recipe(
    stages: list[dict[str, Any]], fixes: list[dict[str, Any]]
) -> None:
    (error,) = refused(stages)
    assert error["ctx"]["fixes"] == fixes
    for fix in fixes:
        assert refused(mended(stages, error, fix)) == []
