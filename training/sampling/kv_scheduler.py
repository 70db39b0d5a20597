"""Who may decode where: reserves room for the keys and values of a whole rollout before it begins.

Without reservations all rollouts begin at once, their states outgrow the memory, and what is evicted must be computed
again. A rollout reserves the most tokens it may ever have, and gives them back when it ends, however it ends
(rStar2-Agent, arXiv 2508.20722, section 3.2). While its tools run it may keep them, or let others have them meanwhile.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class NeverFitsError(ValueError):
    """A rollout that no engine could ever hold."""


@dataclass(slots=True)
class _Place:
    """Where an admitted rollout is."""

    engine: int
    tokens: int
    holds: bool = True
    """Whether the tokens are reserved now."""


class KvScheduler(Generic[Key]):
    """Admits rollouts to engines, first come, first served: none overtakes one that waits for more room.

    `capacities` are the tokens whose states each engine holds. Keys and values need not all be long: with
    `oversubscription` above 1 more is reserved than there is, at the price of computing states again when all are.

    A rollout stays with its engine, where its states are. One that has paused and comes back goes before those that
    never began, and its engine admits none of these until it has room for it: so whoever has begun ends.

    Always: reserved + free = capacity x oversubscription of each engine, and neither is negative.
    """

    def __init__(self, capacities: Sequence[int], oversubscription: float = 1.0) -> None:
        if not capacities or min(capacities) < 1 or oversubscription <= 0:
            raise ValueError(f"cannot schedule on {list(capacities)} tokens, times {oversubscription}")
        self._most = [int(capacity * oversubscription) for capacity in capacities]
        self._free = list(self._most)
        self._waiting: OrderedDict[Key, int] = OrderedDict()
        self._homes: dict[Key, int] = {}
        """Where those that wait would best go."""
        self._returning: list[OrderedDict[Key, int]] = [OrderedDict() for _ in capacities]
        self._admitted: dict[Key, _Place] = {}
        self._turn: dict[Key, int] = {}
        """When each was submitted."""
        self._submitted = 0

    @property
    def free(self) -> tuple[int, ...]:
        """Unreserved tokens of each engine."""
        return tuple(self._free)

    @property
    def waiting(self) -> int:
        """Rollouts that have no room yet, or not again."""
        return len(self._waiting) + sum(map(len, self._returning))

    @property
    def admissible(self) -> bool:
        """Whether `admit` would admit one."""
        back = zip(self._returning, self._free, strict=True)
        return any(keys and _first(keys)[1] <= free for keys, free in back) or self._roomiest() is not None

    def submit(self, key: Key, tokens: int, home: int | None = None) -> None:
        """Queue a rollout of at most so many tokens; it goes to the engine `home` if that has room, to another else.

        Raises NeverFitsError; ValueError when `key` is in use.
        """
        if tokens < 1:
            raise ValueError(f"a rollout has at least one token, got {tokens}")
        if key in self._turn:
            raise ValueError(f"rollout {key!r} is there already")
        self._refuse_larger(tokens)
        self._waiting[key] = tokens
        if home is not None:
            self._homes[key] = home
        self._turn[key] = self._submitted
        self._submitted += 1

    def admit(self) -> list[tuple[Key, int]]:
        """Rollouts that may begin or go on now, each with the number of its engine: a new one's has the most room."""
        admitted = []
        for engine, returning in enumerate(self._returning):
            while returning and _first(returning)[1] <= self._free[engine]:
                key, tokens = returning.popitem(last=False)
                self._admitted[key].holds = True
                self._free[engine] -= tokens
                admitted.append((key, engine))
        while (roomiest := self._roomiest()) is not None:
            key, tokens = self._waiting.popitem(last=False)
            self._homes.pop(key, None)
            self._free[roomiest] -= tokens
            self._admitted[key] = _Place(roomiest, tokens)
            admitted.append((key, roomiest))
        return admitted

    def engine_of(self, key: Key) -> int:
        """The engine of an admitted rollout, the same for all its turns. Raises KeyError for any other."""
        return self._admitted[key].engine

    def is_busy(self, engine: int) -> bool:
        """Whether anything is reserved on an engine."""
        return self._free[engine] < self._most[engine]

    def may_decode(self, key: Key) -> bool:
        """Whether it has been admitted and has not paused since."""
        return key in self._admitted and self._admitted[key].holds

    def pause(self, key: Key) -> None:
        """Others may have its room until `resume`; its states stay where they are while nobody needs theirs."""
        place = self._admitted[key]
        if place.holds:
            place.holds = False
            self._free[place.engine] += place.tokens

    def resume(self, key: Key) -> None:
        """A paused rollout wants its room again; `admit` tells when it has it. Of others nothing changes."""
        place = self._admitted[key]
        if not place.holds:
            self._returning[place.engine].setdefault(key, place.tokens)

    def shrink(self, key: Key, tokens: int) -> None:
        """An admitted rollout will have at most so many tokens; no more than it has reserved already."""
        place = self._admitted[key]
        if not 1 <= tokens <= place.tokens:
            raise ValueError(f"{tokens} tokens are no smaller reservation than {place.tokens}")
        if place.holds:
            self._free[place.engine] += place.tokens - tokens
        elif key in self._returning[place.engine]:
            self._returning[place.engine][key] = tokens
        place.tokens = tokens

    def release(self, key: Key) -> None:
        """A rollout has ended, or is not wanted any more; saying so twice changes nothing."""
        self._turn.pop(key, None)
        self._homes.pop(key, None)
        self._waiting.pop(key, None)
        place = self._admitted.pop(key, None)
        if place is None:
            return
        self._returning[place.engine].pop(key, None)
        if place.holds:
            self._free[place.engine] += place.tokens

    def lose(self, engine: int) -> list[Key]:
        """An engine is gone, and its states with it; returns its rollouts, which wait for another one.

        They are where they would stand had they never begun: before all that were submitted after them. Raises
        NeverFitsError when no other engine could hold one of them, or of those that wait.
        """
        self._most[engine] = self._free[engine] = 0
        self._returning[engine].clear()
        lost = [key for key, place in self._admitted.items() if place.engine == engine]
        self._waiting |= {key: self._admitted.pop(key).tokens for key in lost}
        self._waiting = OrderedDict(sorted(self._waiting.items(), key=lambda item: self._turn[item[0]]))
        self._refuse_larger(max(self._waiting.values(), default=0))
        return lost

    def _roomiest(self) -> int | None:
        """The engine that would take the first of those that wait: its home, or the one with the most room."""
        engines = [engine for engine, returning in enumerate(self._returning) if not returning]
        if not engines or not self._waiting:
            return None
        key, tokens = _first(self._waiting)
        home = self._homes.get(key)
        if home in engines and tokens <= self._free[home]:
            return home
        engine = max(engines, key=lambda number: self._free[number])
        return engine if tokens <= self._free[engine] else None

    def _refuse_larger(self, tokens: int) -> None:
        if tokens > max(self._most):
            raise NeverFitsError(
                f"a rollout may need {tokens:,} tokens, but no engine holds the states of more than "
                f"{max(self._most):,}; lower max_tokens"
            )


def _first(keys: OrderedDict[Key, int]) -> tuple[Key, int]:
    return next(iter(keys.items()))
