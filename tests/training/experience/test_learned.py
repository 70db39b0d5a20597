"""Learned rewards in training: how they are scored, mixed with the others, compared with the reference's, refused."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.methods.parts import build, reward_model_folder
from training.batching import Example
from training.errors import InputError
from training.experience.types import Rollout
from training.reward_model import RewardModel
from training.sources import MODEL_DIRS

CPU = torch.device("cpu")
SAMPLING = {"prompts_per_step": 3, "samples_per_prompt": 4, "max_tokens": 24}


@pytest.fixture(scope="module")
def three_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reward_model_folder(tmp_path_factory.mktemp("reward") / "model", heads=3)


def learned(folder: Path, **knobs: Any) -> dict[str, Any]:
    return {"model": {"kind": "local", "path": str(folder)}} | knobs


def method(folder: Path, kind: str = "grpo", **reward: Any) -> dict[str, Any]:
    reward = {"learned": learned(folder)} | reward
    return {"kind": kind, "sampling": SAMPLING, "reward": reward}


def plain(folder: Path, prompt: list[int], rollout: Rollout) -> list[float]:
    """Each head's reward, the response run by itself."""
    with torch.no_grad():
        rewards: list[float] = RewardModel.load(folder, CPU).rewards([Example(prompt, rollout.token_ids)])[0].tolist()
    return rewards


def test_rewards_are_the_reward_models_and_are_mixed_by_weight(three_heads: Path) -> None:
    """Small passes, so that siblings are split; the accuracy is not paid for, and told all the same."""
    config = method(three_heads, accuracy=0.0, missing_end=0.25, learned=learned(three_heads, weight=2.0, heads="min"))
    with ExitStack() as stack:
        _, training = build(stack, method=config, optimisation={"micro_batch_tokens": 80})
        outcome = training.step(1)
    rollouts = [rollout for group in outcome.groups for rollout in group.rollouts]
    for group in outcome.groups:
        for rollout in group.rollouts:
            heads = plain(three_heads, group.prompt_ids, rollout)
            assert rollout.learned_heads == pytest.approx(heads, abs=1e-5)
            assert rollout.parts["learned"] == pytest.approx(min(heads), abs=1e-5)
            charge = 0.25 if rollout.finish_reason == "length" else 0.0
            assert rollout.reward == pytest.approx(2 * min(heads) - charge, abs=1e-5)
    assert any(rollout.truncated for rollout in rollouts)
    figures, rewards = outcome.metrics, [rollout.parts["learned"] for rollout in rollouts]
    heads_of_all = np.array([rollout.learned_heads for rollout in rollouts])
    assert figures["reward/learned"] == pytest.approx(np.mean(rewards))
    assert figures["reward/learned_spread"] == pytest.approx(heads_of_all.std(axis=1).mean(), rel=1e-5)
    lengths = [len(rollout) for rollout in rollouts]
    assert figures["reward/learned_length"] == pytest.approx(np.corrcoef(rewards, lengths)[0, 1])
    assert figures["reward/accuracy"] == np.mean([rollout.correct is True for rollout in rollouts])
    assert figures["reward/missing_end"] == -np.mean([rollout.truncated for rollout in rollouts])
    assert figures["kl/sequence"] == pytest.approx(0, abs=1e-4)  # the policy has not moved yet


def test_the_kl_of_a_response_sums_over_its_tokens(three_heads: Path) -> None:
    with ExitStack() as stack:
        _, training = build(stack, method=method(three_heads), optimisation={"learning_rate": 1e-3})
        training.step(1)
        outcome = training.step(2)
    sums = [
        float((rollout.logprobs - rollout.reference_logprobs).sum())
        for group in outcome.groups
        for rollout in group.rollouts
        if rollout.logprobs is not None and rollout.reference_logprobs is not None
    ]
    assert len(sums) == 12
    assert outcome.metrics["kl/sequence"] == pytest.approx(np.mean(sums), abs=1e-4)
    assert abs(np.mean(sums)) > 0.01


