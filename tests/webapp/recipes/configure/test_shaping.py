"""Stages moved, copied, removed and renamed: what begins from them follows, or it is said why not."""

import pytest
from pydantic import ValidationError

from tests.webapp.recipes.made import three_stages, two_stages
from training.config.presets import PRESETS
from training.config.recipe import MOST_STAGES, Recipe, Stage
from webapp.core.errors import UserError
from webapp.recipes.configure.shaping import Refused, free_name, moved, replaced, with_copy, with_new, without
from webapp.recipes.configure.ways import Way, read_ways


def names(recipe: Recipe) -> list[str]:
    return [stage.name for stage in recipe.stages]


def test_a_stage_moves_past_what_it_does_not_begin_from() -> None:
    recipe = three_stages()
    assert names(moved(recipe, "judge", -1)) == ["judge", "warm-up", "policy"]
    with pytest.raises(UserError, match=r"policy starts from judge, which does not come before it"):
        moved(recipe, "policy", -1)
    with pytest.raises(UserError, match="warm-up is the first stage already"):
        moved(recipe, "warm-up", -1)
    with pytest.raises(UserError, match="no stage nobody"):
        moved(recipe, "nobody", 1)


def test_a_refused_move_offers_the_ways_out_and_goes_each_of_them() -> None:
    recipe = three_stages()
    with pytest.raises(Refused) as refused:
        moved(recipe, "policy", -1)
    [way] = refused.value.ways
    assert (way.stage, way.label) == ("policy", "Take the reward model that its own settings name")
    again = moved(recipe, "policy", -1, read_ways([way.model_dump_json()]))
    assert (names(again), again.stage("policy").reward_model_from) == (["warm-up", "policy", "judge"], None)
    with pytest.raises(Refused) as refused:
        moved(again, "policy", -1)
    assert [way.label for way in refused.value.ways] == ["Take the model that its own settings name"]
    with pytest.raises(UserError, match="no way out that was offered"):
        read_ways(['{"stage": 1}'])
    with pytest.raises(Refused):
        moved(recipe, "judge", -1, [Way(stage="judge", fields={"run.steps": 0})])


def test_a_new_stage_can_be_that_of_a_preset_under_its_name() -> None:
    recipe = with_new(two_stages(), PRESETS["sft"].config, "sft")
    stage = recipe.stages[-1]
    assert (stage.name, stage.run.method.kind, stage.model_from and stage.model_from.stage) == ("sft", "sft", "second")
    assert with_new(recipe, PRESETS["sft"].config, "sft").stages[-1].name == "sft-2"


def test_what_began_from_a_removed_stage_begins_from_its_origin() -> None:
    chain = with_new(two_stages())
    assert names(chain) == ["first", "second", "stage-2"]
    shorter, led_on = without(chain, "second")
    source = shorter.stage("stage-2").model_from
    assert (led_on, source and source.stage) == (["stage-2"], "first")
    shortest, led_on = without(shorter, "first")
    assert (led_on, shortest.stage("stage-2").model_from) == (["stage-2"], None)
    with pytest.raises(UserError, match="at least one stage"):
        without(shortest, "stage-2")


def test_a_policy_loses_the_reward_model_whose_stage_is_removed() -> None:
    shorter, led_on = without(three_stages(), "judge")
    assert led_on == ["policy"]
    assert shorter.stage("policy").reward_model_from is None


def test_a_copy_stands_after_its_original_and_begins_from_the_same() -> None:
    recipe = with_copy(three_stages(), "policy")
    assert names(recipe) == ["warm-up", "judge", "policy", "policy-2"]
    assert recipe.stage("policy-2").model_copy(update={"name": "policy"}) == recipe.stage("policy")
    assert names(with_copy(recipe, "policy-2")) == ["warm-up", "judge", "policy", "policy-2", "policy-3"]


def test_a_new_stage_goes_on_from_the_last_that_writes() -> None:
    source = with_new(two_stages()).stages[-1].model_from
    assert (source and source.stage) == "second"
    judged = Recipe(name="judged", stages=three_stages().stages[:2])
    assert with_new(judged).stages[-1].model_from is None


def test_there_are_never_too_many() -> None:
    recipe = Recipe(name="many", stages=tuple(Stage(name=f"s-{number}") for number in range(MOST_STAGES)))
    for shape in (with_new, lambda recipe: with_copy(recipe, "s-0")):
        with pytest.raises(UserError, match=f"at most {MOST_STAGES}"):
            shape(recipe)
    assert free_name(recipe, "s-5") == f"s-{MOST_STAGES}"


def test_those_that_begin_from_a_renamed_stage_follow() -> None:
    recipe = three_stages()
    renamed = replaced(recipe, "judge", recipe.stage("judge").model_copy(update={"name": "critic"}))
    source = renamed.stage("policy").reward_model_from
    assert source
    assert (source.stage, source.checkpoint) == ("critic", "best")
    with pytest.raises(ValidationError, match="two stages are called warm-up"):
        replaced(recipe, "judge", recipe.stage("judge").model_copy(update={"name": "warm-up"}))
