"""Recipe presets are valid in both sizes, and say why."""

import pytest
import yaml

from training.config import GrpoMethod, LossConfig
from training.config.recipe import Recipe, StageCheckpoint
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


def test_r1_zero_at_full_size_counts_as_the_paper_does() -> None:
    stages = RECIPES["r1-zero"].recipe("full").stages
    methods = [stage.run.method for stage in stages]
    assert all(isinstance(method, GrpoMethod) for method in methods)
    first = methods[0]
    assert isinstance(first, GrpoMethod)
    assert isinstance(first.loss, LossConfig)
    prompts, updates = first.sampling.prompts_per_step, first.updates_per_step
    assert prompts * first.sampling.samples_per_prompt == 8192
    assert prompts // updates == 32
    assert first.loss.reference_refresh_steps * updates == 400
    phases = sum(stage.run.steps for stage in stages)
    assert (phases, phases * updates, phases * prompts) == (650, 10_400, 332_800)
    assert phases // first.loss.reference_refresh_steps == 26
    assert stages[0].run.steps * updates == pytest.approx(8200, abs=updates)


def test_rstar2_at_full_size_has_the_papers_stages() -> None:
    stages = RECIPES["rstar2-agent"].recipe("full").stages[1:]
    lengths = [stage.run.method.sampling.max_tokens for stage in stages]  # type: ignore[union-attr]
    assert lengths == [8192, 12_288, 12_288]
    assert [stage.run.steps for stage in stages] == [300, 85, 125]
    assert [stage.run.finish.enabled for stage in stages] == [True, False, False]
    assert [stage.run.method.agentic.max_turns for stage in stages] == [10, 10, 15]  # type: ignore[union-attr]
    assert [stage.run.selection.kind for stage in stages] == ["all", "all", "not_always_solved"]


def test_r1_samples_from_the_reasoning_model_and_trains_the_base() -> None:
    for size in ("builtin", "full"):
        recipe = RECIPES["deepseek-r1"].recipe(size)  # type: ignore[arg-type]
        again = recipe.stage("rejection-sampling")
        assert again.model_from is None
        assert again.run.model == recipe.stages[0].run.model
        assert again.selection_model_from == StageCheckpoint(stage="reasoning-rl")


def test_agents_see_few_ways_of_an_expert_and_many_issues_with_tests() -> None:
    ways, tests = RECIPES["software-agents"].recipe("builtin").stages
    assert tests.run.problems.train_count > ways.run.problems.train_count  # type: ignore[union-attr]
    assert ways.run.prompt == tests.run.prompt
    assert isinstance(tests.run.method, GrpoMethod)
    assert tests.run.method.agentic.enabled
