"""PPO end to end: against a plain computation, one token at a time, and whether it learns."""

import copy
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.methods.parts import WatchedOptimiser, build, reward_model_folder
from training.config import RunConfig
from training.experience.records import group_event
from training.experience.types import Rollout
from training.methods.ppo import PpoTraining, explained_variance
from training.optimiser import Optimiser
from training.reward_model import RewardModel
from training.sources import load_model

CPU = torch.device("cpu")
SAMPLING = {"prompts_per_step": 4, "samples_per_prompt": 1, "max_tokens": 24}
BETA, GAMMA, LAMBDA, EPSILON = 0.1, 0.98, 0.9, 0.2


def ppo(**knobs: Any) -> dict[str, Any]:
    return {"kind": "ppo", "sampling": SAMPLING} | knobs


def logprobs(model: torch.nn.Module, prompt: list[int], rollout: Rollout) -> Tensor:
    """Of the response's tokens, by one forward of the whole sequence."""
    logits = model(torch.tensor([[*prompt, *rollout.token_ids]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(rollout.token_ids)[:, None])[:, 0]


def values(critic: torch.nn.Module, prompt: list[int], rollout: Rollout) -> Tensor:
    body = critic.base_model
    assert isinstance(body, torch.nn.Module)
    states = body(input_ids=torch.tensor([[*prompt, *rollout.token_ids]])).last_hidden_state[0]
    head = critic.score
    assert isinstance(head, torch.nn.Module)
    found: Tensor = head(states)[len(prompt) - 1 : -1, 0]
    return found


def plain_gae(rewards: list[float], of_values: list[float]) -> list[float]:
    advantages, after = [], 0.0
    for t in reversed(range(len(rewards))):
        following = of_values[t + 1] if t + 1 < len(rewards) else 0.0
        after = rewards[t] + GAMMA * following - of_values[t] + GAMMA * LAMBDA * after
        advantages.append(after)
    return advantages[::-1]


class PlainPpo:
    """Two epochs of one batch, written down as the paper says, one sequence at a time."""

    def __init__(self, training: PpoTraining, model: torch.nn.Module, config: Any) -> None:
        self.actor = copy.deepcopy(model)
        self.critic = copy.deepcopy(training._critic._critic.module)
        assert training._reference is not None
        self.reference = copy.deepcopy(training._reference.model)
        own = config.optimisation.model_copy(update={"learning_rate": config.method.critic.learning_rate})
        self.optimisers = [
            WatchedOptimiser(self.actor, config.optimisation, config.steps),
            WatchedOptimiser(self.critic, own, config.steps),
        ]

    def step(self, answered: list[tuple[list[int], Rollout]], epochs: int) -> None:
        with torch.no_grad():
            old = [logprobs(self.actor, *each) for each in answered]
            held = [logprobs(self.reference, *each) for each in answered]
            expected = [values(self.critic, *each) for each in answered]
        advantages = []
        for (_, rollout), of_policy, of_reference, of_values in zip(answered, old, held, expected, strict=True):
            rewards = (-BETA * (of_policy - of_reference)).tolist()
            rewards[-1] += rollout.reward
            advantages.append(torch.tensor(plain_gae(rewards, of_values.tolist())))
        returns = [advantage + of_values for advantage, of_values in zip(advantages, expected, strict=True)]
        joined = torch.cat(advantages)
        self.advantages = [(each - joined.mean()) / torch.sqrt(joined.var() + 1e-8) for each in advantages]
        for _ in range(epochs):
            self._learn(answered, old, expected, returns)

    def _learn(self, answered: Any, old: list[Tensor], expected: list[Tensor], returns: list[Tensor]) -> None:
        tokens = sum(len(rollout) for _, rollout in answered)
        for place, each in enumerate(answered):
            ratio = (logprobs(self.actor, *each) - old[place]).exp()
            gain = torch.minimum(
                ratio * self.advantages[place], ratio.clamp(1 - EPSILON, 1 + EPSILON) * self.advantages[place]
            )
            (-gain.sum() / tokens).backward()
            now = values(self.critic, *each)
            near = expected[place] + (now - expected[place]).clamp(-EPSILON, EPSILON)
            error = torch.maximum((now - returns[place]).square(), (near - returns[place]).square())
            (0.1 * error.sum() / 2 / tokens).backward()
        for optimiser in self.optimisers:
            optimiser.update(1)


def nearly(found: Tensor, expected: Tensor) -> bool:
    return float((found - expected).norm() / expected.norm()) < 1e-3


def test_a_step_is_what_the_plain_computation_says(tmp_path: Path) -> None:
    """Two epochs, with a reference that is another model, a critic from a reward model, and a learned reward."""
    folder = reward_model_folder(tmp_path / "reward")
    reward = {"learned": {"model": {"kind": "local", "path": str(folder)}, "weight": 2.0}, "missing_end": 0.5}
    config = ppo(
        reward=reward,
        epochs=2,
        kl={"coefficient": BETA},
        critic={"discount": GAMMA, "gae_lambda": LAMBDA, "learning_rate": 1e-3},
    )
    with ExitStack() as stack:
        parts, training = build(stack, method=config, optimisation={"learning_rate": 1e-3, "micro_batch_tokens": 100})
        assert isinstance(training, PpoTraining)
        assert isinstance(parts.optimiser, WatchedOptimiser)
        _move(training._reference.model if training._reference else None)
        plain = PlainPpo(training, parts.policy.model, parts.config)
        watched = WatchedOptimiser(training._critic._critic.module, _critics(parts.config), parts.config.steps)
        training._critic._optimiser = watched
        outcome = training.step(1)
    answered = [(group.prompt_ids, rollout) for group in outcome.groups for rollout in group.rollouts]
    plain.step(answered, epochs=2)
    for (_, rollout), expected in zip(answered, plain.advantages, strict=True):
        assert rollout.token_advantages == pytest.approx(expected.numpy(), abs=2e-3)
        assert rollout.advantage == pytest.approx(float(expected.mean()), abs=2e-3)
        assert rollout.values is not None
        stored = group_event(outcome.groups[0], 1, "train", 0, parts.codec).rollouts[0].tokens
        assert {"value", "advantage", "ref_logprob"} <= stored.keys()
    assert abs(outcome.metrics["kl/sequence"]) > 0.05, "the reference is the policy: nothing was compared"
    for ours, of_plain in ((parts.optimiser, plain.optimisers[0]), (watched, plain.optimisers[1])):
        assert len(ours.gradients) == 2
        assert nearly(ours.gradients[0], of_plain.gradients[0])
        assert nearly(ours.gradients[1], of_plain.gradients[1])
        assert not nearly(ours.gradients[1], of_plain.gradients[0])


def _move(model: torch.nn.Module | None) -> None:
    """Make a reference of its own."""
    assert model is not None
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))


