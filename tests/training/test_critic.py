"""The critic's values against a plain forward, and what it starts from."""

from pathlib import Path

import pytest
import torch

from tests.training.models import tiny_qwen
from tests.training.test_policy import examples_of_groups
from training.critic import Critic
from training.reward_model import RewardModel


def test_values_are_read_where_each_token_is_predicted() -> None:
    source = RewardModel.from_policy(tiny_qwen(), heads=3, seed=2)
    source.shift_to_zero(torch.tensor([[0.5, 1.0, 3.0]]))
    critic = Critic.from_reward_model(source)
    examples = examples_of_groups()
    expected = []
    for each in examples:
        ids = torch.tensor([[*each.prompt, *each.response]])
        states = source.model.base_model(input_ids=ids).last_hidden_state[0]
        heads = source.model.score(states) - torch.tensor([0.5, 1.0, 3.0])
        expected.append(heads.mean(dim=1)[len(each.prompt) - 1 : -1])
    assert critic.packed
    assert torch.allclose(critic.values(examples), torch.cat(expected), atol=1e-5)


def test_without_a_reward_model_it_expects_nothing_at_first() -> None:
    policy = tiny_qwen()
    critic = Critic.from_policy(policy)
    assert not critic.values(examples_of_groups()).any()
    body = next(iter(critic.module.base_model.parameters()))
    assert torch.equal(body, next(iter(policy.base_model.parameters())))
    with torch.no_grad():
        body.add_(1)
    assert not torch.equal(body, next(iter(policy.base_model.parameters())))


def test_a_critic_learns_though_its_reward_model_is_frozen(tmp_path: Path) -> None:
    source = RewardModel.from_policy(tiny_qwen())
    source.model.requires_grad_(False)
    critic = Critic.from_reward_model(source)
    critic.values(examples_of_groups()).sum().backward()
    assert all(parameter.grad is not None for parameter in critic.module.parameters())
    assert source.model.score.weight.grad is None


@pytest.mark.parametrize("start", ["policy", "reward_model"])
def test_stored_weights_give_the_same_values(start: str) -> None:
    examples = examples_of_groups()
    source = RewardModel.from_policy(tiny_qwen(), seed=1)
    critic = Critic.from_reward_model(source) if start == "reward_model" else Critic.from_policy(tiny_qwen())
    with torch.no_grad():
        critic.module.score.weight.add_(0.1)
    state = {name: value.clone() for name, value in critic.state_dict().items()}
    other = Critic.from_policy(tiny_qwen(seed=3))
    other.load_state_dict(state)
    assert torch.equal(other.values(examples), critic.values(examples))
