"""Which items are in dispute, and how strongly: annotators among themselves, or with the verifier or a reward model.

Strengths go from 0, no dispute, to 1, as far apart as can be. Pure functions, which `dispute_queue` applies.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from webapp.labeling.choices import Mode
from webapp.labeling.label_table import Ranks
from webapp.labeling.stored_labels import STORED_CHOICES

CLOSE_REWARDS = math.log(1.5)
"""Rewards closer than this prefer neither response: by Bradley and Terry the better one wins less than 3 times in 5."""
OPPOSED_TIES = {"both_good", "both_bad"}
"""Two labels that tie the responses, and yet contradict each other."""


def among_annotators(rankings: Sequence[Ranks], values: Sequence[dict[str, Any]]) -> float:
    """How far apart labels of an item are in which response is better: the mean over every two labels and responses.

    Opposite preferences count 1, a preference against a tie 0.5, and so does both good against both bad.
    """
    gaps = []
    for (one, value), (other, another) in combinations(list(zip(rankings, values, strict=True)), 2):
        if {value.get("choice"), another.get("choice")} == OPPOSED_TIES:
            gaps.append(0.5)
        else:
            gaps.append(_mean([abs(_better(one, i, j) - _better(other, i, j)) / 2 for i, j in _pairs(len(one))]))
    return _mean(gaps)


def in_degree(mode: Mode, values: Sequence[dict[str, Any]], most_points: int = 0) -> float:
    """How far labels differ in degree: points of the scale between two choices, or points given, as a part of all.

    ``most_points`` are those between the worst and the best rating of a response over all criteria.
    """
    if mode == Mode.PAIRWISE:
        points = [STORED_CHOICES[value["choice"]] for value in values]
        return _mean([abs(one - other) / 4 for one, other in combinations(points, 2)])
    if mode == Mode.RATING and most_points:
        given = [[sum(each.values()) for each in value["ratings"]] for value in values]
        return _mean(
            [
                _mean([abs(a - b) / most_points for a, b in zip(one, other, strict=True)])
                for one, other in combinations(given, 2)
            ]
        )
    return 0.0


def with_verifier(human: Ranks, correct: Sequence[bool | None]) -> float:
    """Of the right and wrong responses that people put in an order, the share where the wrong one is preferred."""
    return _reversed(
        human, [(i, j) for i, j in _pairs(len(human), both=True) if correct[i] is True and correct[j] is False]
    )


def with_rewards(human: Ranks, rewards: Sequence[float | None]) -> float:
    """Of two responses that both people and rewards clearly put in an order, the share where the orders differ."""
    apart = []
    for i, j in _pairs(len(human), both=True):
        one, other = rewards[i], rewards[j]
        if one is not None and other is not None and one - other > CLOSE_REWARDS:
            apart.append((i, j))
    return _reversed(human, apart)


def _reversed(human: Ranks, better: Sequence[tuple[int, int]]) -> float:
    """Of pairs (better, worse), those in which people prefer the worse, among those that people put in an order."""
    ordered = [_better(human, i, j) for i, j in better if human[i] != human[j]]
    return _mean([float(each < 0) for each in ordered])


def _better(ranks: Ranks, i: int, j: int) -> int:
    """1: response i is better, -1: j is, 0: a tie."""
    return (ranks[i] < ranks[j]) - (ranks[i] > ranks[j])


def _pairs(count: int, *, both: bool = False) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(0 if both else i + 1, count) if i != j]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
