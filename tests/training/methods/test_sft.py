"""Fine-tuning steps on the built-in model."""

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from tests.training.methods.parts import WatchedOptimiser, build, flat_gradient
from training.methods.sft import SftTraining


def sft(**options: Any) -> dict[str, Any]:
    return {"kind": "sft", "sequences_per_step": 8, "max_length": 256} | options


@pytest.mark.parametrize("packing", [True, False])
def test_a_step_has_the_gradient_of_the_response_tokens_alone(packing: bool) -> None:
    """Against one plain forward a sequence, and cross-entropy over everything behind the prompt."""
    with ExitStack() as stack:
        parts, method = build(stack, method=sft(packing=packing), optimisation={"micro_batch_tokens": 128})
        assert isinstance(method, SftTraining)
        outcome = method.step(1)
        assert isinstance(parts.optimiser, WatchedOptimiser)
        plain, _ = build(stack, method=sft())
        method._stream.drawn = 0
        examples = method._stream.take(8)
    total = torch.zeros(())
    for example in examples:
        ids = torch.tensor([[*example.prompt, *example.response]])
        labels = torch.tensor([[-100] * len(example.prompt) + list(example.response)])
        logits = plain.policy.model(ids).logits[:, :-1].float()
        total = total + F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
    loss = total / sum(len(example.response) for example in examples)
    loss.backward()
    expected = flat_gradient(list(plain.policy.model.parameters()))
    assert parts.policy.packed is packing
    assert outcome.metrics["optim/loss"] == pytest.approx(float(loss.detach()), abs=1e-5)
    gradient = parts.optimiser.gradients[0]
    assert float((gradient - expected).norm() / expected.norm()) < 1e-5


def test_of_several_turns_the_models_tokens_alone_are_learned() -> None:
    """Against one plain forward a sequence, and cross-entropy over the tokens that the mask leaves."""
    tools = {"method": sft(max_length=512), "problems": {"kind": "builtin", "level": "tools", "train_count": 24}}
    with ExitStack() as stack:
        parts, method = build(stack, prompt={"tools": "template"}, **tools)
        assert isinstance(method, SftTraining)
        outcome = method.step(1)
        assert isinstance(parts.optimiser, WatchedOptimiser)
        plain, _ = build(stack, prompt={"tools": "template"}, **tools)
        method._stream.drawn = 0
        examples = method._stream.take(8)
    masks = [example.mask for example in examples if example.mask is not None]
    assert masks
    assert all(0 < mask.sum() < len(mask) for mask in masks)
    total = torch.zeros(())
    for example in examples:
        ids = torch.tensor([[*example.prompt, *example.response]])
        learned = [True] * len(example.response) if example.mask is None else example.mask.tolist()
        response = [token if on else -100 for token, on in zip(example.response, learned, strict=True)]
        labels = torch.tensor([[-100] * len(example.prompt) + response])
        logits = plain.policy.model(ids).logits[:, :-1].float()
        total = total + F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
    loss = total / sum(example.predicted for example in examples)
    loss.backward()
    expected = flat_gradient(list(plain.policy.model.parameters()))
    assert outcome.metrics["optim/loss"] == pytest.approx(float(loss.detach()), abs=1e-5)
    assert outcome.metrics["tokens/step"] == sum(example.predicted for example in examples)
    assert float((parts.optimiser.gradients[0] - expected).norm() / expected.norm()) < 1e-5


def test_solutions_that_are_too_long_are_left_out_and_counted() -> None:
    with ExitStack() as stack:
        _, method = build(stack, method=sft(max_length=40))
        assert isinstance(method, SftTraining)
        lengths = [len(example) for example in method._solutions.examples]
        outcome = method.step(1)
    assert max(lengths) <= 40
    assert outcome.metrics["data/too_long"] == 64 - len(lengths) > 0


def test_a_solution_ends_with_the_stop_token() -> None:
    with ExitStack() as stack:
        parts, method = build(stack, method=sft())
        assert isinstance(method, SftTraining)
        assert {example.response[-1] for example in method._solutions.examples} == {parts.codec.stop_ids[0]}


def test_held_out_loss_falls_and_is_the_score() -> None:
    with ExitStack() as stack:
        _, method = build(stack, method=sft(), optimisation={"learning_rate": 3e-4})
        before = method.evaluate()
        for step in range(1, 9):
            method.step(step)
        after = method.evaluate()
    assert before is not None
    assert after is not None
    assert after.metrics["heldout/loss"] < before.metrics["heldout/loss"]
    assert after.score == -after.metrics["heldout/loss"]
    assert "heldout/pass_at_1" in after.metrics
