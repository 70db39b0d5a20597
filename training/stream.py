"""The order in which problems are trained on: a new shuffle each epoch, a function of the seed and a count alone."""

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

from training.seeds import derive_seed

Item = TypeVar("Item")


class ShuffledStream(Generic[Item]):
    """Endless passes over the items, each in an order of its own. `drawn` is all there is to save and restore."""

    def __init__(self, items: Sequence[Item], seed: int) -> None:
        if not items:
            raise ValueError("there is nothing to draw from")
        self.drawn = 0
        self._items = items
        self._seed = seed
        self._epoch = -1
        self._order: list[int] = []

    def take(self, count: int) -> list[Item]:
        """The next `count` items."""
        taken = [self._item(number) for number in range(self.drawn, self.drawn + count)]
        self.drawn += count
        return taken

    def _item(self, number: int) -> Item:
        epoch, place = divmod(number, len(self._items))
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = list(range(len(self._items)))
            random.Random(derive_seed(self._seed, "order", epoch)).shuffle(self._order)
        return self._items[self._order[place]]
