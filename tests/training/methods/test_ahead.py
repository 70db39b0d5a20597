"""GRPO whose batches are sampled in a second thread: which weights they come from, and that timing changes nothing."""

import io
import itertools
import threading
import time
from concurrent.futures import wait
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.methods.parts import build
from tests.training.sampling.stand_in import stand_in
from training.adapter import load_trained_state, trained_state
from training.experience.direct import DirectExperience
from training.experience.types import Group
from training.methods.ahead import GatheringAhead
from training.methods.grpo import GrpoTraining
from training.sampling.vllm_engine import weights_of

RATE = {"learning_rate": 1e-3}
LIMIT_S = 60
VOCABULARY = 512
"""Of the built-in model."""


def grpo(**options: Any) -> dict[str, Any]:
    sampling = {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 24}
    return {"kind": "grpo", "sampling": sampling, "loss": {"importance": "token_truncate"}} | options


def drawn(groups: list[Group]) -> list[list[int]]:
    return [rollout.token_ids for group in groups for rollout in group.rollouts]


def weights(method_parts: Any) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in method_parts.policy.model.parameters()]


def train(steps: range, method: Any) -> list[Any]:
    return [method.step(step) for step in steps]


def test_each_batch_is_sampled_by_the_weights_that_the_bound_says() -> None:
    """Against sampling by hand, with copies of the weights of each step."""
    with ExitStack() as stack:
        parts, method = build(stack, method=grpo(staleness=2), optimisation=RATE)
        kept, outcomes = [parts.policy.frozen_copy()], []
        for step in range(1, 5):
            outcomes.append(method.step(step))
            kept.append(parts.policy.frozen_copy())
    versions = [{rollout.weights_version for group in o.groups for rollout in group.rollouts} for o in outcomes]
    assert versions == [{0}, {0}, {0}, {1}]
    assert [o.metrics["staleness/mean"] for o in outcomes] == [0, 1, 2, 2]
    assert outcomes[3].metrics["mismatch/kl"] > 1e-6 > outcomes[0].metrics["mismatch/kl"]
    for step, outcome in enumerate(outcomes, start=1):
        (version,) = versions[step - 1]
        group = outcome.groups[0]
        examples = group.examples
        logprobs = kept[version].statistics(examples).logprobs.detach()
        sampled = torch.cat([torch.from_numpy(rollout.sampler_logprobs) for rollout in group.rollouts])
        assert torch.allclose(logprobs, sampled, atol=1e-4)


def test_what_is_learned_does_not_depend_on_which_thread_is_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    gather = DirectExperience.gather
    found = []
    for slow in (False, True):
        learned = threading.Semaphore(0)

        def delayed(self: DirectExperience, *args: Any, slow: bool = slow, **more: Any) -> list[Group]:
            if slow and threading.current_thread() is not threading.main_thread():
                learned.acquire(timeout=LIMIT_S)  # noqa: B023  (called within this pass alone)
            return gather(self, *args, **more)

        monkeypatch.setattr(DirectExperience, "gather", delayed)
        with ExitStack() as stack:
            parts, method = build(stack, method=grpo(staleness=1), optimisation=RATE)
            tokens = []
            for step in range(1, 4):
                learned.release()  # sampling begins only when this step already waits, or has been learned
                tokens.append(drawn(method.step(step).groups))
            learned.release(2)
            found.append((tokens, weights(parts)))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(one, other) for one, other in zip(found[0][1], found[1][1], strict=True))


