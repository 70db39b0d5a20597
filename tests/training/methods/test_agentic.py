"""GRPO on responses that call tools, on the built-in model and an executor that runs nothing.

The built-in model was never shown a tool, so what it says stands in for calls: turns of every third length are some.
"""

import json
import random
import threading
from base64 import b64decode
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.fake_executor import FakeExecutor
from tests.training.methods.parts import WatchedOptimiser, build, flat_gradient
from tests.training.runs import events, tiny_config
from training.__main__ import DONE, main
from training.agent import conversation, service
from training.agent.parser import CallRequest
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.assembly import Parts
from training.config import AgenticConfig, RunConfig
from training.events import TOKEN_ARRAYS, Metrics, RolloutGroup, parse_event
from training.experience.records import group_event
from training.experience.types import Group, Rollout
from training.methods.grpo import GrpoTraining
from training.policy import Policy
from training.preflight import preflight
from training.rewards.verifier import Verdict, Verifier
from training.sandbox.types import Call, ExecutionResult, Executor
from training.token_classes import TOKEN_CLASSES, classify


class Telling(FakeExecutor):
    """Tells every program's answer, in all kinds of marks, some time later."""

    def __init__(self, text: str, slowest_s: float = 0.0) -> None:
        self.calls: list[Call] = []
        self._text = text
        self._slowest_s = slowest_s
        self._rng = random.Random(0)

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        self.calls.append(call)
        future: Future[ExecutionResult] = Future()
        result = ExecutionResult(call.id, "ok", stdout=self._text, wall_s=0.001)
        threading.Timer(self._rng.random() * self._slowest_s, future.set_result, [result]).start()
        return future


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Telling:
    return use(monkeypatch, Telling("13"))


def use(monkeypatch: pytest.MonkeyPatch, executor: Telling) -> Telling:
    def calls_of(text: str) -> list[CallRequest]:
        return [CallRequest("python", {"code": text}, "{}")] if len(text) % 3 == 0 else []

    def opened(config: AgenticConfig, stack: ExitStack) -> Executor:
        return executor

    monkeypatch.setattr(conversation, "parse_calls", calls_of)
    monkeypatch.setattr(service, "open_executor", opened)
    return executor


def agentic(**options: Any) -> dict[str, Any]:
    sampling = {"prompts_per_step": 6, "samples_per_prompt": 4, "max_tokens": 80}
    method = {"kind": "grpo", "sampling": sampling, "reward": {"format": 0.5}}
    return method | {"agentic": {"enabled": True, "max_turns": 3}} | options


def first_step(stack: ExitStack, **changes: Any) -> tuple[Parts, GrpoTraining, list[Group], dict[str, float]]:
    parts, method = build(stack, **({"method": agentic(), "prompt": {"tools": "template"}} | changes))
    assert isinstance(method, GrpoTraining)
    outcome = method.step(1)
    return parts, method, outcome.groups, outcome.metrics


def rollouts_of(groups: list[Group]) -> list[Rollout]:
    return [rollout for group in groups for rollout in group.rollouts]


