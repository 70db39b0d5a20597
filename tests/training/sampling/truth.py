"""What a sampling engine must agree with, computed the slow and plain way."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.sampling.types import SamplingParams


@torch.no_grad()
def processed_distribution(logits: Tensor, params: SamplingParams) -> Tensor:
    """Probabilities [V] in float64 that a token is drawn with, from the logits [V] of one position."""
    logits = logits.double()
    if params.temperature == 0:
        return torch.softmax(logits, -1)
    logits = logits / params.temperature
    order = sorted(range(len(logits)), key=lambda token: -float(logits[token]))
    if params.top_k:
        order = order[: params.top_k]
    among = torch.softmax(logits[order], -1)
    kept, mass = [], 0.0
    for token, probability in zip(order, among.tolist(), strict=True):
        kept.append(token)
        mass += probability
        if mass >= params.top_p:
            break
    probabilities = torch.zeros_like(logits)
    probabilities[kept] = torch.softmax(logits[kept], -1)
    return probabilities


@torch.no_grad()
def logprobs_and_entropies(
    model: PreTrainedModel, prompt: Sequence[int], completion: Sequence[int], params: SamplingParams
) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies [T] of a completion, from one forward pass over the whole sequence without a cache."""
    ids = torch.tensor([[*prompt, *completion]])
    logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1]
    rows = [processed_distribution(position, params) for position in logits]
    logprobs = torch.stack([row[token].log() for row, token in zip(rows, completion, strict=True)])
    entropies = torch.stack([torch.special.entr(row).sum() for row in rows])
    return logprobs, entropies


@torch.no_grad()
def greedy_by_generate(
    model: PreTrainedModel, prompt: Sequence[int], max_tokens: int, stop_ids: Sequence[int]
) -> list[int]:
    """What transformers' `generate` continues one prompt with, alone in its batch."""
    ids = torch.tensor([prompt])
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=max_tokens,
        eos_token_id=list(stop_ids) or None,
        pad_token_id=0,
    )
    continuation: list[int] = output[0, len(prompt) :].tolist()
    return continuation
