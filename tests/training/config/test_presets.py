"""Presets are valid configs, and say why."""

import pytest

from training.config import GrpoMethod, RunConfig
from training.config.presets import DAPO, DR_GRPO, PRESETS, R1_ZERO, Preset

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
                walk(mine, theirs, f"{here}.")
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
