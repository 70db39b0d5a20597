"""Recipe presets are valid in both sizes, and say why."""

import pytest
import yaml

from training.config.recipe import Recipe
from training.config.recipes import RECIPES, RecipePreset, Size

presets = pytest.mark.parametrize("preset", RECIPES.values(), ids=RECIPES)
sizes = pytest.mark.parametrize("size", ["builtin", "full"])


@presets
@sizes
def test_it_is_valid_and_survives_yaml(preset: RecipePreset, size: Size) -> None:
    recipe = preset.recipe(size)
    assert Recipe.model_validate(yaml.safe_load(yaml.safe_dump(recipe.model_dump(mode="json")))) == recipe


@presets
@sizes
def test_it_holds_what_it_chose_each_once_with_a_reason(preset: RecipePreset, size: Size) -> None:
    for told, stage in zip(preset.variant(size).stages, preset.recipe(size).stages, strict=True):
        assert told.purpose.endswith(".")
        assert len({choice.path for choice in told.choices}) == len(told.choices), told.name
        for choice in told.choices:
            value: object = stage.run
            for name in choice.path.split("."):
                value = getattr(value, name)
            assert value == choice.value, (told.name, choice.path)
            assert choice.why.endswith("."), choice


@presets
def test_the_small_size_needs_nothing_and_the_full_one_names_a_model_of_the_hub(preset: RecipePreset) -> None:
    assert not preset.builtin.needs
    assert {stage.run.problems.kind for stage in preset.recipe("builtin").stages} == {"builtin"}
    full = preset.recipe("full").stages
    assert all(stage.run.model.kind == "hub" for stage in full if stage.model_from is None)
    assert [stage.name for stage in full] == [stage.name for stage in preset.recipe("builtin").stages]
