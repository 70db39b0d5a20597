"""Models of one shape that take turns with the vLLM of a process: each gives it its weights where another's are."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from training.sampling.decoder import Decoder, Facts, Order, Progress

if TYPE_CHECKING:
    import torch


class LetDecoder(Decoder, Protocol):
    """A decoder that tells whose weights it has."""

    tenant: object | None


class Tenant:
    """See `Decoder`: what one model sees of a decoder that others use as well, at other times."""

    def __init__(self, decoder: LetDecoder) -> None:
        self._decoder = decoder

    @property
    def facts(self) -> Facts:
        """See `Decoder`."""
        return self._decoder.facts

    def prepare(self) -> bool:
        """See `Decoder`: another's weights are as good as none."""
        return self._decoder.prepare() and self._decoder.tenant is self

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
        self._decoder.tenant = self
        self._decoder.load(version, weights)

    def rest(self) -> None:
        """See `Decoder`."""
        self._decoder.rest()
