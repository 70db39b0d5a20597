"""Rewards of whole responses, packed and padded, against the classifier of transformers; storing and shifting."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    PreTrainedModel,
)

from tests.training.models import tiny_gemma, tiny_qwen
from tests.training.test_policy import examples_of_groups
from training.batching import Example
from training.errors import InputError
from training.reward_model import RewardModel

CPU = torch.device("cpu")


def plain_rewards(model: PreTrainedModel, examples: list[Example]) -> Tensor:
    """One forward a sequence, by the classifier itself, which reads the last token."""
    return torch.cat([model(torch.tensor([[*each.prompt, *each.response]])).logits for each in examples])


@pytest.mark.parametrize("packing", [True, False])
def test_rewards_and_gradients_are_those_of_the_classifier(packing: bool) -> None:
    model = RewardModel.from_policy(tiny_qwen(), heads=3).model
    found = RewardModel(model, packing=packing)
    assert found.packed is packing
    examples = examples_of_groups()
    expected = plain_rewards(model, examples)
    rewards = found.rewards(examples)
    assert torch.allclose(rewards, expected, atol=1e-6)
    assert float(expected.detach().std()) > 1e-3, "all rewards are about the same: nothing was compared"
    weights = torch.sin(torch.arange(expected.numel())).view_as(expected)
    ours, plain = (
        torch.cat([g.flatten() for g in torch.autograd.grad((weights * each).sum(), list(model.parameters()))])
        for each in (rewards, expected)
    )
    assert float((ours - plain).norm() / plain.norm()) < 1e-5


def test_a_body_that_cannot_run_packed_runs_padded() -> None:
    found = RewardModel.from_policy(tiny_gemma())
    assert not found.packed
    examples = examples_of_groups()
    assert torch.allclose(found.rewards(examples), plain_rewards(found.model, examples), atol=1e-5)


def test_a_response_may_fill_the_context_of_a_model_that_runs_padded() -> None:
    policy = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=12, n_embd=8, n_layer=1, n_head=1, eos_token_id=0))
    found = RewardModel(RewardModel.from_policy(policy).model, packing=False)
    examples = [Example([1, 2, 3], list(range(4, 13)))]
    assert torch.allclose(found.rewards(examples), plain_rewards(found.model, examples), atol=1e-6)


def test_heads_are_read_in_float32_where_the_body_runs_in_bfloat16() -> None:
    rewards = RewardModel.from_policy(tiny_qwen(), heads=8, dtype="bfloat16").rewards(examples_of_groups())
    assert rewards.dtype == torch.float32
    assert not torch.equal(rewards, rewards.to(torch.bfloat16).to(torch.float32)), "rewards were rounded to bfloat16"


def test_a_policy_that_ends_at_several_tokens_can_become_a_reward_model() -> None:
    policy = tiny_qwen()
    policy.config.pad_token_id, policy.config.eos_token_id = None, [3, 2]
    assert RewardModel.from_policy(policy).model.config.pad_token_id == 3


def test_a_family_without_a_classifier_is_refused_in_words() -> None:
    config = GraniteConfig(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    with pytest.raises(InputError, match="of granite models: transformers has no sequence classifier"):
        RewardModel.from_policy(GraniteForCausalLM(config))


def test_heads_start_small_alike_for_a_seed_and_leave_the_policy_alone() -> None:
    policy = tiny_qwen()
    first, again, other = (RewardModel.from_policy(policy, heads=64, seed=seed) for seed in (1, 1, 2))
    weights = first.model.score.weight
    assert torch.equal(weights, again.model.score.weight)
    assert not torch.equal(weights, other.model.score.weight)
    assert float(weights.detach().std()) == pytest.approx(1 / 33, rel=0.1)
    body = next(iter(first.model.base_model.parameters()))
    with torch.no_grad():
        body.add_(1)
    assert not torch.equal(body, next(iter(policy.base_model.parameters())))


def test_a_reference_set_averages_zero_also_after_a_second_shift_and_a_reload(tmp_path: Path) -> None:
    model, examples = RewardModel.from_policy(tiny_qwen(), heads=2), examples_of_groups()
    before = model.rewards(examples).detach()
    model.shift_to_zero(model.rewards(examples))
    assert torch.allclose(model.rewards(examples).mean(0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(model.rewards(examples), before - before.mean(0), atol=1e-6)
    model.shift_to_zero(model.rewards(examples[:2]))
    assert torch.allclose(model.rewards(examples[:2]).mean(0), torch.zeros(2), atol=1e-6)
    model.save(tmp_path)
    loaded = RewardModel.load(tmp_path, CPU)
    assert loaded.heads == 2
    assert torch.allclose(loaded.rewards(examples), model.rewards(examples), atol=1e-6)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config.num_labels == 2


def test_a_policy_is_no_reward_model_and_an_empty_folder_neither(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot load a reward model"):
        RewardModel.load(tmp_path, CPU)
    tiny_qwen().save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"is no reward model: it lacks score\.weight"):
        RewardModel.load(tmp_path, CPU)
