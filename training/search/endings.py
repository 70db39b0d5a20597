"""Where responses end, what an end is worth, and which of the new ends is recorded (DeepSearch, section 3.1)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.config import SearchConfig
from training.search.tree import INCOMPLETE, RIGHT, WRONG, Tree


@dataclass(frozen=True, slots=True)
class Judged:
    """What the verifier said of an ended response, and whether the response ended by itself."""

    correct: bool | None
    extracted: str | None
    ended: bool
    """False where it was cut off at the longest length or depth."""

    @property
    def status(self) -> int:
        """A cut response that shows no answer is incomplete; one that shows a right answer is right all the same.

        So is, for want of a better name, one of which the verifier could not tell: it is never recorded.
        """
        if self.correct is None:
            return INCOMPLETE
        if self.correct:
            return RIGHT
        return INCOMPLETE if not self.ended and self.extracted is None else WRONG


def reward_of(status: int, config: SearchConfig) -> float:
    """q of an end (eq. 4): +1 right, -1 wrong, `incomplete_reward` cut off without an answer."""
    return {RIGHT: 1.0, WRONG: -1.0, INCOMPLETE: config.incomplete_reward}[status]


def ends_there(ids: Sequence[int], stop_ids: Sequence[int]) -> bool:
    """Whether the last token ends the response. The token itself is asked, so that none is missed in the last slot."""
    return bool(ids) and ids[-1] in stop_ids


def choose_end(tree: Tree, ends: Sequence[int], config: SearchConfig, rng: random.Random) -> int:
    """The end to record: of the right ones the most confident; else a wrong one by `negative`; else an incomplete one.

    Confidence is the lowest mean -log p over the whole response.
    """
    pool = next(of_status for status in (RIGHT, WRONG, INCOMPLETE) if (of_status := _of(tree, ends, status)))
    if tree.status[pool[0]] != RIGHT and config.negative == "random":
        return rng.choice(pool)
    sign = -1 if tree.status[pool[0]] != RIGHT and config.negative == "least_confident" else 1
    return min(pool, key=lambda end: sign * tree.mean_surprise(end))


def by_confidence(tree: Tree, ends: Sequence[int]) -> list[int]:
    """Right ones first, then the most confident ones: the order in which ends left over are recorded."""
    return sorted(ends, key=lambda end: (tree.status[end], tree.mean_surprise(end)))


def _of(tree: Tree, ends: Sequence[int], status: int) -> list[int]:
    return [end for end in ends if tree.status[end] == status]
