"""Several decoders as one: each order goes to the one that has room for it, and that knows its beginning if any does.

Room is reserved for the longest that an order may become (`kv_scheduler`), so that no decoder throws states out unless
more is reserved than there is. Orders of a decoder that is gone go on elsewhere from the token they had come to.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from training.sampling.decoder import EngineLostError, Facts, Order, Progress, SharedDecoder
from training.sampling.kv_scheduler import KvScheduler
from training.seeds import derive_seed

if TYPE_CHECKING:
    import torch

REMEMBERED = 65_536
"""Beginnings of sequences of which is known where their states are."""
LONGEST_PAUSE_S = 5.0


class Fleet:
    """See `Decoder`. Decoders that are away are asked again whenever sampling begins; with none left EngineLostError.

    Raises ValueError where they hold different models.
    """

    def __init__(
        self, decoders: Sequence[SharedDecoder], patience_s: float = 0.0, oversubscription: float = 1.0
    ) -> None:
        """For `patience_s` seconds decoders that are all away are waited for.

        With `oversubscription` above 1 so many times the room of each is reserved. Whatever a decoder throws out then
        it computes again by itself, without a word: vLLM does.
        """
        kinds = {(each.facts.vocabulary, each.facts.context) for each in decoders}
        if len(kinds) != 1:
            raise ValueError(f"engines that share work must hold the same model, not {len(kinds)} kinds of it")
        self._decoders = list(decoders)
        self._patience_s = patience_s
        self._oversubscription = oversubscription
        self._pool = ThreadPoolExecutor(len(decoders), thread_name_prefix="fleet")
        self._away: set[int] = set()
        self._orders: dict[int, Order] = {}
        """As they were sent, or are to be."""
        self._tokens: dict[int, list[int]] = {}
        """What has come of each since."""
        self._beginnings = _Beginnings(max(each.facts.block for each in decoders))
        self._scheduler = self._new_scheduler()

    @property
    def facts(self) -> Facts:
        """See `Decoder`; the capacity is that of all together, the blocks are the largest."""
        facts = [each.facts for each in self._decoders]
        capacity, block = sum(each.capacity_tokens for each in facts), max(each.block for each in facts)
        return replace(facts[0], capacity_tokens=capacity, block=block)

    def prepare(self) -> bool:
        """See `Decoder`: of those that answer, each has the weights."""
        deadline, pause = time.monotonic() + self._patience_s, 0.1
        while True:
            self._away.clear()
            found = list(self._pool.map(self._prepare, range(len(self._decoders))))
            if len(self._away) < len(self._decoders):
                break
            if time.monotonic() > deadline:
                raise EngineLostError("any address", f"all {len(self._decoders)} are away")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        self._orders.clear()
        self._tokens.clear()
        self._beginnings.forget(self._away)
        self._scheduler = self._new_scheduler()
        return all(found)

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        """See `Decoder`: all of them load at the same time."""
        every = [(name, value.cpu()) for name, value in weights]

        def give(number: int) -> None:
            try:
                self._decoders[number].load(version, every)
            except EngineLostError:
                self._away.add(number)

        self._away.clear()
        list(self._pool.map(give, range(len(self._decoders))))
        self._beginnings.clear()
        if len(self._away) == len(self._decoders):
            raise EngineLostError("any address", f"all {len(self._decoders)} were lost while weights were loaded")
        self._scheduler = self._new_scheduler()

    def took(self, version: int) -> None:
        """See `SharedDecoder`."""
        for decoder in self._decoders:
            decoder.took(version)
        self._beginnings.clear()

    def rest(self) -> None:
        """See `Decoder`."""
        for number in self._here():
            self._decoders[number].rest()

    def add(self, order: Order) -> None:
        """See `Decoder`. Raises ValueError for one that no decoder could hold."""
        self._orders[order.key], self._tokens[order.key] = order, []
        home = self._beginnings.home(order)
        self._scheduler.submit(order.key, len(order.prompt) + order.params.max_tokens, home)

    def step(self) -> list[Progress]:
        """See `Decoder`. Raises EngineLostError when the last one is gone."""
        self._send()
        busy = [number for number in self._here() if self._scheduler.is_busy(number)]
        told: list[Progress] = []
        for number, progress in zip(busy, self._pool.map(self._step, busy), strict=True):
            if progress is None:
                self._lose(number)
            else:
                told += [self._note(each, number) for each in progress if each.key in self._orders]
        return told

    def abort(self, keys: Sequence[int]) -> None:
        """See `Decoder`."""
        for number in self._here():
            own = [key for key in keys if self._scheduler.may_decode(key) and self._scheduler.engine_of(key) == number]
            if own:
                self._decoders[number].abort(own)
        for key in keys:
            self._forget(key)

    def _prepare(self, number: int) -> bool:
        try:
            return self._decoders[number].prepare()
        except EngineLostError:
            self._away.add(number)
            return True

    def _step(self, number: int) -> list[Progress] | None:
        try:
            return self._decoders[number].step()
        except EngineLostError:
            return None

    def _send(self) -> None:
        for key, number in self._scheduler.admit():
            if number in self._away:
                continue  # lost a moment ago: it waits again
            try:
                self._decoders[number].add(self._orders[key])
            except EngineLostError:
                self._lose(number)

    def _lose(self, number: int) -> None:
        """Its orders wait for another one, before those that came later."""
        self._away.add(number)
        self._beginnings.forget({number})
        if not self._here():
            raise EngineLostError("any address", "the last engine is gone")
        for key in self._scheduler.lose(number):
            if tokens := self._tokens[key]:
                self._orders[key] = _continued(self._orders[key], tokens)
                self._tokens[key] = []

    def _note(self, progress: Progress, number: int) -> Progress:
        self._tokens[progress.key] += progress.token_ids
        if progress.finish_reason is not None:
            order = self._orders[progress.key]
            self._beginnings.remember(replace(order, prompt=(*order.prompt, *self._tokens[progress.key])), number)
            self._forget(progress.key)
        return progress

    def _forget(self, key: int) -> None:
        self._orders.pop(key, None)
        self._tokens.pop(key, None)
        self._scheduler.release(key)

    def _here(self) -> list[int]:
        return [number for number in range(len(self._decoders)) if number not in self._away]

    def _new_scheduler(self) -> KvScheduler[int]:
        scheduler: KvScheduler[int] = KvScheduler(
            [each.facts.capacity_tokens for each in self._decoders], self._oversubscription
        )
        for number in self._away:
            scheduler.lose(number)
        return scheduler


def _continued(order: Order, tokens: Sequence[int]) -> Order:
    """What is left of an order of which these tokens have come.

    With a seed of its own: with the old one, the random numbers of its first tokens would draw the next ones again.
    """
    prompt = (*order.prompt, *tokens)
    params = replace(order.params, max_tokens=order.params.max_tokens - len(tokens))
    return replace(order, prompt=prompt, params=params, seed=derive_seed(order.seed, "continued", len(prompt)))


class _Beginnings:
    """Where the states of sequences that begin so are, as far as that is known; those used last are kept in mind."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._homes: OrderedDict[int, int] = OrderedDict()

    def home(self, order: Order) -> int | None:
        """Who has the longest beginning of an order."""
        for name in reversed(self._names(order)):
            if name in self._homes:
                self._homes.move_to_end(name)
                return self._homes[name]
        return None

    def remember(self, order: Order, number: int) -> None:
        """Decoder `number` has the states of this order's prompt."""
        for name in self._names(order):
            self._homes[name] = number
            self._homes.move_to_end(name)
        while len(self._homes) > REMEMBERED:
            self._homes.popitem(last=False)

    def forget(self, numbers: "Iterable[int]") -> None:
        """These are gone."""
        gone = set(numbers)
        self._homes = OrderedDict((name, home) for name, home in self._homes.items() if home not in gone)

    def clear(self) -> None:
        """Nobody has any states: the weights are new."""
        self._homes.clear()

    def _names(self, order: Order) -> list[int]:
        """One for each whole number of blocks, the shortest first."""
        names, name = [], hash(order.salt)
        for start, end in pairwise(range(0, len(order.prompt) + 1, self._block)):
            name = hash((name, order.prompt[start:end]))
            names.append(name)
        return names
