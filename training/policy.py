"""The policy: a causal language model as the trainer sees it, log-probabilities of given responses with gradients."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from training.batching import Example, Packed, pack, pad
from training.frames import has_weights
from training.learner import Learner
from training.packed_attention import ATTENTION, attention_of
from training.quantised import is_quantised

CHUNK_ELEMENTS = 2**25
"""Most logits that are held at once (128 MB as float32); more tokens are taken in chunks, recomputed going backward."""

BLOCK_ELEMENTS = 2**18
"""Logits worked on at once, as many as stay in a processor's cache (1 MB as float32)."""

PROBE_TOLERANCE = 1e-4
"""Largest difference of a log-probability between the packed and the model's own forward that passes for rounding."""

ROUGH_TOLERANCE = 0.05
"""The same where layers compute in bfloat16; tokens that see the wrong ones differ by far more."""


class TokenStatistics(NamedTuple):
    """Of the N response tokens of some examples, in their order. Both float32 [N]; only `logprobs` has a gradient."""

    logprobs: Tensor
    entropies: Tensor


Compute = Callable[[PreTrainedModel, Sequence[Example], torch.device, float], TokenStatistics]
"""A way to evaluate examples on a device, at a temperature."""


class Policy(Learner):
    """Evaluates responses under a model, packed where the model allows it.

    Whether packing, and taking the head apart from the body, gives the model's own results is found out by trying on
    a few tokens, so there is no list of architectures to keep. What does not run packed runs padded, and what cannot be
    taken apart by the model's own forward, which holds all logits at once.
    """

    def __init__(self, model: PreTrainedModel, dtype: str = "float32", packing: bool = True) -> None:
        self.model = model.eval()  # no dropout: the ratio of new to old policy must be 1 before the first update
        self.device: torch.device = model.device
        self._dtype = getattr(torch, dtype)
        self.packed = packing and self._agrees(_packed_statistics)
        self._apart = self.packed or self._agrees(_padded_statistics)

    def statistics(self, examples: Sequence[Example], temperature: float = 1.0) -> TokenStatistics:
        """Log-probabilities and entropies of the response tokens at `temperature`."""

        def of(model: PreTrainedModel) -> TokenStatistics:
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
                compute = _packed_statistics if self.packed else _padded_statistics if self._apart else _own_statistics
                return compute(model, examples, self.device, temperature)

        return self._in_pass(of)

    def take_part(self) -> None:
        """See `Learner`."""
        logprobs = self.statistics(probe_examples(self.model)).logprobs
        logprobs.backward(torch.zeros_like(logprobs))  # type: ignore[no-untyped-call]

    def frozen_copy(self) -> "Policy":
        """A policy of the same weights that never changes by itself."""
        frozen = copy.copy(self)
        if self.shards is not None:
            frozen.shards = self.shards.frozen_copy()
            frozen.model = frozen.shards.whole
        else:
            frozen.model = copy.deepcopy(self.model).requires_grad_(False)
        return frozen

    @torch.no_grad()
    def _agrees(self, compute: Compute) -> bool:
        """Whether this gives what the model's own forward does on a few tokens. Of a frame it cannot be known."""
        if not has_weights(self.model):
            return False
        probe = probe_examples(self.model)
        try:
            found = compute(self.model, probe, self.device, 1.0).logprobs
        except (NotImplementedError, TypeError, AttributeError, ValueError):
            return False
        expected = _own_statistics(self.model, probe, self.device, 1.0).logprobs
        tolerance = ROUGH_TOLERANCE if is_quantised(self.model) else PROBE_TOLERANCE
        return bool((found - expected).abs().max() < tolerance)


def _packed_statistics(
    model: PreTrainedModel, examples: Sequence[Example], device: torch.device, temperature: float
) -> TokenStatistics:
    packed = pack(examples, device)
    states = packed_states(model, packed)
    return _chunked_statistics(states, model.get_output_embeddings(), packed.targets, temperature)


def _padded_statistics(
    model: PreTrainedModel, examples: Sequence[Example], device: torch.device, temperature: float
) -> TokenStatistics:
    padded = pad(examples, device)
    body = model.base_model(input_ids=padded.token_ids, attention_mask=padded.mask, use_cache=False)
    states = body.last_hidden_state.flatten(0, 1).index_select(0, padded.predictors)
    return _chunked_statistics(states, model.get_output_embeddings(), padded.targets, temperature)


def _own_statistics(
    model: PreTrainedModel, examples: Sequence[Example], device: torch.device, temperature: float
) -> TokenStatistics:
    padded = pad(examples, device)
    output = model(input_ids=padded.token_ids, attention_mask=padded.mask, use_cache=False)
    logits = output.logits.flatten(0, 1).index_select(0, padded.predictors)
    return TokenStatistics(*_logprobs_and_entropies(_scaled(logits, temperature), padded.targets))


def packed_states(model: PreTrainedModel, packed: Packed) -> Tensor:
    """The states [N, hidden] of the model's body from which the N response tokens are predicted."""
    with attention_of(model, ATTENTION):
        body = model.base_model(
            input_ids=packed.token_ids,
            position_ids=packed.positions,
            attention_mask=None,
            use_cache=False,
            layout=packed.layout,
        )
    states: Tensor = body.last_hidden_state[0]
    return states.index_select(0, packed.predictors)


