"""Log-probabilities and their gradients, packed and padded, against one plain forward a sequence."""

import random

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tests.training.models import VOCABULARY, tiny_gemma, tiny_qwen
from training import policy as policy_module
from training.batching import Example, micro_batches
from training.policy import Policy
from training.reference import CopiedReference


def examples_of_groups(groups: int = 3, siblings: int = 3, seed: int = 0) -> list[Example]:
    """Groups with a prompt in common; lengths vary, down to a single token."""
    rng = random.Random(seed)

    def ids(count: int) -> list[int]:
        return [rng.randrange(2, VOCABULARY) for _ in range(count)]

    prompts = [ids(rng.randint(1, 9)) for _ in range(groups)]
    return [Example(prompt, ids(rng.choice((1, 2, 5, 17)))) for prompt in prompts for _ in range(siblings)]


def plain_statistics(model: PreTrainedModel, examples: list[Example], temperature: float) -> tuple[Tensor, Tensor]:
    """The slow reference: every sequence by itself, all log-softmaxes kept."""
    logprobs, entropies = [], []
    for example in examples:
        ids = torch.tensor([[*example.prompt, *example.response]])
        logits = model(ids).logits[0, len(example.prompt) - 1 : -1].float() / temperature
        every = torch.log_softmax(logits, dim=-1)
        logprobs.append(every.gather(1, torch.tensor(example.response)[:, None])[:, 0])
        entropies.append(-(every.exp() * every).sum(-1))
    return torch.cat(logprobs), torch.cat(entropies)


def gradient(model: PreTrainedModel, value: Tensor) -> Tensor:
    grads = torch.autograd.grad(value, list(model.parameters()), allow_unused=True)
    return torch.cat([grad.flatten() for grad in grads if grad is not None])


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_no_sequence_sees_another_and_gradients_are_those_of_plain_forwards(packing: bool, temperature: float) -> None:
    model, examples = tiny_qwen(), examples_of_groups()
    policy = Policy(model, packing=packing)
    assert policy.packed is packing
    found = policy.statistics(examples, temperature)
    expected, entropies = plain_statistics(model, examples, temperature)
    assert torch.allclose(found.logprobs, expected, atol=2e-6)
    assert torch.allclose(found.entropies, entropies, atol=2e-6)
    weights = torch.sin(torch.arange(len(expected)))
    ours, plain = (gradient(model, (weights * logprobs).sum()) for logprobs in (found.logprobs, expected))
    assert float((ours - plain).norm() / plain.norm()) < 1e-6


@pytest.mark.parametrize("packing", [True, False])
def test_chunks_of_the_vocabulary_head_change_nothing(monkeypatch: pytest.MonkeyPatch, packing: bool) -> None:
    model, examples = tiny_qwen(), examples_of_groups()
    policy = Policy(model, packing=packing)
    whole = policy.statistics(examples)
    monkeypatch.setattr(policy_module, "CHUNK_ELEMENTS", 5 * VOCABULARY)
    monkeypatch.setattr(policy_module, "BLOCK_ELEMENTS", 2 * VOCABULARY)
    heads: list[int] = []
    model.lm_head.register_forward_hook(lambda _, __, logits: heads.append(logits.numel()))
    chunked = policy.statistics(examples)
    assert not heads  # else all logits were held at once
    assert torch.allclose(chunked.logprobs, whole.logprobs, atol=1e-6)
    assert torch.allclose(chunked.entropies, whole.entropies, atol=1e-6)
    assert torch.allclose(gradient(model, chunked.logprobs.sum()), gradient(model, whole.logprobs.sum()), atol=1e-5)