def test_a_step_has_the_gradient_of_what_the_model_drew_and_of_nothing_else(executor: Telling) -> None:
    """Against one plain padded forward over all tokens, with tools' tokens taken out of its loss by hand."""
    with ExitStack() as stack:
        parts, _, groups, metrics = first_step(stack, optimisation={"micro_batch_tokens": 256})
        optimiser = parts.optimiser
        before, _ = build(stack, method=agentic())
    rollouts = rollouts_of(groups)
    assert any(rollout.mask is not None and rollout.advantage for rollout in rollouts)
    whole = [type(e)(e.prompt, e.response) for group in groups for e in group.examples]
    logprobs = Policy(before.policy.model, packing=False).statistics(whole).logprobs
    masks = [np.ones(len(r), bool) if r.mask is None else r.mask for r in rollouts]
    mask, lengths = torch.from_numpy(np.concatenate(masks)), torch.tensor([len(r) for r in rollouts])
    drawn = [int(each.sum()) for each in masks]
    inputs = LossInputs(
        logprobs,
        logprobs.detach(),
        torch.tensor([r.advantage for r in rollouts]).repeat_interleave(lengths),
        torch.arange(len(rollouts)).repeat_interleave(lengths),
        torch.tensor(token_weights(drawn, "token_mean", 80)).repeat_interleave(lengths) * mask,
    )
    loss = policy_loss(inputs, parts.config.method.loss).loss  # type: ignore[union-attr]
    loss.backward()
    expected = flat_gradient(list(before.policy.model.parameters()))
    assert isinstance(optimiser, WatchedOptimiser)
    assert float((optimiser.gradients[0] - expected).norm() / expected.norm()) < 1e-5
    assert metrics["optim/loss"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert metrics["tokens/step"] == sum(drawn)
    assert metrics["policy/sampler_gap"] < 1e-4


def test_what_is_drawn_does_not_depend_on_how_long_tools_take(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for slowest in (0.0, 0.03):
        with ExitStack() as stack:
            use(monkeypatch, Telling("13", slowest))
            *_, groups, _ = first_step(stack)
            drawn.append([(r.token_ids, r.reward, r.text) for r in rollouts_of(groups)])
    assert drawn[0] == drawn[1]


def test_every_answer_in_a_tools_output_is_worth_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems of a level of one digit: the tool tells all answers, in the marks of answers."""
    told = "".join(rf"<answer>\boxed{{{number}}}</answer>" for number in range(20, 0, -1))
    use(monkeypatch, Telling(told))
    with ExitStack() as stack:
        *_, groups, metrics = first_step(
            stack, method=agentic(agentic={"enabled": True, "max_turns": 2, "result_characters": 1000})
        )
    for rollout in rollouts_of(groups):
        trace = rollout.trace
        assert trace is not None
        of_model = rollout.own_text
        assert rollout.extracted is None or f"<answer>{rollout.extracted}</answer>" in of_model
        assert rollout.parts["accuracy"] == float(rollout.correct is True)
    assert metrics["tools/calls_mean"] > 0


def test_a_response_out_of_room_earns_nothing_and_stays(executor: Telling) -> None:
    sampling = {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 12}
    with ExitStack() as stack:
        *_, groups, metrics = first_step(stack, method=agentic(sampling=sampling))
    rollouts = rollouts_of(groups)
    assert len(rollouts) == 16
    cut = [r for r in rollouts if r.truncated and r.extracted is None]
    assert cut
    assert all(r.parts["accuracy"] == 0 for r in cut)
    assert all(len(r) <= 12 for r in rollouts)
    assert metrics["response/truncated_share"] > 0


def test_each_response_has_the_verdict_on_itself(executor: Telling) -> None:
    """However ragged, and more of them than any batch of verdicts has."""
    sampling = {"prompts_per_step": 10, "samples_per_prompt": 8, "max_tokens": 60}
    with ExitStack() as stack, Verifier(workers=1) as verifier:
        *_, groups, _ = first_step(stack, method=agentic(sampling=sampling, reward={}))
        told = [(r, g.problem.answer) for g in groups for r in g.rollouts]
        verdicts = verifier.verify([(rollout.graded_text, answer) for rollout, answer in told])
    assert len(told) == 80
    assert [rollout.correct for rollout, _ in told] == [verdict.correct for verdict in verdicts]
    assert [rollout.reward for rollout, _ in told] == [float(verdict.correct is True) for verdict in verdicts]
    assert len({len(rollout) for rollout, _ in told}) > 5


def test_what_the_grader_cannot_tell_earns_nothing(executor: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    unsure: Future[Verdict] = Future()
    unsure.set_result(Verdict(None, "7", "the comparison ran out of time"))
    monkeypatch.setattr(Verifier, "start", lambda self, pair: unsure)
    with ExitStack() as stack:
        *_, groups, _ = first_step(stack)
    assert all(r.parts["accuracy"] == 0 and r.correct is None for r in rollouts_of(groups))


def test_figures_tell_how_tools_were_used(executor: Telling) -> None:
    with ExitStack() as stack:
        _, method, groups, metrics = first_step(stack)
        heldout = method.evaluate()
    traces = [rollout.trace for rollout in rollouts_of(groups) if rollout.trace is not None]
    assert len(traces) == 24
    assert metrics["tools/turns_mean"] == sum(len(trace.turns) for trace in traces) / 24
    assert metrics["tools/calls_mean"] == sum(len(trace.calls) for trace in traces) / 24
    calls = [call for trace in traces for call in trace.calls]
    assert metrics["tools/unanswered_share"] == sum(call.status == "unanswered" for call in calls) / len(calls)
    assert metrics["tools/failed_share"] == 0
    assert 0 <= metrics["speed/engine_idle_share"] < 1
    assert metrics["time/tool_call_s"] > 0
    assert heldout is not None
    assert heldout.metrics["heldout/calls_mean"] > 0
    assert all(rollout.trace is not None for rollout in rollouts_of(heldout.groups))


def test_figures_of_uncertain_tokens_are_those_of_the_stored_arrays(executor: Telling) -> None:
    with ExitStack() as stack:
        parts, _, groups, metrics = first_step(stack)
    counts = []
    for record in (each for group in groups for each in group_event(group, 1, "train", 0, parts.codec).rollouts):
        stored = {name: np.frombuffer(b64decode(raw), TOKEN_ARRAYS[name]) for name, raw in record.tokens.items()}
        counts.append(classify(record.text, stored["end"], stored["entropy"], stored.get("mask")).counts)
    for name in TOKEN_CLASSES:
        assert metrics[f"classes/{name}"] == pytest.approx(np.mean([each[name] for each in counts]))
    assert metrics["classes/reflection"] > 0
    assert metrics["classes/entropy_after_result"] > 0
    assert "classes/entropy_in_call" not in metrics, "these turns stand in for calls, and spell none"


def test_an_event_tells_the_whole_trace(executor: Telling) -> None:
    with ExitStack() as stack:
        parts, _, groups, _ = first_step(stack)
    group = next(g for g in groups if any(r.mask is not None for r in g.rollouts))
    event = parse_event(group_event(group, 1, "train", 0, parts.codec).model_dump_json())
    assert event.kind == "group"
    assert event.prompt.startswith("<|im_start|>tool\npython<|im_end|>")
    for rollout, record in zip(group.rollouts, event.rollouts, strict=True):
        assert record.trace is not None
        turns, calls = record.trace.turns, record.trace.calls
        mask = np.ones(record.length, bool)
        if "mask" in record.tokens:
            mask = np.frombuffer(b64decode(record.tokens["mask"]), np.uint8) == 1
        assert mask.tolist() == [any(t.start <= place < t.end for t in turns) for place in range(record.length)]
        for turn in turns:
            assert 0 <= turn.began <= turn.entered <= turn.ended <= record.trace.seconds
        for call in calls:
            seen = parts.codec.text(rollout.token_ids[call.start : call.end])
            assert seen == call.result == ("13" if call.status == "ok" and call.end else seen)
            assert turns[call.turn].ended <= call.began <= call.ended
        if turns[1:]:
            assert turns[1].began >= calls[0].ended


def test_a_look_before_the_run_calls_tools_as_well(executor: Telling, tmp_path: Path) -> None:
    sampling = {"prompts_per_step": 4, "samples_per_prompt": 2, "max_tokens": 60}
    config = tiny_config(method=agentic(sampling=sampling), prompt={"tools": "template"})
    report = preflight(RunConfig.model_validate(config), tmp_path)
    assert report["responses"] == 32
    assert executor.calls


def whole_run(folder: Path, steps: int, **changes: Any) -> Path:
    """A run of so many steps, in this process, in a folder that may hold a shorter one."""
    sampling = {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 60}
    method = agentic(sampling=sampling)
    config = tiny_config(
        steps=steps, method=method, prompt={"tools": "template"},
        evaluation={"every_steps": 1, "problems": 2, "samples": 2}, checkpoints={"every_steps": 1},
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | changes))
    assert main(["run", str(folder)]) == DONE
    return folder


def test_a_resumed_run_draws_and_learns_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However long the tools took; what is measured of the machine differs, and so may a last bit of an entropy."""
    use(monkeypatch, Telling("13", 0.01))
    undisturbed = whole_run(tmp_path / "undisturbed", 2)
    use(monkeypatch, Telling("13", 0.002))
    resumed = whole_run(tmp_path / "resumed", 1)
    whole_run(resumed, 2)
    told = [drawn_by(folder) for folder in (undisturbed, resumed)]
    assert told[0] == told[1]
    assert {(step, split) for step, split, *_ in told[0]} == {
        (0, "heldout"), (1, "train"), (1, "heldout"), (2, "train"), (2, "heldout"),
    }  # fmt: skip
    of_step = Path("checkpoints/step_000002/model.safetensors")
    first, second = (load_file(folder / of_step) for folder in (undisturbed, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


def drawn_by(folder: Path) -> list[Any]:
    """Ids, rewards and calls of each response that a follower of the events would have stored."""
    groups = [event for event in events(folder) if isinstance(event, RolloutGroup)]
    assert any(rollout.trace and rollout.trace.calls for group in groups for rollout in group.rollouts)
    return [
        (
            g.step,
            g.split,
            g.index,
            r.tokens["id"],
            r.reward,
            [(c.status, c.result) for c in (r.trace.calls if r.trace else ())],
        )
        for g in groups
        for r in g.rollouts
    ]


def test_an_evaluation_runs_tools_as_well(executor: Telling, tmp_path: Path) -> None:
    method = {"kind": "evaluate", "samples": 2, "max_tokens": 60, "prompts_per_batch": 4, "problems": 4}
    folder = whole_run(tmp_path / "run", 1, method=method | {"agentic": {"enabled": True, "max_turns": 3}})
    groups = [event for event in events(folder) if isinstance(event, RolloutGroup)]
    assert len(groups) == 4
    assert all(rollout.trace is not None for group in groups for rollout in group.rollouts)
    [figures] = [event.values for event in events(folder) if isinstance(event, Metrics)]
    assert figures["batch/calls_mean"] == pytest.approx(
        sum(len(r.trace.calls) for g in groups for r in g.rollouts if r.trace) / 12
    )
    assert executor.calls


def test_programs_of_a_run_are_really_run(tmp_path: Path) -> None:
    """Two steps, on the shipped model for tools and in the real sandbox."""
    sampling = {"prompts_per_step": 2, "samples_per_prompt": 4, "max_tokens": 240}
    folder = whole_run(
        tmp_path / "run", 2, model={"kind": "builtin", "variant": "tools"},
        problems={"kind": "builtin", "level": "tools", "train_count": 64, "heldout_count": 16},
        method=agentic(sampling=sampling), evaluation={"every_steps": 0},
    )  # fmt: skip
    groups = [event for event in events(folder) if isinstance(event, RolloutGroup)]
    calls = [call for g in groups for r in g.rollouts if r.trace for call in r.trace.calls]
    works = [call for call in calls if call.status == "ok"]
    assert works
    assert any(call.result.isdigit() for call in works)
    assert not any(call.status == "infrastructure" for call in calls)
    assert any(r.correct and r.trace and r.trace.calls for g in groups for r in g.rollouts)
