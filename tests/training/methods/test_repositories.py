"""GRPO on repositories: each response has its own, and is paid by the tests of what it leaves there.

What the model says stands in for calls, as in `test_agentic`: some turns edit, and tests pass on an edited file.
"""

import json
from concurrent.futures import Future
from contextlib import ExitStack

import pytest

from tests.fake_executor import FakeExecutor
from tests.training.methods.parts import build
from training.agent import conversation, service
from training.agent.parser import CallRequest
from training.experience.records import group_event
from training.experience.types import Rollout
from training.methods.grpo import GrpoTraining
from training.sandbox.types import Call, ExecutionResult

EDITED = "return  "
PROBLEMS = {"kind": "builtin", "level": "repositories", "train_count": 12, "heldout_count": 4}


class Tests(FakeExecutor):
    """All pass where a file was edited."""

    __test__ = False

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        passed = int(EDITED in call.stdin)
        told = {"passed": passed, "failures": [] if passed else ["assert f(1)==2"]}
        future: Future[ExecutionResult] = Future()
        future.set_result(ExecutionResult(call.id, "ok", stdout=json.dumps(told)))
        return future


def calls_of(text: str) -> list[CallRequest]:
    change = {"path": "lib.py", "old": "return ", "new": EDITED}
    return [CallRequest("edit", change, json.dumps(change))] if len(text) % 2 else []


def test_a_response_is_right_when_the_tests_pass_on_its_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "parse_calls", calls_of)
    monkeypatch.setattr(service, "open_executor", lambda config, stack: Tests())
    sampling = {"prompts_per_step": 6, "samples_per_prompt": 6, "max_tokens": 90}
    method = {"kind": "grpo", "sampling": sampling, "agentic": {"enabled": True, "max_turns": 2}}
    with ExitStack() as stack:
        prompt = {"tools": "template", "toolset": "repository"}
        parts, training = build(stack, method=method, prompt=prompt, problems=PROBLEMS)
        assert isinstance(training, GrpoTraining)
        outcome = training.step(1)
        heldout = training.evaluate()
    rollouts = [rollout for group in outcome.groups for rollout in group.rollouts]
    assert {rollout.correct for rollout in rollouts} == {True, False}
    for rollout in rollouts:
        is_resolved = f"+ {EDITED}" in trace_of(rollout)
        assert rollout.correct is is_resolved
        assert rollout.reward == float(is_resolved)
        assert rollout.extracted == ("1 passed" if is_resolved else "0 passed, 1 failed")
    mixed = [group for group in outcome.groups if len({rollout.correct for rollout in group.rollouts}) == 2]
    assert mixed, "what one response edits, its siblings do not see"
    event = group_event(mixed[0], 1, "train", 0, parts.codec)
    assert event.prompt.startswith("<|im_start|>tool\nread\nedit\nrun_tests<|im_end|>")
    told = {(record.correct, record.trace.tests, bool(record.trace.diff)) for record in event.rollouts if record.trace}
    assert told == {(True, "1 passed", True), (False, "0 passed, 1 failed\nassert f(1)==2", False)}
    assert heldout is not None
    assert 0 <= heldout.metrics["heldout/pass_at_1"] <= 1
    assert heldout.metrics["heldout/calls_mean"] > 0


def test_an_experts_step_is_asked_for_where_its_conversation_stands() -> None:
    sampling = {"prompts_per_step": 8, "samples_per_prompt": 8, "max_tokens": 64}
    method = {
        "kind": "srl",
        "sampling": sampling,
        "steps": {"rule": "tool_call"},
        "dynamic_sampling": {"enabled": False},
    }
    with ExitStack() as stack:
        prompt = {"tools": "template", "toolset": "repository"}
        model = {"kind": "builtin", "variant": "tools"}
        parts, training = build(stack, method=method, prompt=prompt, problems=PROBLEMS, model=model)
        outcome = training.step(1)
    assert len(outcome.groups) == 8
    assert {group.expert.task.number for group in outcome.groups if group.expert} >= {1, 2}
    for group in outcome.groups:
        assert group.expert is not None
        task, event = group.expert.task, group_event(group, 1, "train", 0, parts.codec)
        assert event.prompt.count("<tool_response>") == task.number - 1
        assert event.prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")
        assert all(turn.text in event.prompt for turn in task.turns)
        for rollout in group.rollouts:
            assert rollout.extracted is None or rollout.extracted in rollout.text
            assert rollout.reward == -1.0 if rollout.extracted is None else 0 <= rollout.reward <= 1


def trace_of(rollout: Rollout) -> str:
    assert rollout.trace is not None
    return rollout.trace.diff