def test_chunks_of_the_head_sum_its_gradient_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 roundings to bfloat16, one on top of the other, made it wrong by three times as much."""
    torch.manual_seed(0)
    head = torch.nn.Linear(32, 500)
    states, targets = torch.randn(1024, 32), torch.randint(0, 500, (1024,))

    def gradients(rows: int, dtype: torch.dtype, frozen: bool = False) -> list[Tensor]:
        monkeypatch.setattr(policy_module, "CHUNK_ELEMENTS", 500 * rows)
        own = states.clone().requires_grad_()
        head.requires_grad_(not frozen)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logprobs = policy_module._chunked_statistics(own, head, targets, 0.7).logprobs
        return list(
            torch.autograd.grad((torch.sin(targets) * logprobs).sum(), [own, *([] if frozen else head.parameters())])
        )

    exact, whole, chunked = (gradients(*how) for how in (
        (1024, torch.float32), (1024, torch.bfloat16), (4, torch.bfloat16)
    ))  # fmt: skip
    off = [[float((a - b).norm() / b.norm()) for a, b in zip(each, exact, strict=True)] for each in (whole, chunked)]
    assert all(0 < of_chunks < 1.2 * of_whole for of_whole, of_chunks in zip(*off, strict=True)), off
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(gradients(4, torch.float32), exact, strict=True))
    assert torch.equal(gradients(4, torch.float32, frozen=True)[0], gradients(4, torch.float32)[0])


@pytest.mark.parametrize("capped", [True, False])
def test_a_model_that_packing_would_falsify_runs_padded(capped: bool) -> None:
    """By its own forward where logits are capped behind the head; else with the head apart."""
    model, examples = tiny_gemma(), examples_of_groups()
    model.config.final_logit_softcapping = 2.0 if capped else None
    policy = Policy(model)
    heads: list[int] = []
    model.lm_head.register_forward_hook(lambda _, inputs, __: heads.append(inputs[0].numel()))
    policy.statistics(examples)
    drawn = sum(len(example.response) for example in examples)
    assert (heads == [drawn * model.config.hidden_size]) is not capped
    assert not policy.packed
    found = policy.statistics(examples)
    expected, _ = plain_statistics(model, examples, 1.0)
    assert torch.allclose(found.logprobs, expected, atol=2e-6)


def test_the_module_keeps_its_own_attention_for_others() -> None:
    model = tiny_qwen()
    before = model.config._attn_implementation
    Policy(model).statistics(examples_of_groups())
    assert model.config._attn_implementation == before


def test_an_impossible_token_does_not_poison_the_entropy() -> None:
    logits = torch.tensor([[0.0, 1.0, -torch.inf]], requires_grad=True)
    logprobs, entropies = policy_module._logprobs_and_entropies(logits, torch.tensor([1]))
    logprobs.sum().backward()
    p = torch.softmax(torch.tensor([0.0, 1.0]), 0)
    assert float(entropies) == pytest.approx(float(-(p * p.log()).sum()), abs=1e-6)
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-float(p[0]), float(p[0]), 0.0], abs=1e-6)


def test_bfloat16_forwards_keep_float32_gradients() -> None:
    model, examples = tiny_qwen(), examples_of_groups()
    exact = Policy(model).statistics(examples).logprobs.detach()
    rough = Policy(model, dtype="bfloat16").statistics(examples).logprobs
    assert rough.dtype == torch.float32
    assert float((rough.detach() - exact).abs().max()) < 0.25
    rough.sum().backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in model.parameters())


def test_entropies_are_summed_in_float32_whatever_the_passes_compute_in() -> None:
    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(20, 3000), torch.arange(20)
    logprobs, entropies = policy_module._logprobs_and_entropies(logits, targets)
    with torch.autocast("cpu", torch.bfloat16):
        again = policy_module._logprobs_and_entropies(logits, targets)
    assert torch.equal(again[0], logprobs)
    assert torch.equal(again[1], entropies)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_all_layers_keep_one_attention_mask_for_the_way_back(dtype: str) -> None:
    policy = Policy(tiny_qwen(), dtype)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)  # held, so that no other is put at its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        policy.statistics([Example(range(2, 5), range(5, 9)), Example(range(2, 5), range(6, 10))])
    masks = [tensor for tensor in kept if tensor.shape == (2, 1, 3, 6)]
    assert len(masks) >= policy.model.config.num_hidden_layers >= 2
    assert len({mask.data_ptr() for mask in masks}) == 1


def test_a_reference_stays_until_it_is_refreshed() -> None:
    model, examples = tiny_qwen(), examples_of_groups()
    policy = Policy(model)
    reference = CopiedReference(policy)
    before = policy.statistics(examples).logprobs.detach()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    assert torch.equal(reference.logprobs(examples, 1.0), before)
    reference.refresh()
    assert torch.equal(reference.logprobs(examples, 1.0), policy.statistics(examples).logprobs)


@pytest.mark.parametrize("packing", [True, False])
def test_micro_batches_change_only_rounding(packing: bool) -> None:
    model, examples = tiny_qwen(), examples_of_groups(groups=6)
    policy = Policy(model, packing=packing)
    whole = policy.statistics(examples).logprobs.detach()
    ends = torch.tensor([len(example.response) for example in examples]).cumsum(0).tolist()
    of_example = [whole[end - len(example.response) : end] for example, end in zip(examples, ends, strict=True)]
    for budget in (1, 40, 10_000):
        for places in micro_batches(examples, budget, padded=not packing):
            part = policy.statistics([examples[place] for place in places]).logprobs
            assert torch.allclose(part, torch.cat([of_example[place] for place in places]), atol=2e-6)
