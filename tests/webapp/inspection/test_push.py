"""The push shown for a token is what training's own loss puts on its log-probability."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.factories import encode, make_group, make_run
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.config import LossConfig, RunConfig
from training.methods.rl import PolicyGradientTraining
from training.seeds import shuffled
from webapp.inspection.models import Rollout, RolloutTokens
from webapp.inspection.push import LossSettings, UpdateSize, push_of, token_weight
from webapp.inspection.rollout_page import read_rollout
from webapp.inspection.token_arrays import TokenArrays
from webapp.inspection.why import explain

LENGTHS = [5, 9, 3, 7]
MAX_TOKENS = 12
CASES: list[dict[str, Any]] = [
    {},
    {"aggregation": "seq_mean_token_mean", "clip_high": 0.28},
    {"aggregation": "sum_norm", "dual_clip": 1.5},
    {"kl_coefficient": 0.05},
    {"kl_coefficient": 0.05, "kl_estimator": "k1"},
    {"kl_coefficient": 0.05, "kl_estimator": "k2"},
    {"surrogate": "cispo", "clip_low": 1.0},
    {"ratio": "sequence"},
    {"ratio": "sequence_token", "aggregation": "seq_mean_token_mean"},
]


@pytest.mark.django_db
def test_with_a_critic_each_token_has_its_own_advantage_and_the_last_epochs_update() -> None:
    """Groups are taken in the order that training took in its last epoch, and siblings are not compared."""
    method = {"kind": "ppo", "epochs": 3, "updates_per_step": 2, "sampling": {"prompts_per_step": 4}}
    run = make_run(step=2, method=method, seed=5)
    groups = [
        make_group(run, step=2, index=index, rewards=[1.0], texts=["1 " * (index + 2)], tokens=True)
        for index in range(4)
    ]
    order = shuffled(4, 5, "epoch", 2, 2)
    for place, index in enumerate(order):
        rollout = Rollout.objects.get(group=groups[index])
        page = read_rollout(rollout.pk)
        first = 2 * (place // 2)
        mates = [Rollout.objects.get(group=groups[mate]).length for mate in order[first : first + 2]]
        assert page.update == UpdateSize(2, sum(mates))
        assert page.credit is None
        assert page.critic is not None
        assert (page.critic["discount"], page.critic["gae_lambda"]) == (1.0, 0.95)
        assert page.settings is not None
        assert page.settings.updates_a_step == 6
    count = rollout.length
    RolloutTokens.objects.filter(rollout=rollout).update(value_array=encode("value", np.linspace(0, 1, count)))
    why = explain(read_rollout(rollout.pk), count - 1)
    assert why is not None
    assert why.value == 1


@pytest.mark.parametrize("options", CASES)
def test_it_is_the_negative_gradient_of_the_training_loss(options: dict[str, Any]) -> None:
    config = LossConfig(**options)
    draw = torch.Generator().manual_seed(3)
    count = sum(LENGTHS)
    sequences = torch.arange(len(LENGTHS)).repeat_interleave(torch.tensor(LENGTHS))
    old = -torch.rand(count, generator=draw, dtype=torch.float64) - 0.1
    now = (old + 0.3 * torch.randn(count, generator=draw, dtype=torch.float64)).requires_grad_()
    reference = old + 0.5 * torch.randn(count, generator=draw, dtype=torch.float64)
    advantages = torch.tensor([1.2, -0.7, 0.4, -0.9], dtype=torch.float64)[sequences]
    weights = torch.tensor(token_weights(LENGTHS, config.aggregation, MAX_TOKENS), dtype=torch.float64)[sequences]
    outputs = policy_loss(LossInputs(now, old, advantages, sequences, weights, reference), config)
    outputs.loss.backward()
    expected = -now.grad.numpy()  # type: ignore[union-attr]

    run = RunConfig.model_validate(
        {"method": {"kind": "grpo", "loss": options, "updates_per_step": 4, "sampling": {"max_tokens": MAX_TOKENS}}}
    )
    settings = LossSettings.of(run.model_dump(mode="json"))
    assert settings is not None
    update = UpdateSize(len(LENGTHS), count)
    clipped = (outputs.clipped_low | outputs.clipped_high).double()
    stored = {
        "logprob": old,
        "ref_logprob": reference,
        "advantage": advantages,
        "ratio": outputs.ratios,
        "clipped": clipped,
    }
    start = 0
    for length in LENGTHS:
        part = slice(start, start + length)
        arrays = TokenArrays(
            np.arange(length), values={name: column[part].detach().numpy() for name, column in stored.items()}
        )
        push = push_of(arrays, settings, token_weight(settings, update, length))
        assert push is not None
        np.testing.assert_allclose(push.total, expected[part], rtol=1e-9, atol=1e-12)
        start += length
    assert clipped.any() or options.get("surrogate") == "cispo" or "ratio" in options


def test_without_stored_flags_it_clips_by_the_bounds_itself() -> None:
    settings = LossSettings.of({"method": {"kind": "grpo", "loss": {"dual_clip": 3.0}}})
    assert settings is not None
    weight = token_weight(settings, UpdateSize(1, 4), 4)
    columns = {"advantage": np.array([1.0, 1.0, -1.0, -1.0, -1.0]), "ratio": np.array([1.3, 1.1, 0.7, 1.1, 3.5])}
    push = push_of(TokenArrays(np.arange(5), values=columns), settings, weight)
    assert push is not None
    np.testing.assert_allclose(push.total, np.array([0, 1.1, 0, -1.1, 0]) / 4)


def test_masked_tokens_get_none_and_ranks_go_by_size() -> None:
    settings = LossSettings.of({"method": {"kind": "grpo"}})
    assert settings is not None
    values = {"advantage": np.full(4, -2.0), "ratio": np.array([1.0, 1.1, 0.9, 1.0]), "mask": np.array([1.0, 1, 1, 0])}
    push = push_of(TokenArrays(np.arange(4), values=values), settings, token_weight(settings, UpdateSize(2, 8), 4))
    assert push is not None
    assert push.total.tolist() == pytest.approx([-0.25, -0.275, -0.225, 0])
    assert [push.rank(token) for token in range(4)] == [2, 1, 3, 4]
    assert not push.is_uniform


def test_methods_without_a_policy_gradient_have_no_push() -> None:
    assert LossSettings.of(RunConfig.model_validate({"method": {"kind": "sft"}}).model_dump(mode="json")) is None
    assert LossSettings.of({}) is None


@pytest.mark.django_db
@pytest.mark.parametrize("updates", [1, 2, 4])
def test_it_finds_the_update_that_the_trainer_put_a_response_into(updates: int) -> None:
    method = {"kind": "grpo", "updates_per_step": updates, "sampling": {"prompts_per_step": 8, "samples_per_prompt": 2}}
    run = make_run(method=method, step=1)
    groups = [
        make_group(
            run, index=index, rewards=[1, 0], texts=["x " * (index + 1), "y"], tokens=True, trained=index not in (2, 5)
        )
        for index in range(8)
    ]
    like_trainers = [SimpleNamespace(trained=group.trained, pk=group.pk) for group in groups]
    trainer = SimpleNamespace(_rl=SimpleNamespace(updates_per_step=updates))
    batches = PolicyGradientTraining._batches(trainer, like_trainers)  # type: ignore[arg-type]
    for batch in batches:
        members = Rollout.objects.filter(group__in=[group.pk for group in batch])
        expected = UpdateSize(members.count(), sum(member.length for member in members))
        for member in members:
            assert read_rollout(member.pk).update == expected
    dropped = Rollout.objects.filter(group=groups[2]).first()
    assert dropped is not None
    page = read_rollout(dropped.pk)
    assert page.push is None
    assert "dropped" in page.untrained


@pytest.mark.django_db
def test_the_explanation_names_each_reason_for_no_push() -> None:
    run = make_run(step=1)
    unfinished = make_group(run, step=2, tokens=True).rollouts.first()
    heldout = make_group(run, step=1, split="heldout", tokens=True).rollouts.first()
    without_ratio = make_group(run, step=1, index=1, tokens=True, arrays={"ratio": None}).rollouts.first()
    said = [explain(read_rollout(rollout.pk), 0) for rollout in (unfinished, heldout, without_ratio) if rollout]
    assert [why.untrained.split()[0] if why else "" for why in said] == ["The", "Held-out", "The"]
    assert said[0] is not None
    assert said[0].total is None


@pytest.mark.django_db
def test_equal_rewards_push_exactly_nothing() -> None:
    rollout = make_group(make_run(step=1), rewards=[1, 1, 1], tokens=True, arrays={"ratio": None}).rollouts.first()
    assert rollout is not None
    why = explain(read_rollout(rollout.pk), 0)
    assert why is not None
    assert (why.untrained, why.total, why.direction, why.effect) == ("", 0, "no push", "left alone")


@pytest.mark.django_db
def test_a_token_beyond_the_response_has_no_explanation() -> None:
    rollout = make_group(make_run(step=1), tokens=True).rollouts.first()
    assert rollout is not None
    assert explain(read_rollout(rollout.pk), rollout.length) is None
    assert explain(read_rollout(rollout.pk), rollout.length - 1) is not None