def _critics(config: Any) -> Any:
    return config.optimisation.model_copy(update={"learning_rate": config.method.critic.learning_rate})


def test_every_token_pays_for_leaving_the_reference_and_adaptive_control_follows() -> None:
    knobs = ppo(kl={"control": "adaptive", "coefficient": 0.2, "target": 0.5, "horizon": 40}, epochs=1)
    with ExitStack() as stack:
        _, training = build(stack, method=knobs)
        assert isinstance(training, PpoTraining)
        assert training._reference is not None
        _move(training._reference.model)
        first, second = training.step(1).metrics, training.step(2).metrics
    assert first["kl/coefficient"] == 0.2
    assert first["reward/kl_penalty"] == pytest.approx(-0.2 * first["kl/sequence"], rel=1e-4)
    error = float(np.clip(first["kl/sequence"] / 0.5 - 1, -0.2, 0.2))
    assert second["kl/coefficient"] == pytest.approx(0.2 * (1 + error * 4 / 40))
    assert "groups/zero_variance_share" not in first


def test_a_missing_end_is_charged_and_shown() -> None:
    """Responses of 2 tokens at most are all cut, so that each loses what a missing end costs."""
    sampling = SAMPLING | {"max_tokens": 2}
    with ExitStack() as stack:
        _, training = build(stack, method=ppo(sampling=sampling, reward={"missing_end": 0.5, "accuracy": 0.0}))
        outcome = training.step(1)
    cut = [rollout for group in outcome.groups for rollout in group.rollouts if rollout.truncated]
    assert len(cut) == 4
    assert {rollout.reward for rollout in cut} == {-0.5}
    assert {rollout.parts["missing_end"] for rollout in cut} == {-1.0}
    assert outcome.metrics["reward/missing_end"] == -1


def test_whitened_rewards_keep_their_mean_and_advantages_are_always_whitened() -> None:
    found = {}
    for whitened in (False, True):
        with ExitStack() as stack:
            _, training = build(stack, method=ppo(critic={"whiten_rewards": whitened}, reward={"format": 1.0}))
            groups = training.step(1).groups
            arrays = [r.token_advantages for group in groups for r in group.rollouts]
            joined = np.concatenate([array for array in arrays if array is not None])
            returns = [r.returns for group in groups for r in group.rollouts]
            found[whitened] = np.concatenate([array for array in returns if array is not None])
            assert joined.mean() == pytest.approx(0, abs=1e-5)
            assert joined.std(ddof=1) == pytest.approx(1, abs=1e-4)
    assert not np.allclose(found[True], found[False])


def test_mini_batches_are_of_another_order_each_epoch_and_hold_every_response_once() -> None:
    with ExitStack() as stack:
        _, training = build(stack, method=ppo(epochs=3, updates_per_step=2))
        assert isinstance(training, PpoTraining)
        seen: list[list[int]] = []
        prepare = training._updater.prepare

        def watched(groups: Any, run_all: bool = False) -> Any:
            update = prepare(groups, run_all)
            seen.append([id(rollout) for rollout in update.rollouts])
            return update

        training._updater.prepare = watched  # type: ignore[method-assign]
        training.step(1)
    epochs = [one + other for one, other in zip(seen[::2], seen[1::2], strict=True)]
    assert len(epochs) == 3
    assert len({frozenset(epoch) for epoch in epochs}) == 1
    assert any(one != other for one, other in pairwise(epochs))


