"""Knobs of SRL that cannot go together."""

import pytest

from tests.training.config.test_impossible import refused
from training.config import RunConfig, StepsConfig
from training.config.plan import in_words, plan_of


@pytest.mark.parametrize("pattern", ["", "(", "a\nb"])
def test_a_pattern_must_be_one_where_steps_are_cut_by_it(pattern: str) -> None:
    problem = refused(method={"kind": "srl", "steps": {"rule": "regex", "pattern": pattern}})
    for fix in problem["ctx"]["fixes"]:
        StepsConfig.model_validate({"rule": "regex", "pattern": pattern} | fix)
    assert StepsConfig.model_validate({"rule": "line", "pattern": pattern}).pattern == pattern


def test_a_reward_model_judges_answers_and_no_steps() -> None:
    learned = {"learned": {"model": {"kind": "local", "path": "/x"}}}
    problem = refused(method={"kind": "srl", "reward": learned})
    assert problem["ctx"]["fixes"] == [{"granularity": "answer"}, {"reward.learned.model.kind": "none"}]
    RunConfig.model_validate({"method": {"kind": "srl", "reward": learned, "granularity": "answer"}})


def test_the_plan_counts_steps_that_are_predicted_and_promises_no_passes() -> None:
    config = RunConfig.model_validate({"method": {"kind": "srl"}})
    words = " ".join(in_words(config, plan_of(config), 200))
    assert "one step of a worked solution" in words
    assert "Groups of nearly equal rewards are replaced by sampling again, up to 4 rounds" in words
    assert "passes" not in words
    roomy = RunConfig.model_validate({"method": {"kind": "srl"}, "evaluation": {"max_tokens": 200}})
    assert (plan_of(config, 20).longest, plan_of(roomy, 20).longest) == (116, 220)
