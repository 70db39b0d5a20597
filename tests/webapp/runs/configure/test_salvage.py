"""Old configs are kept as far as they are still valid, and what was lost is said."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings

from tests.webapp.runs.configure.configs import configs
from training.config import DeepSearchMethod, RunConfig
from training.config.presets import DAPO, DEEPSEARCH
from webapp.runs.configure.salvage import salvage


@given(configs())
@settings(max_examples=30, deadline=None)
def test_a_valid_config_is_kept_whole(config: RunConfig) -> None:
    assert salvage(config.model_dump(mode="json")) == (config, [])


def dapo(path: str, value: Any) -> dict[str, Any]:
    tree = deepcopy(DAPO.config.model_dump(mode="json"))
    *groups, leaf = path.split(".")
    level = tree
    for group in groups:
        level = level.setdefault(group, {})
    level[leaf] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("method.loss.entropy_bonus", 0.01, "There is no such knob."),
        ("telemetry.address", "x", "There is no such knob."),
        ("method.sampling.temperature", 9, "less than or equal to 5"),
        ("method.loss.aggregation", "median", "It must be"),
        ("hardware.device", None, "It must be"),
    ],
)
def test_a_knob_that_cannot_be_kept_is_named_and_the_rest_stays(path: str, value: Any, words: str) -> None:
    config, (loss,) = salvage(dapo(path, value))
    assert loss.path in {path, path.split(".")[0]}
    assert words in loss.why
    assert config.method.loss.clip_high == 0.28 if hasattr(config.method, "loss") else False


def test_a_dropped_value_falls_back_to_its_default() -> None:
    config, _ = salvage(dapo("method.sampling.temperature", 9))
    assert config.method == DAPO.config.method


def test_a_set_that_became_impossible_gets_the_nearest_possible() -> None:
    config, (loss,) = salvage(dapo("method.updates_per_step", 5))
    assert getattr(config.method, "updates_per_step", None) == 4
    assert str(loss).startswith("method.updates_per_step = 5 was left out: 32 prompts per step cannot be split")
    assert loss.why.endswith("It is 4 now.")


def test_a_fix_at_the_top_finds_its_knob_below() -> None:
    tree = dapo("hardware.processes", 3)
    config, (loss,) = salvage(tree)
    assert config.hardware.processes == 2
    assert loss.path == "hardware.processes"


def test_a_method_that_is_gone_leaves_the_rest() -> None:
    config, losses = salvage({"method": {"kind": "best_of_n", "n": 8}, "steps": 77})
    assert config == RunConfig(steps=77)
    assert "method" in [loss.path for loss in losses]


def test_a_model_without_its_name_falls_back_to_the_default_model() -> None:
    config, losses = salvage({"model": {"kind": "hub"}, "steps": 77})
    assert config == RunConfig(steps=77)
    assert [loss.path for loss in losses] == ["model"]


def test_a_search_that_became_impossible_gets_the_nearest_possible() -> None:
    tree = DEEPSEARCH.config.model_dump(mode="json")
    tree["method"]["search"] |= {"max_depth": 7, "lookahead": 3}
    tree["method"]["hard_subset"]["enabled"] = False
    tree["method"]["cache"]["fill"] = "phase"
    config, losses = salvage(tree)
    assert isinstance(config.method, DeepSearchMethod)
    assert config.method.search.max_depth == 8
    assert config.method.hard_subset.enabled
    assert {loss.path for loss in losses} == {
        "method.search.lookahead", "method.search.max_depth", "method.hard_subset.enabled",
    }  # fmt: skip


def test_a_config_from_before_there_were_searches_is_kept_whole() -> None:
    old = DAPO.config.model_dump(mode="json")
    assert salvage(old) == (DAPO.config, [])


@pytest.mark.parametrize("stored", [{}, {"a": {"b": {"c": 1}}}, {"method": 3}, {"steps": {"x": 1}}, {"model": []}])
def test_it_always_ends_with_a_valid_config(stored: dict[str, Any]) -> None:
    config, _ = salvage(stored)
    assert RunConfig.model_validate(config.model_dump()) == config