def test_the_critic_learns_where_the_policy_has_nothing_to_learn() -> None:
    """All responses are cut and charged the same: no advantage is left, but the critic knew nothing of the charge."""
    config = ppo(
        sampling=SAMPLING | {"max_tokens": 2},
        reward={"accuracy": 0.0, "missing_end": 1.0},
        kl={"coefficient": 0.0},
        critic={"discount": 1.0, "gae_lambda": 1.0},
    )
    with ExitStack() as stack:
        _, training = build(stack, method=config)
        outcome = training.step(1)
        assert isinstance(training, PpoTraining)
        head = training._critic._critic.module.score
    assert not any(rollout.teaches for group in outcome.groups for rollout in group.rollouts)
    assert isinstance(head, torch.nn.Linear)
    assert bool(head.weight.any()), "the critic still expects nothing"


def test_explained_variance_tells_knowledge_from_guesses() -> None:
    returns = torch.tensor([0.0, 1.0, 2.0, 5.0])
    assert explained_variance(returns, returns) == 1
    assert explained_variance(torch.full((4,), 7.0), returns) == pytest.approx(0)
    assert explained_variance(-returns, returns) < 0
    assert explained_variance(returns, torch.ones(4)) == 0


LEARNING = {
    "sampling": {"prompts_per_step": 24, "samples_per_prompt": 1, "max_tokens": 24},
    "epochs": 2,
    "critic": {"learning_rate": 1e-3},
}


def test_it_learns_what_the_verifier_pays_for() -> None:
    with ExitStack() as stack:
        _, training = build(stack, method=ppo(**LEARNING), optimisation={"learning_rate": 5e-4}, steps=20)
        figures = [training.step(step).metrics for step in range(1, 11)]
    rewards = [each["reward/accuracy"] for each in figures]
    assert np.mean(rewards[-3:]) > np.mean(rewards[:3]) + 0.15


def test_it_learns_what_a_reward_model_pays_for(tmp_path: Path) -> None:
    """It pays for short responses, right or wrong; the critic knows some of it from the start."""
    folder = pays_for_shortness(tmp_path / "reward")
    reward = {"accuracy": 0.0, "learned": {"model": {"kind": "local", "path": str(folder)}}}
    with ExitStack() as stack:
        config = ppo(**LEARNING, reward=reward, kl={"coefficient": 0.01})
        _, training = build(stack, method=config, optimisation={"learning_rate": 5e-4}, steps=20)
        figures = [training.step(step).metrics for step in range(1, 7)]
    rewards = [each["reward/learned"] for each in figures]
    assert np.mean(rewards[-3:]) > rewards[0] + 0.25
    assert figures[-1]["response/length_mean"] < figures[0]["response/length_mean"]


def pays_for_shortness(folder: Path) -> Path:
    """A reward model whose head was fitted, by least squares, to say how short a response is, in deviations."""
    with ExitStack() as stack:
        grpo = {"kind": "grpo", "sampling": {"prompts_per_step": 32, "samples_per_prompt": 4, "max_tokens": 24}}
        parts, training = build(stack, method=grpo)
        groups = training.step(1).groups
        model = RewardModel.from_policy(load_model(RunConfig(), CPU)[0]).model
    states, lengths = [], []
    for group in groups:
        for rollout in group.rollouts:
            ids = torch.tensor([[*group.prompt_ids, *rollout.token_ids]])
            states.append(model.base_model(input_ids=ids).last_hidden_state[0, -1].detach())
            lengths.append(float(len(rollout)))
    told = torch.stack(states)
    wanted = -(torch.tensor(lengths) - np.mean(lengths)) / np.std(lengths)
    ridge = told.T @ told + 0.1 * torch.eye(told.shape[1])
    with torch.no_grad():
        model.score.weight.copy_(torch.linalg.solve(ridge, told.T @ wanted)[None])
    RewardModel(model).save(folder)
    parts.codec.tokenizer.save_pretrained(folder)
    return folder


def test_a_resumed_method_goes_on_as_if_it_had_not_stopped() -> None:
    """The state of one is loaded into another; critic, its optimiser and the coefficient come along."""
    config = ppo(kl={"control": "adaptive", "horizon": 40}, epochs=2)
    with ExitStack() as stack:
        parts, training = build(stack, method=config)
        training.step(1)
        state = copy.deepcopy(training.state_dict())
        other_parts, other = build(stack, method=config)
        other_parts.policy.model.load_state_dict(parts.policy.model.state_dict())
        other_parts.optimiser.load_state_dict(copy.deepcopy(parts.optimiser.state_dict()))
        other.load_state_dict(state, 1)
        assert training.step(2).metrics == other.step(2).metrics


def test_the_critic_has_an_optimiser_of_its_own() -> None:
    with ExitStack() as stack:
        parts, training = build(stack, method=ppo(critic={"learning_rate": 5e-4}), steps=10)
        assert isinstance(training, PpoTraining)
        assert isinstance(training._critic._optimiser, Optimiser)
        assert training._critic._optimiser.rate(1) == 5e-4
        assert parts.optimiser.rate(1) == 1e-4
