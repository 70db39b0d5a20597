"""DPO on the built-in model."""

import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tests.training.methods.parts import WatchedOptimiser, flat_gradient
from tests.training.methods.ranked import ranked_config, rows, written
from training.assembly import Parts, build_method
from training.assembly.preferences import REFERENCE_FILE
from training.config import RunConfig
from training.distributed import Processes
from training.methods.dpo import DpoTraining
from training.recorder import Recorder
from training.sources import load_model, load_problems


def build(stack: ExitStack, config: dict[str, Any], folder: Path, **changes: Any) -> tuple[Parts, DpoTraining]:
    torch.set_num_threads(1)
    checked = RunConfig.model_validate(config | changes)
    problems, model = load_problems(checked, folder), load_model(checked, torch.device("cpu"))
    parts = Parts.of(checked, problems, *model, Recorder(), Processes(), folder)
    optimiser = WatchedOptimiser(parts.model, checked.optimisation, checked.steps)
    parts = Parts(**{name: getattr(parts, name) for name in Parts.__slots__} | {"optimiser": optimiser})
    training = build_method(parts, stack)
    assert isinstance(training, DpoTraining)
    return parts, training


def logprob(parts: Parts, prompt: Any, response: Any) -> Tensor:
    """By one plain forward."""
    logits = parts.model(torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1).gather(-1, torch.tensor(response)[:, None]).sum()


def test_a_step_has_the_gradient_of_the_papers_loss(tmp_path: Path) -> None:
    config = ranked_config("dpo", tmp_path, beta=0.3)
    with ExitStack() as stack:
        parts, training = build(stack, config, tmp_path, optimisation={"micro_batch_tokens": 64})
        outcome = training.step(1)
        plain, again = build(stack, config, tmp_path)
    total = torch.zeros(())
    for item in again._stream.take(4):
        logprobs = [logprob(plain, example.prompt, example.response) for example in item.examples]
        references = again._references[item.number].tolist()
        assert [float(each.detach()) for each in logprobs] == pytest.approx(references, abs=1e-4)
        rewards = [0.3 * (one - reference) for one, reference in zip(logprobs, references, strict=True)]
        labels = []
        for row in item.rows:
            pairs = [(i, j) for i in range(3) for j in range(3) if row.ranks[i] < row.ranks[j]]
            labels.append(torch.stack([-logsigmoid(rewards[i] - rewards[j]) for i, j in pairs]).mean())
        total = total + torch.stack(labels).mean() / 4
    total.backward()
    assert outcome.metrics["optim/loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert outcome.metrics["preference/unlearned"] == pytest.approx(0.5, abs=1e-5)
    assert isinstance(parts.optimiser, WatchedOptimiser)
    expected = flat_gradient(list(plain.model.parameters()))
    assert float((parts.optimiser.gradients[0] - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.parametrize(
    "loss", [{}, {"loss": "ipo"}, {"loss": "hinge"}, {"loss": "conservative", "smoothing": 0.1}], ids=str
)
def test_implicit_rewards_come_to_order_pairs_as_people_do(tmp_path: Path, loss: dict[str, Any]) -> None:
    labels = [
        {"prompt": f"{a}+{b}=?", "responses": [f"{a + b}", f"{a + b} because it is so"], "ranks": [2, 1]}
        for a in range(2, 8) for b in range(2, 8)
    ]  # fmt: skip
    config = ranked_config("dpo", tmp_path, labels, **loss)
    with ExitStack() as stack:
        _, training = build(stack, config, tmp_path, optimisation={"learning_rate": 3e-4})
        for step in range(1, 11):
            training.step(step)
        after = training.evaluate()
    assert after is not None
    assert after.metrics["heldout/preference_accuracy"] == 1.0
    assert after.metrics["heldout/preference_chosen_reward"] > after.metrics["heldout/preference_rejected_reward"]
    assert after.score == -after.metrics["heldout/loss"]
    assert "heldout/pass_at_1" in after.metrics


def test_the_reference_is_asked_once_and_read_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ranked_config("dpo", tmp_path)
    with ExitStack() as stack:
        _, first = build(stack, config, tmp_path)
        assert (tmp_path / REFERENCE_FILE).is_file()
        with monkeypatch.context() as patch:
            patch.setattr("training.assembly.preferences.reference_logprobs", None)
            _, again = build(stack, config, tmp_path)
        assert all(torch.equal(*each) for each in zip(first._references, again._references, strict=True))
        written(tmp_path, rows(8))
        _, other = build(stack, config, tmp_path)
        assert len(other._references) < len(first._references)
