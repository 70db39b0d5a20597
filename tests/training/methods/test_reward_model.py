"""Training of a reward model on the built-in model's body."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoModelForSequenceClassification

from tests.training.methods.parts import WatchedOptimiser, flat_gradient
from tests.training.methods.ranked import ranked_config, reward_training, rows
from training.assembly import RewardParts
from training.events import RankingsLoaded, RankingsScored
from training.methods.ranked_items import RankedItem
from training.reward_model import RewardModel

CPU = torch.device("cpu")


def first_gradient(parts: RewardParts) -> Tensor:
    assert isinstance(parts.optimiser, WatchedOptimiser)
    return parts.optimiser.gradients[0]


def plain_loss(parts: RewardParts, items: list[RankedItem], centering: float) -> Tensor:
    """One forward a response, and the loss written out: mean over prompts of the mean over labels and pairs."""
    total = torch.zeros(())
    for item in items:
        rewards = [parts.model(torch.tensor([[*e.prompt, *e.response]])).logits[0, 0] for e in item.examples]
        labels = []
        for row in item.rows:
            pairs = [(i, j) for i in range(len(rewards)) for j in range(len(rewards)) if row.ranks[i] < row.ranks[j]]
            losses = [
                -logsigmoid(rewards[i] - rewards[j]) + centering * (rewards[i] + rewards[j]) ** 2 for i, j in pairs
            ]
            labels.append(torch.stack(losses).mean())
        total = total + torch.stack(labels).mean()
    return total / len(items)


@pytest.mark.parametrize("centering", [0.0, 0.5])
def test_a_step_has_the_gradient_of_the_loss_written_out(tmp_path: Path, centering: float) -> None:
    config = ranked_config("reward_model", tmp_path, centering=centering)
    parts, training, _ = reward_training(config, tmp_path, optimisation={"micro_batch_tokens": 64})
    outcome = training.step(1)
    plain, again, _ = reward_training(config, tmp_path)
    items = again._stream.take(4)
    assert any(len(item.rows) > 1 for item in again._train.items)
    loss = plain_loss(plain, items, centering)
    loss.backward()
    assert outcome.metrics["optim/loss"] == pytest.approx(float(loss.detach()), abs=1e-5)
    expected = flat_gradient(list(plain.model.parameters()))
    assert float((first_gradient(parts) - expected).norm() / expected.norm()) < 1e-4


def test_what_shares_a_pass_never_changes_the_result(tmp_path: Path) -> None:
    config = ranked_config("reward_model", tmp_path, heads=2, ties="davidson", heldout_share=0)
    gradients, metrics = [], []
    for tokens in (64, 100_000):
        parts, training, _ = reward_training(config, tmp_path, optimisation={"micro_batch_tokens": tokens})
        metrics.append(training.step(1).metrics)
        gradients.append(first_gradient(parts))
    assert float((gradients[0] - gradients[1]).norm() / gradients[1].norm()) < 1e-5
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-5)
    assert metrics[0]["preference/head_spread"] > 0


def test_a_simple_preference_is_learned_in_seconds_and_held_out_prompts_are_predicted(tmp_path: Path) -> None:
    """Whoever ranked these likes short answers."""
    labels = [
        {"prompt": f"{a}+{b}=?", "responses": [f"{a + b}", f"{a + b} because it is so"], "ranks": [1, 2]}
        for a in range(2, 8) for b in range(2, 8)
    ]  # fmt: skip
    config = ranked_config("reward_model", tmp_path, labels)
    _, training, _ = reward_training(config, tmp_path, optimisation={"learning_rate": 1e-3})
    before = training.evaluate()
    for step in range(1, 13):
        training.step(step)
    after = training.evaluate()
    assert before is not None
    assert after is not None
    assert after.metrics["heldout/preference_accuracy"] == 1.0 == after.score
    assert after.metrics["heldout/loss"] < min(0.3, before.metrics["heldout/loss"])


@pytest.mark.parametrize("shift", ["solutions", "chosen", "responses"])
def test_a_saved_model_gives_its_reference_0_on_average_and_the_trained_one_stays(tmp_path: Path, shift: str) -> None:
    config = ranked_config("reward_model", tmp_path, shift=shift, heads=2)
    parts, training, _ = reward_training(config, tmp_path)
    training.step(1)
    references = list(training._references)
    before = parts.reward_model.rewards(references)
    assert float(before.detach().mean(0).abs().min()) > 1e-3
    training.save_model(tmp_path / "saved")
    assert torch.equal(parts.reward_model.rewards(references), before)
    stored = RewardModel.load(tmp_path / "saved", CPU)
    rewards = stored.rewards(references)
    assert rewards.detach().mean(0).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert torch.allclose(rewards - rewards[0], before - before[0], atol=1e-5)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    one = references[0]
    logits = plain(torch.tensor([[*one.prompt, *one.response]])).logits[0] - torch.tensor(plain.config.reward_shift)
    assert torch.allclose(logits, rewards[0], atol=1e-5)


def test_without_a_shift_rewards_are_stored_as_they_come(tmp_path: Path) -> None:
    _, training, _ = reward_training(ranked_config("reward_model", tmp_path, shift="none"), tmp_path)
    training.save_model(tmp_path / "saved")
    assert RewardModel.load(tmp_path / "saved", CPU).shift.tolist() == [0.0]


def test_what_is_left_out_is_counted_and_said(tmp_path: Path) -> None:
    labels = [*rows(), rows(1)[0] | {"prompt": "long", "responses": ["a", "b " * 300, "c"]}]
    labels += [rows(1)[0] | {"prompt": "all the same", "ranks": [1, 1, 1]}]
    _, training, said = reward_training(ranked_config("reward_model", tmp_path, labels, heldout_share=0), tmp_path)
    (told,) = [event for event in said.events if isinstance(event, RankingsLoaded)]
    assert (told.labels, told.train_items, told.too_long, told.undecided) == (18, 12, 1, 1)
    metrics = training.step(1).metrics
    assert (metrics["data/too_long"], metrics["data/undecided"]) == (1, 1)
    assert training.evaluate() is None
    halves, _, said = reward_training(ranked_config("reward_model", tmp_path, labels, ties="half"), tmp_path)
    (told,) = [event for event in said.events if isinstance(event, RankingsLoaded)]
    assert told.undecided == 0
    assert halves.config.steps == 6


def test_an_evaluation_tells_where_it_errs_and_the_last_one_scores_every_item(tmp_path: Path) -> None:
    config = ranked_config("reward_model", tmp_path, rows(40), heads=2, ties="half")
    parts, training, _ = reward_training(config, tmp_path)
    told = report(training)
    heldout, everything = len(training._heldout.items), len(training._heldout.items) + len(training._train.items)
    assert 0 < told.right < told.pairs
    assert told.ties > 0
    for bins in (told.annotators, told.lengths, told.calibration):
        assert sum(each.pairs for each in bins) == told.pairs
        assert sum(each.right for each in bins) == told.right
    assert {each.annotator for each in told.annotators} == {"a0", "a1", "b"}
    assert told.agreement is not None
    assert 0 < told.agreement.right < told.agreement.pairs
    assert len(told.wrong) == min(told.pairs - told.right, 50)
    assert [each.difference for each in told.wrong] == sorted(each.difference for each in told.wrong)
    assert len(told.items) == heldout
    assert all(each.heldout and len(each.rewards) == len(each.spreads) == 3 for each in told.items)
    parts.recorder.step = parts.config.steps
    last = report(training)
    assert sorted(each.item for each in last.items) == list(range(1, everything + 1))


def report(training: Any) -> RankingsScored:
    outcome = training.evaluate()
    (told,) = outcome.events
    assert isinstance(told, RankingsScored)
    return told


def test_confidence_of_a_prediction_is_that_of_its_model_of_ties(tmp_path: Path) -> None:
    """At equal rewards every model gives a decided pair even chances, ties or not."""
    for ties in ("drop", "rao_kupper", "davidson"):
        config = ranked_config("reward_model", tmp_path, rows(40), ties=ties)
        parts, training, _ = reward_training(config, tmp_path)
        with torch.no_grad():
            parts.model.score.weight.zero_()
        told = report(training)
        assert told.right == 0, "equal rewards predict nothing"
        assert told.calibration[0].confidence == pytest.approx(0.5)
        assert told.calibration[0].pairs == told.pairs
        if ties == "drop":
            assert told.loss == pytest.approx(math.log(2))
