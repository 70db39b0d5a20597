"""Models of one shape that take turns with the vLLM of a process: each gives it its weights where another's are."""

import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from training.sampling.decoder import Decoder, Facts, Order, Progress

if TYPE_CHECKING:
    import torch


class LetDecoder(Decoder, Protocol):
    """A decoder that keeps a note of whose weights it has."""

    tenant: object


class Tenant:
    """See `Decoder`: what one engine sees of a decoder that others use as well, at other times.

    Engines of the same model need not give it the same weights twice, so a version must mean the same to all of them;
    to begin with it is 0.
    """

    def __init__(self, decoder: LetDecoder, model: object) -> None:
        self._decoder = decoder
        self._model = weakref.ref(model)  # one that nobody uses any more has to go
        self._held = (self._model, 0)

    @property
    def facts(self) -> Facts:
        """See `Decoder`."""
        return self._decoder.facts

    def prepare(self) -> bool:
        """See `Decoder`: another's weights are as good as none."""
        return self._decoder.prepare() and self._decoder.tenant == self._held

    def add(self, order: Order) -> None:
        """See `Decoder`."""
        self._decoder.add(order)

    def step(self) -> list[Progress]:
        """See `Decoder`."""
        return self._decoder.step()

    def abort(self, keys: Sequence[int]) -> None:
        """See `Decoder`."""
        self._decoder.abort(keys)

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        """See `Decoder`."""
        self._decoder.tenant = self._held = (self._model, version)
        self._decoder.load(version, weights)

    def rest(self) -> None:
        """See `Decoder`."""
        self._decoder.rest()
