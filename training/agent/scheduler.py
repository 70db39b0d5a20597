"""Who may decode where: reserves room for the keys and values of a whole rollout before it begins.

Without reservations all rollouts begin at once, their states outgrow the memory, and what is evicted must be computed
again. A rollout reserves the most tokens it may ever have, waits for its tools without losing them, and gives them back
when it ends, however it ends (rStar2-Agent, arXiv 2508.20722, section 3.2).
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class NeverFitsError(ValueError):
    """A rollout that no engine could ever hold."""


class KvScheduler(Generic[Key]):
    """Admits rollouts to engines, first come, first served: none overtakes one that waits for more room.

    `capacities` are the tokens whose states each engine holds. Keys and values need not all be long: with
    `oversubscription` above 1 more is reserved than there is, at the price of computing states again when all are.

    Always: reserved + free = capacity x oversubscription of each engine, and neither is negative.
    """

    def __init__(self, capacities: Sequence[int], oversubscription: float = 1.0) -> None:
        if not capacities or min(capacities) < 1 or oversubscription <= 0:
            raise ValueError(f"cannot schedule on {list(capacities)} tokens, times {oversubscription}")
        self._most = [int(capacity * oversubscription) for capacity in capacities]
        self._free = list(self._most)
        self._waiting: OrderedDict[Key, int] = OrderedDict()
        self._admitted: dict[Key, tuple[int, int]] = {}
        """Engine and tokens of each."""

    @property
    def free(self) -> tuple[int, ...]:
        """Unreserved tokens of each engine."""
        return tuple(self._free)

    @property
    def waiting(self) -> int:
        """Rollouts that have no room yet."""
        return len(self._waiting)

    @property
    def admissible(self) -> bool:
        """Whether `admit` would admit one."""
        return bool(self._waiting) and next(iter(self._waiting.values())) <= max(self._free)

    def submit(self, key: Key, tokens: int) -> None:
        """Queue a rollout of at most so many tokens. Raises NeverFitsError; ValueError when `key` is in use."""
        if tokens < 1:
            raise ValueError(f"a rollout has at least one token, got {tokens}")
        if key in self._waiting or key in self._admitted:
            raise ValueError(f"rollout {key!r} is there already")
        if tokens > max(self._most):
            raise NeverFitsError(
                f"a rollout may need {tokens:,} tokens, but no engine holds the states of more than "
                f"{max(self._most):,}; lower max_tokens"
            )
        self._waiting[key] = tokens

    def admit(self) -> list[tuple[Key, int]]:
        """Rollouts that may begin now, each with the number of its engine: the one with the most room."""
        admitted = []
        while self._waiting:
            key, tokens = next(iter(self._waiting.items()))
            engine = max(range(len(self._free)), key=lambda number: self._free[number])
            if tokens > self._free[engine]:
                break
            del self._waiting[key]
            self._free[engine] -= tokens
            self._admitted[key] = (engine, tokens)
            admitted.append((key, engine))
        return admitted

    def engine_of(self, key: Key) -> int:
        """The engine of an admitted rollout, the same for all its turns. Raises KeyError for any other."""
        return self._admitted[key][0]

    def release(self, key: Key) -> None:
        """A rollout has ended, or is not wanted any more; saying so twice changes nothing."""
        self._waiting.pop(key, None)
        engine, tokens = self._admitted.pop(key, (0, 0))
        self._free[engine] += tokens
