"""The language every sampling engine speaks: what to sample, what comes back, and the `Engine` protocol itself.

Everything is token ids; text belongs to whoever holds the tokenizer.

**Which distribution is reported.** `Completion.logprobs` and `Completion.entropies` describe the distribution the token
was really drawn from: logits divided by the temperature, then cut to the `top_k` largest, then to the smallest set of
probability >= `top_p`, then renormalised. Entropies are in nats. At temperature 0 the draw is the argmax, whose own
distribution is a point; there the figures are those of the model's plain softmax (temperature 1, nothing cut).

**Reproducible.** Sample `j` of prompt `i` depends on the weights, the prompt, its `SamplingParams` and `(seed, i, j)`
only, where `i` is the index in the call's `prompts`, or `SamplingParams.stream` where that is given: neither the batch
it travelled in, nor `n`, nor a kept prefix change it. (Sums are rounded in another order in another batch; a draw that
lies within rounding of a boundary may fall on the other side.)
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

FinishReason = Literal["stop", "length", "abort"]
"""`stop`: the last id is a stop id. `length`: `max_tokens` were sampled. `abort`: the caller asked to end the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How to continue one prompt. Raises ValueError when a value is out of range."""

    n: int
    """Samples to draw, >= 1."""
    max_tokens: int
    """Most tokens a sample may have, the stop id included, >= 1."""
    temperature: float
    """Divides the logits; 0 takes the most likely token."""
    top_p: float = 1.0
    """Keep the smallest set of tokens whose probability reaches this, in (0, 1]; 1 keeps all."""
    top_k: int = 0
    """Keep this many most likely tokens; 0 keeps all."""
    stop_ids: tuple[int, ...]
    """Ids that end a sample; may be empty."""
    seed: int
    """Any integer in [0, 2^64). Two calls meant to differ need two seeds."""
    stream: int | None = None
    """Stands in for the prompt's index, so that a part of a batch draws what it would as part of the whole."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be at least 1, got {self.n}")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be 0 (greedy) or a positive number, got {self.temperature}")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p}; 1 keeps every token")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 (keep every token) or more, got {self.top_k}")
        if any(stop < 0 for stop in self.stop_ids):
            raise ValueError(f"stop_ids must be token ids >= 0, got {self.stop_ids}")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must lie in [0, 2^64), got {self.seed}")
        if self.stream is not None and not 0 <= self.stream < 2**64:
            raise ValueError(f"stream must be None or lie in [0, 2^64), got {self.stream}")


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """One sample of one prompt: T tokens, of which the last is the stop id when `finish_reason` is `stop`."""

    token_ids: list[int]
    logprobs: npt.NDArray[np.float32]
    """[T] log-probability of each token in the distribution it was drawn from."""
    entropies: npt.NDArray[np.float32]
    """[T] entropy in nats of that distribution."""
    finish_reason: FinishReason
    weights_version: int
    """Version of the weights that sampled it."""


@dataclass(slots=True)
class EngineCounters:
    """Work done since the engine was made; subtract two copies for the work between them."""

    prefill_tokens_requested: int = 0
    """Sum of n x prompt length: what an engine that shares nothing would run through the model."""
    prefill_tokens_computed: int = 0
    """Prompt tokens that were run through the model."""
    prefill_tokens_recomputed: int = 0
    """Those of `prefill_tokens_computed` that were not new: run although the same token after the same beginning had
    been run under the same weights, by an earlier prefill, in a completion that had ended, or in another row of the
    same pass. What is left of `prefill_tokens_computed` is the distinct tokens prompts have added.

    They have four causes: states that were evicted or had no memory to be kept in; a prompt's last token, whose logits
    are needed anew; rows that run together, which all run as many tokens as the row that lacks most; and new prompts
    that begin alike and run together.
    """
    tokens_sampled: int = 0
    """Tokens in the completions returned."""
    decode_steps: int = 0
    """Forward passes after the prefill."""
    decode_rows: int = 0
    """Rows in those passes, summed: `tokens_sampled` over this is the share of useful rows."""


OnFinish = Callable[[int, int, Completion], None]
"""Called with (prompt index, sample index, completion) as soon as a sample is finished, once for each."""


@runtime_checkable
class Engine(Protocol):
    """Samples continuations of token sequences from one causal language model.

    Engines share prefixes by themselves: a prompt is prefilled once for its n samples, and an engine that was given
    memory to keep key/value states reuses the longest prefix it still holds, be it of an earlier prompt or of an
    earlier *completion*. A tree search therefore just samples from `prompt + path`; `counters` tells what was reused.
    """

    @property
    def weights_version(self) -> int:
        """Version of the weights it samples from."""
        ...

    @property
    def counters(self) -> EngineCounters:
        """Work done so far."""
        ...

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams | Sequence[SamplingParams],
        on_finish: OnFinish | None = None,
        should_abort: Callable[[], bool] | None = None,
    ) -> list[list[Completion]]:
        """Draw `params.n` completions of each prompt; `params` may be one for all or one for each.

        Returns one list for each prompt, in order. `should_abort` is asked every few steps; once it says yes,
        unfinished samples end as `abort` with the tokens they have (maybe none), and `on_finish` still hears of them.
        Raises ValueError for an empty prompt, an id outside the vocabulary, a length beyond the model's context, or a
        number of params that is not the number of prompts; FloatingPointError when the model's logits are NaN.
        """
        ...

    def update_weights(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]] | None" = None) -> None:
        """Sample from new weights from now on, and forget what was kept under the old ones.

        `weights` are (parameter name, value) pairs. An engine that shares the trainer's module needs none: it is only
        told that the module has changed. Raises ValueError when an engine of its own weights gets none.
        """
        ...


class Stream(Protocol):
    """A call of an engine that samples enter one by one while others decode.

    Tokens of a sample depend on its prompt, its params and `(seed, stream, sample_index)` only: not on when it entered,
    nor on what decoded beside it.
    """

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to decode now."""
        ...

    def add(self, ticket: int, prompt: Sequence[int], params: SamplingParams, sample_index: int = 0) -> None:
        """Have one sample of `prompt` drawn; `params.n` counts for nothing. Raises ValueError as `Engine.sample`."""
        ...

    def take(self) -> list[tuple[int, Completion]]:
        """Do the next piece of work; returns tickets and completions of what it finished, often none."""
        ...

    def end(self) -> list[tuple[int, Completion]]:
        """End every sample with the tokens it has."""
        ...

    def entered_at(self, ticket: int) -> float:
        """When the latest sample of a ticket began to decode, in seconds of `time.perf_counter`; 0 if it never did."""
        ...

    def drop(self, ids: Sequence[int]) -> None:
        """Forget the states of a sequence that will not go on."""
        ...


@runtime_checkable
class RestingEngine(Engine, Protocol):
    """An engine with memory of its own on the trainer's device, which it can give back for a while."""

    def rest(self) -> None:
        """Give back what can be given back, until the next call or the next weights."""
        ...


def rest(engine: Engine) -> None:
    """Have an engine give back memory while it is not asked, if it has any to give."""
    if isinstance(engine, RestingEngine):
        engine.rest()


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """An engine whose samples may come and go while it decodes."""

    @property
    def capacity_tokens(self) -> int:
        """Tokens whose keys and values it can keep at the same time."""
        ...

    def stream(self, params: Sequence[SamplingParams], longest: int, most: int) -> AbstractContextManager[Stream]:
        """Open a stream for these kinds of params, each with the largest `max_tokens` it will have.

        No sequence gets longer than `longest` tokens, and at most `most` decode at once. Raises ValueError when one of
        that length does not fit.
        """
        ...
