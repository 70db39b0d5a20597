"""Responses of a model that keeps to the paper's form, put into an engine's mouth."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from tests.training.methods.parts import build
from training.config import SrlMethod
from training.experience.steps import StepExperience
from training.experience.types import Group
from training.problems.types import DemonstratedTurn, Problem
from training.sampling.types import Completion, SamplingParams
from training.srl.tasks import tasks_of

CALL = "<tool_call>cat a.py</tool_call>"
TURNS = (
    DemonstratedTurn("model", "Let me see. <tool_call>ls</tool_call>"),
    DemonstratedTurn("tool", "a.py"),
    DemonstratedTurn("model", CALL),
)
NUMBERED = "1. **Sum** 2 + 3 = 5.\n2. **Square** 5^2 = 25.\n3. **Say so** It is 25."


class Saying:
    """Says these responses to every prompt."""

    weights_version = 3

    def __init__(self, responses: Sequence[list[int]]) -> None:
        self.responses = responses

    def sample(self, prompts: Sequence[Any], params: Sequence[SamplingParams]) -> list[list[Completion]]:
        zeros = [np.zeros(len(ids), np.float32) for ids in self.responses]
        drawn = [Completion(ids, z, z, "stop", 3) for ids, z in zip(self.responses, zeros, strict=True)]
        return [drawn for _ in prompts]


def gathered(problem: Problem, responses: Sequence[str], **options: Any) -> list[Group]:
    method = SrlMethod.model_validate({"format": "think_action"} | options)
    with ExitStack() as stack:
        parts, _ = build(stack)
        engine: Any = Saying([parts.codec.response_ids(response) for response in responses])
        scorer: Any = None
        steps = StepExperience(method, engine, parts.codec, scorer, parts.recorder, parts.processes)
        params = SamplingParams(n=len(responses), max_tokens=64, temperature=1.0, stop_ids=(), seed=0)
        return steps.gather(tasks_of([problem], method).tasks, params)


def test_the_step_after_the_monologue_is_compared_and_nothing_is_cut() -> None:
    said = ["<think>So,\n5 squared.</think>\n2. **Square** 5^2 = 25.", "2. **Square** 5^2 = 25."]
    _, second = gathered(Problem("p", "?", "25", NUMBERED, "train", "x"), said, steps={"rule": "numbered"})
    good, bad = second.rollouts
    assert (good.reward, good.extracted, good.text) == (1.0, "2. **Square** 5^2 = 25.", said[0])
    assert (bad.reward, bad.extracted) == (-1.0, None)
    assert bad.parts == {"similarity": 0.0, "format_failure": -1.0}
    assert second.expert is not None
    assert (second.expert.tokens_beyond, second.weights_version) == (0, 3)


@pytest.mark.parametrize(("failure", "autojunk"), [(-0.25, False), (0.0, True)])
def test_what_a_format_failure_costs_and_how_texts_are_compared_is_configured(failure: float, autojunk: bool) -> None:
    step = "ab" * 110
    said = [f"<think></think>1. **Sum** x{step}", "no"]
    problem = Problem("p", "?", "25", f"1. **Sum** {step}\n2. **Square** 25", "train", "x")
    options = {"format_failure": failure, "autojunk": autojunk}
    (group,) = gathered(problem, said, steps={"rule": "numbered"}, **options)
    assert group.rewards[1] == failure
    assert (group.rewards[0] > 0.99) is not autojunk


def test_of_a_demonstration_in_turns_the_calls_are_the_steps() -> None:
    steps = {"rule": "tool_call", "last": True}
    first, second = gathered(Problem("p", "?", "25", None, "train", "x", turns=TURNS), [f"<think>b</think>{CALL}"],
                             steps=steps)  # fmt: skip
    assert second.rewards == [1.0]
    assert 0 < first.rewards[0] < 1
    assert second.expert is not None
    assert second.expert.task.context == ("<tool_call>ls</tool_call>\na.py",)


def test_sampling_goes_on_past_lines_where_checks_are_read_over() -> None:
    problem = Problem("p", "?", "5", "<think>2+3=5\n5*5=25\n25-1=24\n</think>", "train", "x")
    said = ["verify 2-1=1\n5*5=25\n", "5*5=25\n"]
    options = {"format": "continuation", "steps": {"rule": "line"}}
    _, second = gathered(problem, said, **options, checking="aside")
    assert [rollout.reward for rollout in second.rollouts] == [1.0, 1.0]
    assert second.rollouts[0].text == said[0], "what was thought is learned from with the step"
    _, second = gathered(problem, said, **options)
    assert second.rollouts[0].reward < second.rollouts[1].reward == 1.0
