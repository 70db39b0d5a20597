"""Gathers the groups that a step of GRPO learns from: dynamic sampling, more groups than needed, and what is left over.

Which groups make a batch depends on the order they were asked for in, never on which were done first.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from training.algorithms.advantages import equal_rewards
from training.config import DynamicSamplingConfig
from training.experience.plain import group_from, plain_group
from training.experience.types import Group
from training.problems.types import Problem

Ask = Callable[[int, int], list[Group]]
"""Called with a number of groups and the number of the sampling round; returns them scored."""
Judge = Callable[[Sequence[Group], int], None]
"""Called with groups and the round's number: says of each whether it is trained on."""


class GroupBatches:
    """Fills the batches of one step after another, and keeps what is left over for the next one.

    `oldest` is the number of steps by which the weights that sampled a group may be behind those that learn from it.
    """

    def __init__(self, wanted: int, dynamic: DynamicSamplingConfig, oldest: int) -> None:
        self._wanted = wanted
        self._dynamic = dynamic
        self._oldest = oldest
        self._surplus: list[Group] = []

    def fill(self, step: int, ask: Ask, judge: Judge) -> list[Group]:
        """The groups of a step; with dynamic sampling, those of equal rewards are replaced by new ones (DAPO).

        Those that are left out come along, as not trained on.
        """
        groups = self._left_over(step)
        rounds = self._dynamic.max_rounds if self._dynamic.enabled else 1
        for number in range(rounds):
            missing = self._wanted - sum(group.trained for group in groups)
            if missing <= 0:
                break
            fresh = ask(math.ceil(missing * self._dynamic.asked_at_once), number)
            judge(fresh, number)
            groups += fresh
        return self._cut(groups)

    def state_dict(self) -> dict[str, Any]:
        """What the next batch begins with; plain values and tensors."""
        return {"surplus": [plain_group(group) for group in self._surplus]}

    def load_state_dict(self, state: dict[str, Any], problem_of: Callable[[str], Problem]) -> None:
        """What `state_dict` gave; `problem_of` knows problems by their ids."""
        self._surplus = [group_from(plain, problem_of) for plain in state["surplus"]]

    def _left_over(self, step: int) -> list[Group]:
        """Of the batch before; what has grown too old is not trained on."""
        groups, self._surplus = self._surplus, []
        for group in groups:
            group.trained = step - 1 - group.weights_version <= self._oldest
        return groups

    def _cut(self, groups: list[Group]) -> list[Group]:
        """Keep to the first groups with a signal; the others are left for the next step, or dropped."""
        beyond = [group for group in groups if group.trained][self._wanted :]
        if self._dynamic.keeps_surplus:
            self._surplus = beyond
            return [group for group in groups if group not in beyond]
        for group in beyond:
            group.trained = False
        return groups


def drop_equal(groups: Sequence[Group]) -> None:
    """Groups of equal rewards teach nothing, and are not trained on."""
    for group in groups:
        group.trained = not equal_rewards(torch.tensor(group.rewards))
