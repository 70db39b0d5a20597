"""Gradient checkpointing: the same gradients from a fraction of what a forward pass keeps."""

import copy

import pytest
import torch
from transformers import PreTrainedModel

from tests.training.config.test_footprint import kept_bytes
from tests.training.models import tiny_gemma, tiny_qwen
from tests.training.test_policy import examples_of_groups
from training.adapter import adapt, trained_state
from training.config import LoraAdapter
from training.errors import InputError
from training.policy import Policy
from training.recomputation import recompute_layers
from training.reward_model import RewardModel
from training.sampling.grouped_query import has_known_structure


def adapted_qwen() -> PreTrainedModel:
    model = tiny_qwen()
    adapt(model, LoraAdapter(rank=4), seed=0)
    for weights in trained_state(model).values():
        weights.add_(0.05)
    return model


def gradients(model: PreTrainedModel, policy: Policy) -> list[torch.Tensor]:
    model.zero_grad()
    logprobs = policy.statistics(examples_of_groups(), 0.7).logprobs
    (torch.sin(torch.arange(len(logprobs))) * logprobs).sum().backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("make", [tiny_qwen, adapted_qwen, tiny_gemma], ids=lambda make: make.__name__)
def test_gradients_stay_the_same_to_the_last_bit(make: object, dtype: str) -> None:
    """Packed, with an adapter, and padded, where the attention is the model's own."""
    model = make()  # type: ignore[operator]
    policy = Policy(model, dtype)
    expected = gradients(model, policy)
    logprobs = policy.statistics(examples_of_groups()).logprobs
    recompute_layers(model)
    assert torch.equal(policy.statistics(examples_of_groups()).logprobs, logprobs)
    found = gradients(model, policy)
    assert policy.packed is (make is not tiny_gemma)
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("make", [tiny_qwen, adapted_qwen], ids=lambda make: make.__name__)
def test_a_forward_pass_keeps_the_inputs_of_its_layers_only(make: object) -> None:
    whole, recomputed = make(), make()  # type: ignore[operator]
    recompute_layers(recomputed)
    lengths = [(20, 76)] * 4
    tokens, hidden, layers = 20 + 75 * 4, 32, 2
    of_head = kept_bytes(Policy(_without_layers(tiny_qwen())), lengths)
    kept = kept_bytes(Policy(recomputed), lengths) - of_head
    assert kept <= (layers + 1) * tokens * hidden * 4
    assert kept < 0.2 * (kept_bytes(Policy(whole), lengths) - of_head)


def _without_layers(model: PreTrainedModel) -> PreTrainedModel:
    model.base_model.layers = model.base_model.layers[:0]
    model.config.num_hidden_layers = 0
    return model


def test_copies_samplers_and_reward_models_know_nothing_of_it() -> None:
    model = tiny_qwen()
    recompute_layers(model)
    assert has_known_structure(model)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = gradients(twin, Policy(twin))
    assert float(sum(gradient.abs().sum() for gradient in found)) > 0
    assert set(twin.state_dict()) == set(tiny_qwen().state_dict())
    reward_model = RewardModel.from_policy(twin)
    recompute_layers(reward_model.model)
    reward_model.rewards(examples_of_groups()).sum().backward()
    assert reward_model.packed


def test_a_model_without_layers_is_refused() -> None:
    model = _without_layers(tiny_qwen())
    with pytest.raises(InputError, match="no layers that could be run again"):
        recompute_layers(model)
