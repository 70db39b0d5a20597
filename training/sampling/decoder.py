"""What stands between an engine and vLLM: something that decodes one sample for each request, here or elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from training.sampling.types import FinishReason, SamplingParams

if TYPE_CHECKING:
    import torch


class EngineLostError(ConnectionError):
    """An engine that does not answer any more. Its work may be given to another, or to itself once it is back.

    Samples that ended have been told already; one that is asked for again draws the same tokens.
    """

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(f"the engine at {engine} does not answer: {reason}")
        self.engine, self.reason = engine, reason


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decoder holds."""

    vocabulary: int
    """Ids go from 0 to this - 1."""
    context: int
    """Most tokens of a sequence."""
    capacity_tokens: int
    """Tokens whose keys and values it can keep at the same time."""
    block: int
    """Prefixes are shared in pieces of so many tokens."""
    heads: int = 0
    key_heads: int = 0
    head_size: int = 0
    """Of its attention, when it tells."""


@dataclass(frozen=True, slots=True)
class Order:
    """A sample to be decoded."""

    key: int
    """By which it is known; never used twice."""
    prompt: tuple[int, ...]
    params: SamplingParams
    """Of which `n`, `seed` and `stream` count for nothing."""
    seed: int
    """Of this sample, in [0, 2^63)."""
    salt: str
    """Prefixes are shared with orders of the same salt only."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What has become of an order since the last time."""

    key: int
    token_ids: Sequence[int]
    """The new ones."""
    logprobs: Sequence[float]
    entropies: Sequence[float]
    finish_reason: FinishReason | None = None
    cached_tokens: int | None = None
    """Tokens of its prompt that were not run, when that is known."""


class Decoder(Protocol):
    """Decodes orders. Everything that talks to something elsewhere raises EngineLostError when it does not answer."""

    @property
    def facts(self) -> Facts:
        """See `Facts`."""
        ...

    def prepare(self) -> bool:
        """See that it answers; returns whether it has the weights it was given last, else they must be loaded."""
        ...

    def add(self, order: Order) -> None:
        """Decode this one too."""
        ...

    def step(self) -> list[Progress]:
        """Wait a moment for the next tokens; returns what there is, maybe nothing."""
        ...

    def abort(self, keys: Sequence[int]) -> None:
        """Give up these orders; nothing more is told of them."""
        ...

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        """Decode with these weights, named as transformers does, from now on. Nothing is being decoded.

        Raises ValueError for those of another architecture.
        """
        ...

    def rest(self) -> None:
        """Give back the memory of weights, keys and values until the next `load`, where that can be done."""
        ...


class SharedDecoder(Decoder, Protocol):
    """One that others use as well: who loads weights, loads them for all."""

    def took(self, version: int) -> None:
        """Be told that another has had these weights loaded, which `prepare` then looks for."""
        ...