def probe_examples(model: PreTrainedModel) -> list[Example]:
    """A few tokens to find out by whether a model runs packed."""
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = [(7 * i + 3) % vocabulary for i in range(12)]
    return [Example(ids[:4], ids[4:9]), Example(ids[:4], ids[9:]), Example(ids[5:7], ids[:3])]


def _chunked_statistics(states: Tensor, head: nn.Module, targets: Tensor, temperature: float) -> TokenStatistics:
    """Statistics of the tokens that `states` [N, H] predict, without ever holding all [N, V] logits."""
    if not isinstance(head, nn.Linear):
        raise NotImplementedError("only linear heads are taken apart from their body")
    rows = max(CHUNK_ELEMENTS // head.out_features, 1)
    if len(targets) <= rows:
        return TokenStatistics(*_logprobs_and_entropies(_scaled(head(states), temperature), targets))
    found = _ChunkedHead.apply(states, head.weight, head.bias, targets, temperature, rows)  # type: ignore[no-untyped-call]
    return TokenStatistics(*found)


class _ChunkedHead(torch.autograd.Function):
    """What `_logprobs_and_entropies` makes of a linear head's logits, some rows at a time, run again going backward.

    The head's gradient is summed over the chunks in float32, whatever they compute in.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, temperature: float, rows: int
    ) -> tuple[Tensor, Tensor]:
        kind = states.device.type
        ctx.dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        ctx.temperature, ctx.rows = temperature, rows
        ctx.save_for_backward(states, weight, bias, targets)
        own, own_bias = weight.to(ctx.dtype), None if bias is None else bias.to(ctx.dtype)
        with torch.autocast(kind, enabled=False):
            parts = [
                _head_statistics(some.to(ctx.dtype), own, own_bias, wanted, temperature)
                for some, wanted in zip(torch.split(states, rows), torch.split(targets, rows), strict=True)
            ]
        logprobs, entropies = (torch.cat(each) for each in zip(*parts, strict=True))
        ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        states, weight, bias, targets = ctx.saved_tensors
        own, own_bias = (
            None if each is None else each.detach().to(ctx.dtype).requires_grad_(learns)
            for each, learns in zip((weight, bias), ctx.needs_input_grad[1:3], strict=True)
        )
        learning = [each for each in (own, own_bias) if each is not None and each.requires_grad]
        sums = [torch.zeros_like(each, dtype=torch.float32) for each in learning]
        of_states = torch.empty_like(states)
        chunks = (torch.split(each, ctx.rows) for each in (states, of_states, targets, gradients[0]))
        for some, of_some, wanted, given in zip(*chunks, strict=True):
            with torch.enable_grad():
                inputs = some.detach().to(ctx.dtype).requires_grad_()
                logprobs, _ = _head_statistics(inputs, own, own_bias, wanted, ctx.temperature)
            of_inputs, *found = torch.autograd.grad(logprobs, [inputs, *learning], given)
            of_some.copy_(of_inputs)
            for total, more in zip(sums, found, strict=True):
                total.add_(more)
        of_head = iter(sums)
        return of_states, *(next(of_head) if learns else None for learns in ctx.needs_input_grad[1:3]), None, None, None


def _head_statistics(
    states: Tensor, weight: Any, bias: Tensor | None, targets: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    return _logprobs_and_entropies(_scaled(F.linear(states, weight, bias), temperature), targets)


def _scaled(logits: Tensor, temperature: float) -> Tensor:
    """Float32 logits over the temperature, in memory of their own."""
    return logits.to(torch.float32) / temperature if temperature != 1 else logits.to(torch.float32)


def _logprobs_and_entropies(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast(logits.device.type, enabled=False):  # it would sum the entropy in bfloat16
        logprobs, entropies = _LogprobsAndEntropies.apply(logits, targets)  # type: ignore[no-untyped-call]
    return logprobs, entropies


class _LogprobsAndEntropies(torch.autograd.Function):
    """log softmax(logits) at the targets, and the entropy; keeps one [N, V] array for the way back, no more."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = torch.empty_like(logits)
        normalisers, entropies = logits.new_empty(len(logits)), logits.new_empty(len(logits))
        rows = len(logits) if logits.is_cuda else max(BLOCK_ELEMENTS // logits.shape[1], 1)
        blocks = (torch.split(each, rows) for each in (logits, probabilities, normalisers, entropies))
        for block, p, normaliser, entropy in zip(*blocks, strict=True):
            torch.logsumexp(block, dim=-1, out=normaliser)
            torch.sub(block, normaliser[:, None], out=p).exp_()
            # A probability of 0 times a logit of -inf must count as 0, not as NaN.
            expected = torch.linalg.vecdot(p, block.clamp(min=torch.finfo(block.dtype).min))
            torch.sub(normaliser, expected, out=entropy)
        ctx.save_for_backward(probabilities, targets)
        ctx.mark_non_differentiable(entropies)
        return logits.gather(-1, targets[:, None])[:, 0] - normalisers, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        probabilities, targets = ctx.saved_tensors
        gradient = probabilities * -gradients[0][:, None]
        gradient.scatter_add_(-1, targets[:, None], gradients[0][:, None])
        return gradient, None
