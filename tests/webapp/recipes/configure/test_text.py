"""Recipes as text: short, equal when read back, and every mistake with its line."""

import pytest

from tests.webapp.recipes.made import three_stages
from training.config.recipes import RECIPES, Size
from webapp.recipes.configure.text import read_recipe_text, write_recipe
from webapp.runs.configure.files import FileError


@pytest.mark.parametrize("size", ["builtin", "full"])
@pytest.mark.parametrize("slug", RECIPES)
def test_every_preset_comes_back_as_it_was(slug: str, size: Size) -> None:
    recipe = RECIPES[slug].recipe(size)
    assert read_recipe_text(write_recipe(recipe)) == recipe


def test_what_is_at_its_default_is_not_told_but_kinds_are() -> None:
    text = write_recipe(three_stages())
    assert "kind: sft" in text
    assert "learning_rate" not in text
    assert len(text.splitlines()) < 40


def test_mistakes_are_told_with_their_lines() -> None:
    text = """name: Two
stages:
- name: first
  run:
    stepz: 3
- name: second
  run:
    steps: none
  model_from:
    stage: third
"""
    with pytest.raises(FileError) as caught:
        read_recipe_text(text)
    told = {(mistake.line, mistake.message.split(":")[0]) for mistake in caught.value.mistakes}
    assert told == {(5, "stages.0.run.stepz"), (8, "stages.1.run.steps")}
    assert "Did you mean steps?" in str(caught.value)
    with pytest.raises(FileError, match="second starts from third, and no stage is called that"):
        read_recipe_text(text.replace("stepz", "steps").replace("none", "4"))