def test_held_out_answers_are_scored_beside_their_accuracy(three_heads: Path) -> None:
    with ExitStack() as stack:
        _, training = build(stack, method=method(three_heads))
        outcome = training.evaluate()
    assert outcome is not None
    sampled = [rollout for group in outcome.groups for rollout in group.rollouts if not rollout.greedy]
    assert outcome.metrics["heldout/learned"] == pytest.approx(np.mean([r.parts["learned"] for r in sampled]))
    assert outcome.score == outcome.metrics["heldout/pass_at_1"]


def test_rewards_are_compared_with_what_the_reference_answers(three_heads: Path) -> None:
    """The reference is the policy at the start, so that half of the responses should beat it; and once is enough."""
    knobs = learned(three_heads, transform="sigmoid_of_difference", reference_samples=3)
    with ExitStack() as stack:
        _, training = build(stack, method=method(three_heads, learned=knobs), problems=FEW_PROBLEMS)
        first = training.step(1)
        known = training.state_dict()["scorer"]
        training.step(2)
        assert training.state_dict()["scorer"] == known, "all problems were known, and were asked again"
    assert len(known) == 3
    for group in first.groups:
        anchors = set()
        for rollout in group.rollouts:
            raw = float(np.mean(plain(three_heads, group.prompt_ids, rollout)))
            share = rollout.parts["learned"]
            assert 0 < share < 1
            anchors.add(round(raw - np.log(share / (1 - share)), 3))
        assert len(anchors) == 1, "siblings were compared with different references"
        assert anchors <= {round(value, 3) for value in known.values()}


def test_a_refreshed_reference_is_asked_again(three_heads: Path) -> None:
    knobs = learned(three_heads, transform="sigmoid_of_difference")
    config = method(three_heads, learned=knobs) | {"loss": {"kl_coefficient": 0.05, "reference_refresh_steps": 2}}
    with ExitStack() as stack:
        _, training = build(stack, method=config, problems=FEW_PROBLEMS)
        training.step(1)
        assert len(training.state_dict()["scorer"]) == 3
        training.step(2)
        assert not training.state_dict()["scorer"], "what the reference of before answered is still compared with"


FEW_PROBLEMS = {"kind": "builtin", "level": "easy", "train_count": 3, "heldout_count": 4}


def test_a_search_scores_its_recorded_ends_and_credits_them(three_heads: Path) -> None:
    config = {
        "kind": "deepsearch",
        "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 48},
        "search": {"width": 3, "max_depth": 6},
        "credit": {"uniform_trees": "keep", "kind": "outcome"},
        "reward": {"learned": learned(three_heads)},
    }
    with ExitStack() as stack:
        _, training = build(stack, method=config)
        outcome = training.step(1)
    searched = [group for group in outcome.groups if group.search is not None and len(group.rollouts) > 1]
    assert searched
    for group in searched:
        assert group.search is not None
        ends = [recorded.reward for recorded in group.search.recorded]
        worth = [end + r.parts["learned"] for end, r in zip(ends, group.rollouts, strict=True)]
        found = [rollout.advantage for rollout in group.rollouts]
        assert found == pytest.approx(np.array(worth) - np.mean(worth), abs=1e-4)


def test_a_policy_is_no_reward_model() -> None:
    with ExitStack() as stack, pytest.raises(InputError, match="is no reward model"):
        build(stack, method=method(MODEL_DIRS["arithmetic"]))


def test_a_reward_model_of_other_tokens_is_refused(three_heads: Path, tmp_path: Path) -> None:
    for file in three_heads.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "tokenizer.json"
    stored = json.loads(path.read_text())
    vocabulary = stored["model"]["vocab"]
    one, other = sorted(vocabulary)[-2:]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    path.write_text(json.dumps(stored))
    with ExitStack() as stack, pytest.raises(InputError, match="reads other tokens than the policy writes"):
        build(stack, method=method(tmp_path))


def test_a_folder_without_a_tokenizer_or_without_a_model_is_refused(three_heads: Path, tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(InputError, match=r"no config\.json"):
        build(stack, method=method(tmp_path))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((three_heads / name).read_bytes())
    with ExitStack() as stack, pytest.raises(InputError, match="has no tokenizer"):
        build(stack, method=method(tmp_path))
