"""SRL steps on the built-in model."""

import copy
from contextlib import ExitStack
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.methods.parts import WatchedOptimiser, build, flat_gradient
from tests.training.runs import tiny_config
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.algorithms.spread import population_spread
from training.assembly import Parts
from training.config import RunConfig
from training.errors import InputError
from training.events import Alert
from training.experience.records import group_event
from training.experience.types import Group
from training.methods.srl import SrlTraining
from training.methods.types import Outcome
from training.policy import Policy
from training.preflight import preflight
from training.problems import Problem, write_problems

SAMPLING = {"prompts_per_step": 6, "samples_per_prompt": 4, "max_tokens": 24}


def srl(**options: Any) -> dict[str, Any]:
    return {"kind": "srl", "sampling": SAMPLING} | options


def first_step(stack: ExitStack, **changes: Any) -> tuple[Parts, Outcome]:
    parts, method = build(stack, **changes)
    assert isinstance(method, SrlTraining)
    return parts, method.step(1)


def texts(groups: list[Group]) -> list[list[str]]:
    return [[rollout.text for rollout in group.rollouts] for group in groups]


def test_a_response_goes_on_with_the_experts_text_and_is_paid_by_likeness() -> None:
    with ExitStack() as stack:
        parts, outcome = first_step(stack, method=srl())
    for group in outcome.groups:
        assert group.expert is not None
        task = group.expert.task
        given = parts.codec.text(group.prompt_ids)
        assert given.endswith(task.given)
        assert (group.problem.solution or "").startswith(task.given)
        for rollout in group.rollouts:
            assert rollout.text.count("\n") <= 1, "it ends with the step"
            if rollout.extracted is None:
                assert (rollout.reward, bool(rollout.fault)) == (-1.0, True)
            else:
                ratio = SequenceMatcher(None, rollout.extracted, task.target, autojunk=False).ratio()
                assert (rollout.reward, rollout.fault) == (ratio, "")
    rollouts = [(rollout, group) for group in outcome.groups for rollout in group.rollouts]
    alike = [rollout.reward for rollout, _ in rollouts if rollout.extracted is not None]
    assert outcome.metrics["srl/similarity"] == pytest.approx(sum(alike) / len(alike))
    assert outcome.metrics["srl/format_failure_share"] == pytest.approx(1 - len(alike) / len(rollouts))
    assert 0 < outcome.metrics["srl/exact_share"] < 1
    assert outcome.metrics["tokens/step"] == sum(len(rollout) for rollout, _ in rollouts)


def test_nothing_is_learned_from_what_was_given() -> None:
    """The gradient is that of the responses alone, written out plainly without packing."""
    with ExitStack() as stack:
        parts, outcome = first_step(stack, method=srl(dynamic_sampling={"enabled": False}))
        fresh, _ = build(stack, method=srl())
    assert isinstance(parts.optimiser, WatchedOptimiser)
    rollouts = [rollout for group in outcome.groups for rollout in group.rollouts]
    examples = [example for group in outcome.groups for example in group.examples]
    logprobs = Policy(fresh.policy.model, packing=False).statistics(examples).logprobs
    lengths = torch.tensor([len(rollout) for rollout in rollouts])
    weights = token_weights(lengths.tolist(), "seq_mean_token_mean", 24)
    inputs = LossInputs(
        logprobs,
        logprobs.detach(),
        torch.tensor([rollout.advantage for rollout in rollouts]).repeat_interleave(lengths),
        torch.arange(len(rollouts)).repeat_interleave(lengths),
        torch.tensor(weights).repeat_interleave(lengths),
    )
    policy_loss(inputs, parts.config.method.loss).loss.backward()  # type: ignore[union-attr]
    expected = flat_gradient(list(fresh.policy.model.parameters()))
    assert float((parts.optimiser.gradients[0] - expected).norm() / expected.norm()) < 1e-5


def test_groups_that_hardly_differ_are_dropped_and_others_drawn_until_the_batch_is_full() -> None:
    with ExitStack() as stack:
        _, outcome = first_step(stack, method=srl(dynamic_sampling={"threshold": 0.2, "max_rounds": 8}))
    kept = [group for group in outcome.groups if group.trained]
    assert len(kept) == 6
    assert all((population_spread(group.rewards) > 0.2) == group.trained for group in outcome.groups)
    assert outcome.metrics["srl/rounds"] > 1
    assert outcome.metrics["srl/dropped_share"] == pytest.approx(1 - 6 / len(outcome.groups))
    with ExitStack() as stack:
        _, outcome = first_step(stack, method=srl(dynamic_sampling={"threshold": 9.0, "max_rounds": 2}))
    assert not any(group.trained for group in outcome.groups)
    assert (len(outcome.groups), outcome.metrics["srl/rounds"]) == (12, 2)


def test_a_resumed_method_goes_on_to_the_last_bit() -> None:
    with ExitStack() as stack:
        parts, method = build(stack, method=srl())
        method.step(1)
        weights, optimiser = copy.deepcopy(parts.model.state_dict()), copy.deepcopy(parts.optimiser.state_dict())
        state = copy.deepcopy(method.state_dict())
        later = method.step(2)
        again, resumed = build(stack, method=srl())
        again.model.load_state_dict(weights)
        again.optimiser.load_state_dict(optimiser)
        resumed.load_state_dict(state, 1)
        same = resumed.step(2)
    assert texts(same.groups) == texts(later.groups)
    assert same.metrics == later.metrics
    assert all(
        torch.equal(one, other) for one, other in zip(parts.model.parameters(), again.model.parameters(), strict=True)
    )


