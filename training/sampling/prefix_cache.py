"""Keeps keys and values of sequences already seen, so that a longer sequence need not compute them again.

States are kept in blocks of `BLOCK` tokens. A block is found by its parent block and its own tokens, so two sequences
share the blocks of their common beginning and nothing else (the scheme of vLLM's automatic prefix caching; Kwon et al.,
2023). When the memory budget is full, the block used longest ago goes; a parent is always used after its children, so
chains lose their ends first.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from training.sampling.kv_cache import KVCache

BLOCK = 16
"""Tokens in a block: at most this many minus one are computed again although they were seen."""

ROOT = 0
Key = tuple[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """States of `BLOCK` tokens after a parent: for each layer (keys, values), each [heads, BLOCK, head size]."""

    serial: int
    states: list[tuple[Tensor, Tensor]]
    nbytes: int


class PrefixCache:
    """Blocks within a budget of `budget` bytes; a budget of 0 keeps nothing."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._blocks: OrderedDict[Key, Block] = OrderedDict()
        self._nbytes = 0
        self._serials = ROOT

    @property
    def nbytes(self) -> int:
        """Memory in use."""
        return self._nbytes

    def find(self, ids: Sequence[int]) -> list[Block]:
        """Blocks of the longest kept prefix of `ids` that leaves at least the last token to compute."""
        chain: list[Key] = []
        parent = ROOT
        for start in range(0, len(ids) - BLOCK, BLOCK):
            key = (parent, tuple(ids[start : start + BLOCK]))
            if key not in self._blocks:
                break
            chain.append(key)
            parent = self._blocks[key].serial
        self._touch(chain)
        return [self._blocks[key] for key in chain]

    def keep(self, ids: Sequence[int], cache: KVCache, row: int, first_column: int) -> None:
        """Keep the whole blocks of `ids`, whose states lie in `row` of `cache` from `first_column` on."""
        if self._budget == 0:
            return
        chain: list[Key] = []
        parent = ROOT
        for start in range(0, len(ids) - BLOCK + 1, BLOCK):
            key = (parent, tuple(ids[start : start + BLOCK]))
            if key not in self._blocks:
                self._add(key, cache.copy_states(row, first_column + start, BLOCK))
            chain.append(key)
            parent = self._blocks[key].serial
        self._touch(chain)
        while self._nbytes > self._budget:
            _, oldest = self._blocks.popitem(last=False)
            self._nbytes -= oldest.nbytes

    def clear(self) -> None:
        """Forget everything: the weights have changed."""
        self._blocks.clear()
        self._nbytes = 0

    def _add(self, key: Key, states: list[tuple[Tensor, Tensor]]) -> None:
        self._serials += 1
        block = Block(self._serials, states, sum(keys.nbytes + values.nbytes for keys, values in states))
        self._blocks[key] = block
        self._nbytes += block.nbytes

    def _touch(self, chain: list[Key]) -> None:
        for key in reversed(chain):
            self._blocks.move_to_end(key)
