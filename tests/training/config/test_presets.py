"""Presets are valid configs, and say why."""

import pytest

from training.config import BuiltinModel, DeepSearchMethod, GrpoMethod, OptimisationConfig, RunConfig, SftMethod
from training.config.presets import (
    ABLATIONS,
    DAPO,
    DEEPSEARCH,
    DR_GRPO,
    GRPO_AGENTIC,
    PRESETS,
    R1_ZERO,
    RSTAR2_AGENT,
    TOOL_FORMAT,
    Preset,
)
from training.config.presets.search import RECIPE
from training.schedule import learning_rate

presets = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def at(config: object, path: str) -> object:
    for name in path.split("."):
        config = getattr(config, name)
    return config


@presets
def test_it_is_valid_and_holds_what_it_chose(preset: Preset) -> None:
    for choice in preset.choices:
        assert at(preset.config, choice.path) == choice.value


@presets
def test_it_chooses_each_knob_once_with_a_reason(preset: Preset) -> None:
    assert len(preset.by_path) == len(preset.choices)
    assert all(choice.why.endswith(".") for choice in preset.choices)


@presets
def test_everything_else_is_the_default(preset: Preset) -> None:
    default = RunConfig(method=type(preset.config.method)())
    changed = {choice.path for choice in preset.choices}

    def walk(config: object, other: object, path: str) -> None:
        for name in type(config).model_fields:  # type: ignore[attr-defined]
            here, mine, theirs = f"{path}{name}", getattr(config, name), getattr(other, name)
            if hasattr(mine, "model_fields_set"):
                walk(mine, theirs if type(theirs) is type(mine) else type(mine)(), f"{here}.")
            else:
                assert mine == theirs or here in changed, here

    walk(preset.config, default, "")


def test_dapo_has_the_papers_ingredients() -> None:
    method = DAPO.config.method
    assert isinstance(method, GrpoMethod)
    assert (method.loss.clip_low, method.loss.clip_high) == (0.2, 0.28)
    assert method.loss.aggregation == "token_mean"
    assert method.dynamic_sampling.enabled
    assert method.reward.overlong_buffer / method.sampling.max_tokens == 4096 / 20480
    assert method.loss.kl_coefficient == 0


def test_dr_grpo_divides_by_neither_length_nor_spread() -> None:
    method = DR_GRPO.config.method
    assert isinstance(method, GrpoMethod)
    assert (method.loss.aggregation, method.loss.advantage_scale) == ("sum_norm", "none")


def test_r1_zero_pays_accuracy_and_format_the_same_and_holds_lightly() -> None:
    method = R1_ZERO.config.method
    assert isinstance(method, GrpoMethod)
    assert method.reward.accuracy == method.reward.format > 0
    assert method.loss.kl_coefficient == 0.001
    assert method.sampling.samples_per_prompt == 16


def test_deepsearch_has_the_papers_ingredients() -> None:
    method = DEEPSEARCH.config.method
    assert isinstance(method, DeepSearchMethod)
    search, loss, subset = method.search, method.loss, method.hard_subset
    assert (search.width, search.exploration, search.gamma_min) == (8, 2.0, 0.1)
    assert (search.frontier.quality, search.frontier.entropy, search.frontier.depth) == (0.4, 0.0, 0.01)
    assert search.frontier.depth_form == "sqrt"
    assert method.sampling.samples_per_prompt == 8
    assert (method.credit.kind, method.credit.q_temperature) == ("node_q", 1.0)
    assert (loss.clip_low, loss.clip_high, loss.dual_clip) == (0.2, 0.28, 10)
    assert (loss.advantage_scale, loss.aggregation) == ("none", "token_mean")
    assert method.reward.overlong_buffer / method.sampling.max_tokens == 4096 / 16384
    assert subset.enabled
    assert (subset.samples, subset.threshold) == (4, 0.25)
    assert method.cache.enabled


ABLATED = {
    "deepsearch-uct": {"method.search.selection": "uct", "method.search.backup": "vanilla"},
    "deepsearch-no-frontier": {"method.search.selection": "uct"},
    "deepsearch-random-negative": {"method.search.negative": "random"},
    "deepsearch-least-confident": {"method.search.negative": "least_confident"},
    "deepsearch-outcome": {"method.credit.kind": "outcome"},
}


def test_an_ablation_is_the_recipe_but_for_what_it_takes_out() -> None:
    assert {preset.slug: _changes(preset) for preset in ABLATIONS} == ABLATED
    assert all(preset.group == "ablation" for preset in ABLATIONS)


def _changes(preset: Preset) -> dict[str, object]:
    assert [choice.path for choice in preset.choices] == [choice.path for choice in RECIPE]
    pairs = zip(preset.choices, RECIPE, strict=True)
    return {choice.path: choice.value for choice, original in pairs if choice.value != original.value}


def test_presets_stand_in_three_groups() -> None:
    groups = [preset.group for preset in PRESETS.values()]
    assert groups == sorted(groups, key=["start", "recipe", "ablation"].index)
    assert set(groups) == {"start", "recipe", "ablation"}


def test_rstar2_agent_has_the_papers_ingredients() -> None:
    config = RSTAR2_AGENT.config
    method = config.method
    assert isinstance(method, GrpoMethod)
    assert method.agentic.enabled
    assert (method.roc.enabled, method.roc.oversample, method.roc.rule) == (True, 2, "paper")
    assert (method.loss.clip_low, method.loss.clip_high, method.loss.kl_coefficient) == (0.2, 0.28, 0)
    assert (method.loss.advantage_scale, method.loss.aggregation) == ("sample", "token_mean")
    assert (method.reward.accuracy, method.reward.format, method.reward.overlong_buffer) == (1, 0, 0)
    assert (method.sampling.temperature, method.sampling.top_p, method.sampling.top_k) == (1, 1, 0)
    assert config.optimisation.schedule == "constant"
    assert config.optimisation.warmup_steps > 0


def test_agentic_grpo_is_the_same_without_resampling() -> None:
    pairs = zip(GRPO_AGENTIC.choices, RSTAR2_AGENT.choices, strict=True)
    assert [mine.path for mine, recipe in pairs if mine.value != recipe.value] == ["method.roc.enabled"]
    assert GRPO_AGENTIC.group == "ablation"


def test_the_tool_format_is_learned_from_what_the_agent_starts_with() -> None:
    sft, agent = TOOL_FORMAT.config, RSTAR2_AGENT.config
    assert isinstance(sft.method, SftMethod)
    assert (sft.problems, sft.prompt) == (agent.problems, agent.prompt)
    assert sft.model == BuiltinModel()
    assert agent.model == BuiltinModel(variant="tools")


def test_the_papers_warm_up_is_linear_over_twenty_steps() -> None:
    rates = [learning_rate(step, 300, OptimisationConfig(learning_rate=1e-6, warmup_steps=20)) for step in (1, 10, 20)]
    assert rates == pytest.approx([5e-8, 5e-7, 1e-6])
    assert learning_rate(300, 300, OptimisationConfig(learning_rate=1e-6, warmup_steps=20)) == 1e-6