def test_a_resumed_run_goes_on_with_the_batches_that_were_under_way() -> None:
    """With two updates a step, kept surplus, and a batch sampled ahead; to the last bit."""
    dynamic = {"enabled": True, "over_generation": 2.0, "surplus": "keep", "max_rounds": 2}
    changes = {"method": grpo(staleness=4, updates_per_step=2, dynamic_sampling=dynamic), "optimisation": RATE}
    with ExitStack() as stack:
        parts, method = build(stack, **changes)
        train(range(1, 3), method)
        model = {name: weight.clone() for name, weight in parts.policy.model.state_dict().items()}
        state, optimiser = method.state_dict(), parts.optimiser.state_dict()
        assert state["ahead"]["versions"] == {3: 1}
        assert state["batches"]["surplus"]
        saved = {"method": state, "optimiser": optimiser}
        copied = torch.load(_stored(saved), weights_only=True)
        undisturbed = [(drawn(o.groups), o.metrics["staleness/mean"]) for o in train(range(3, 6), method)]
        wanted = weights(parts)
    with ExitStack() as stack:
        parts, method = build(stack, **changes)
        parts.policy.model.load_state_dict(model)
        parts.optimiser.load_state_dict(copied["optimiser"])
        method.load_state_dict(copied["method"], 2)
        resumed = [(drawn(o.groups), o.metrics["staleness/mean"]) for o in train(range(3, 6), method)]
        assert resumed == undisturbed
        assert all(torch.equal(one, other) for one, other in zip(weights(parts), wanted, strict=True))


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_a_server_samples_ahead_by_the_weights_of_the_version_and_a_resumed_run_gives_them_again(adapter: str) -> None:
    """Of an adapter they are merged into a model of their own: the trainer's goes on meanwhile."""
    paid = {"reward": {"missing_end": 0.5}}
    changes = {"method": grpo(staleness=1) | paid, "optimisation": RATE, "adapter": {"kind": adapter}}
    with stand_in(VOCABULARY) as (server, url):
        changes["hardware"] = {"engine": {"kind": "vllm_server", "url": url}}
        with ExitStack() as stack:
            parts, method = build(stack, **changes)
            train(range(1, 2), method)
            of_version_1 = dict(weights_of(parts.policy.model))
            of_version_1 = {name: weight.clone() for name, weight in of_version_1.items()}
            train(range(2, 3), method)
            trained = {name: weight.clone() for name, weight in trained_state(parts.policy.model).items()}
            saved = torch.load(_stored({"method": method.state_dict()}), weights_only=True)
            next_one = drawn(method.step(3).groups)
            given = dict(server.taken)[1]
        assert given.keys() == of_version_1.keys()
        assert all(torch.allclose(given[name], of_version_1[name], atol=1e-6) for name in given)
        with ExitStack() as stack:
            parts, method = build(stack, **changes)
            load_trained_state(parts.policy.model, trained)
            method.load_state_dict(saved["method"], 2)
            assert drawn(method.step(3).groups) == next_one
            again = [weights for version, weights in server.taken if version == 1][-1]
        assert again is not given
        assert all(torch.equal(again[name], given[name]) for name in given)


def test_an_evaluation_waits_for_what_the_same_server_samples_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would give the server other weights in the midst of the batch."""
    go, under_way, numbers = threading.Event(), threading.Event(), itertools.count(1)
    early: list[str] = []

    def settling(futures: Any) -> Any:
        go.set()
        return wait(futures)

    monkeypatch.setattr("training.methods.ahead.wait", settling)
    with stand_in(VOCABULARY) as (server, url), ExitStack() as stack:
        answer, sample = server.answer, server.sample

        def answering(path: str, body: dict[str, Any]) -> dict[str, Any]:
            if path == "/pause" and under_way.is_set() and not go.is_set():
                early.append(path)
                go.set()
            return answer(path, body)

        def sampling(body: dict[str, Any]) -> dict[str, Any]:
            if next(numbers) > 16:  # of the second batch
                under_way.set()
                go.wait(LIMIT_S)
            return sample(body)

        monkeypatch.setattr(server, "answer", answering)
        monkeypatch.setattr(server, "sample", sampling)
        asked = {"every_steps": 1, "problems": 2, "samples": 1, "max_tokens": 12}
        hardware = {"engine": {"kind": "vllm_server", "url": url}}
        paid = grpo(staleness=1) | {"reward": {"missing_end": 0.5}}
        _, method = build(stack, method=paid, optimisation=RATE, evaluation=asked, hardware=hardware)
        method.step(1)
        assert under_way.wait(LIMIT_S)
        assert method.evaluate() is not None
        assert early == []


def test_leaving_ends_sampling_at_once() -> None:
    long = {"prompts_per_step": 64, "samples_per_prompt": 64, "max_tokens": 400}  # minutes of sampling
    with ExitStack() as stack:
        _, method = build(stack, method=grpo(staleness=1, sampling=long))
        assert isinstance(method, GrpoTraining)
        ahead = method._ahead
        assert isinstance(ahead, GatheringAhead)
        ahead._begin([1], 0)
        _, future = ahead._pending[1]
        deadline = time.monotonic() + LIMIT_S
        while not future.running():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began < LIMIT_S / 2
    assert future.done()


def test_a_failure_in_the_sampling_thread_ends_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise FloatingPointError("the logits are NaN")

    with ExitStack() as stack:
        _, method = build(stack, method=grpo(staleness=1))
        monkeypatch.setattr("training.sampling.torch_engine.Session", fail)
        with pytest.raises(FloatingPointError, match="logits are NaN"):
            method.step(1)


def _stored(state: dict[str, Any]) -> Any:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer
