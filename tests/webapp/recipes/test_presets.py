"""Published recipes can be launched at once at the size of the built-in model."""

import pytest

from training.config.recipes import RECIPES
from webapp.recipes.checks import advice_on_recipe, faults_of_stage

pytestmark = pytest.mark.django_db
MEANT = {("over-optimisation", "reward-model", ("method.reward_model.rankings.kind",))}
"""Advice that a recipe goes against on purpose: (recipe, stage, knobs)."""


@pytest.mark.parametrize("slug", RECIPES)
def test_nothing_is_missing_and_nothing_is_advised_against(slug: str) -> None:
    recipe = RECIPES[slug].recipe("builtin")
    assert [fault for stage in recipe.stages for fault in faults_of_stage(recipe, stage)] == []
    advised = {(slug, stage, fault.about) for stage, fault in advice_on_recipe(recipe)}
    assert advised == {each for each in MEANT if each[0] == slug}