def test_what_processes_draw_does_not_depend_on_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        parts, method = build(stack, method=srl())
        assert isinstance(method, SrlTraining)
        tasks, params = method._tasks.take(5), method._sampling_params(7)
        alone = texts(method._steps.gather(tasks, params))
        shares = []
        for rank in (0, 1):
            monkeypatch.setattr(parts.processes, "rank", rank)
            monkeypatch.setattr(parts.processes, "count", 2)
            monkeypatch.setattr(parts.processes, "unshare", list)
            shares.append(texts(method._steps.gather(tasks, params)))
    assert [shares[place % 2][place // 2] for place in range(5)] == alone


def test_tokens_beyond_the_step_are_counted_and_not_learned() -> None:
    """A pattern ends no sampling, so that responses go on and are cut."""
    steps = {"rule": "regex", "pattern": r"\n"}
    with ExitStack() as stack:
        _, outcome = first_step(stack, method=srl(steps=steps))
    rollouts = [rollout for group in outcome.groups for rollout in group.rollouts]
    beyond = sum(group.expert.tokens_beyond for group in outcome.groups if group.expert)
    assert beyond > 0
    assert outcome.metrics["tokens/step"] == sum(len(rollout) for rollout in rollouts) + beyond
    assert all(rollout.text.count("\n") <= 1 for rollout in rollouts)
    assert all(len(rollout.sampler_logprobs) == len(rollout.entropies) == len(rollout) for rollout in rollouts)


@pytest.mark.parametrize("granularity", ["solution", "answer"])
def test_the_ablations_pay_for_whole_solutions(granularity: str) -> None:
    with ExitStack() as stack:
        sampling = SAMPLING | {"max_tokens": 48}
        _, outcome = first_step(stack, method=srl(granularity=granularity, sampling=sampling))
    rollouts = [rollout for group in outcome.groups for rollout in group.rollouts]
    assert {rollout.correct for rollout in rollouts} == {True, False}
    paid = {1.0, 0.0} if granularity == "answer" else {sum(rollout.parts.values()) for rollout in rollouts}
    assert {rollout.reward for rollout in rollouts} == paid
    assert ("srl/similarity" in outcome.metrics) == (granularity == "solution")


def test_a_model_that_never_keeps_to_the_form_learns_nothing_and_goes_on() -> None:
    """The built-in model has never been told what to do."""
    with ExitStack() as stack:
        parts, method = build(stack, method=srl(format="think_action", dynamic_sampling={"max_rounds": 2}))
        before = copy.deepcopy(parts.model.state_dict())
        outcome = method.step(1)
    assert outcome.metrics["srl/format_failure_share"] == 1
    assert "srl/similarity" not in outcome.metrics
    assert not any(group.trained for group in outcome.groups)
    assert all(torch.equal(weights, before[name]) for name, weights in parts.model.state_dict().items())


def test_a_look_before_the_run_samples_steps(tmp_path: Path) -> None:
    report = preflight(RunConfig.model_validate(tiny_config(method=srl())), tmp_path)
    assert (report["prompts"], report["responses"], report["steps"]) == (16, 64, True)
    assert 0 < report["rewards"]["similarity"] < 1
    assert not any("right" in warning["message"] for warning in report["warnings"])
    told = preflight(RunConfig.model_validate(tiny_config(method=srl(format="think_action"))), tmp_path)
    assert "another form than a step is read off" in told["warnings"][0]["message"]


def test_an_event_says_what_was_compared_with_what() -> None:
    with ExitStack() as stack:
        parts, outcome = first_step(stack, method=srl())
    group = outcome.groups[0]
    said = group_event(group, 1, "train", 0, parts.codec)
    assert said.expert is not None
    assert group.expert is not None
    assert (said.problem_id, said.expert.target) == (group.expert.task.id, group.expert.task.target)
    assert said.prompt == parts.codec.prompt_text(group.problem.prompt) + group.expert.task.given
    assert [record.extracted for record in said.rollouts] == [rollout.extracted for rollout in group.rollouts]


def test_problems_without_steps_are_told_with_the_reasons(tmp_path: Path) -> None:
    good, blank = "<think>1+1=2\n2+2=4</think><answer>4</answer>", Problem("b", "3=?", "3", None, "train", "x")
    path = tmp_path / "set.jsonl"
    write_problems(path, [Problem("a", "1+1+2=?", "4", good, "train", "x"), blank])
    problems, quiet = {"kind": "file", "path": str(path)}, {"every_steps": 0}
    with ExitStack() as stack:
        _, outcome = first_step(stack, method=srl(), problems=problems, evaluation=quiet)
        (alert,) = outcome.events
        assert isinstance(alert, Alert)
        assert alert.message == "1 training problems give no step to learn: 1 × it has no worked solution."
        write_problems(path, [blank])
        with pytest.raises(InputError, match="no training problem gives a step to learn: 1 × it has no worked"):
            build(stack, method=srl(), problems=problems, evaluation=quiet)
