"""Definitions: the shipped ones are valid, and mistakes are told."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.benchmarks.srl_order import PASSES, TOKENS, arms
from training.config import BuiltinProblems, RunConfig
from training.config.presets import DEMO
from webapp.reports.catalogue import FOLDER, shipped
from webapp.reports.definition import Arm, Definition
from webapp.reports.exports.files import definition_yaml
from webapp.reports.exports.svg import ticks


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_definition_is_valid_and_every_arm_can_be_run(path: Any) -> None:
    definition = shipped()[path.stem]
    assert definition.question
    for arm in definition.all_arms:
        for seed in definition.seeds:
            assert arm.run_config(seed).seed == seed


def test_deepsearch_is_compared_on_hard_problems_with_equal_answers() -> None:
    arms = [arm.run_config(0) for arm in shipped()["deepsearch"].arms]
    assert {config.problems.level for config in arms} == {"hard"}  # type: ignore[union-attr]
    assert {config.method.kind for config in arms} == {"grpo", "deepsearch"}
    assert len({config.method.sampling.max_tokens for config in arms}) == 1  # type: ignore[union-attr]
    assert len({(config.evaluation.problems, config.evaluation.samples) for config in arms}) == 1


def test_srl_is_compared_by_the_benchmarks_methods_at_equal_tokens() -> None:
    """Those of ``tests.benchmarks.srl_order``, but for what evaluation and saving take."""
    definition, wanted = shipped()["srl"], arms(TOKENS)
    assert definition.budget.tokens == TOKENS
    chain = [definition.arm("srl-half"), definition.arm("srl-rlvr")]
    pairs = [("sft", "SFT"), ("rlvr", "RLVR"), ("srl", "SRL")]
    found = [([definition.arm(slug)], wanted[name]) for slug, name in pairs] + [(chain, wanted["SRL → RLVR"])]
    for ours, stages in found:
        for arm, stage in zip(ours, stages, strict=True):
            config = arm.run_config(0)
            assert config.method == RunConfig.model_validate({"method": stage.method}).method
            assert (config.problems, config.optimisation.learning_rate) == (
                BuiltinProblems(level="hard", train_count=200), 1e-4,
            )  # fmt: skip
    assert definition.arm("sft").run_config(0).steps == PASSES * 200 // 16
    assert chain[1].after == chain[0].slug


def test_overrides_replace_single_knobs_of_a_preset() -> None:
    arm = Arm(slug="a", title="A", preset="demo", overrides={"steps": 7, "method.loss.clip_high": 0.3})
    config = arm.run_config(5)
    assert (config.steps, config.seed, config.method.loss.clip_high) == (7, 5, 0.3)  # type: ignore[union-attr]
    assert config.optimisation == DEMO.config.optimisation


def test_a_whole_group_can_be_replaced_before_its_knobs_are_set() -> None:
    overrides = {"method": {"kind": "deepsearch"}, "method.search.width": 4}
    config = Arm(slug="a", title="A", preset="demo", overrides=overrides).run_config(0)
    assert (config.method.kind, config.method.search.width) == ("deepsearch", 4)  # type: ignore[union-attr]


def test_kinds_need_not_be_named() -> None:
    arm = Arm(slug="a", title="A", config={"problems": {"level": "hard"}})
    assert arm.run_config(0).problems.kind == "builtin"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": []}, "at least 1"),
        ({"arms": [{"slug": "a", "title": "A"}, {"slug": "a", "title": "B"}]}, "same slug"),
        ({"arms": [{"slug": "a", "title": "A", "preset": "nothing"}]}, "there is no preset 'nothing'; there are smoke"),
        ({"arms": [{"slug": "a", "title": "A", "preset": "demo", "config": {}}]}, "not both"),
        ({"baseline": "b"}, "there is no arm 'b'; there are a"),
        ({"goals": [{"kind": "grows", "arm": "b", "factor": 2}]}, "there is no arm 'b'"),
        ({"goals": [{"kind": "shrinks", "arm": "a"}]}, "kind"),
        ({"seeds": [-1]}, "a seed lies between"),
        ({"name": "Not a slug"}, "pattern"),
        ({"axes": ["miles"]}, "step"),
        ({"parts": [{"slug": "a", "title": "A"}]}, "same slug"),
        ({"arms": [{"slug": "a", "title": "A", "after": "b"}]}, "does not stand before it"),
        ({"parts": [{"slug": "b", "title": "B"}], "baseline": "b"}, "there is no arm 'b'; there are a"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_a_mistake_is_told(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Definition.model_validate({"name": "x", "title": "X", "arms": [{"slug": "a", "title": "A"}]} | change)


def test_a_knob_below_a_value_is_told_to_be_impossible() -> None:
    with pytest.raises(ValueError, match="steps is a value and has no knobs"):
        Arm(slug="a", title="A", overrides={"steps": 3, "steps.more": 4}).tree()


def test_a_definition_survives_being_written_and_read() -> None:
    class Holder:
        definition = shipped()["deepsearch"]

    written = definition_yaml(Holder())  # type: ignore[arg-type]
    assert Definition.model_validate(yaml.safe_load(written)) == Holder.definition


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (3, 3, [3, 4]),
        (5, 16, [5, 7.5, 10, 12.5, 15]),
    ],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(found)
