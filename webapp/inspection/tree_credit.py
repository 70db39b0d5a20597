"""How each step of a response from a search tree came by its advantage, spelled out with the numbers.

The rules are those of ``training.algorithms.tree_credit``, which needs a library that the web does without.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from training.config import TreeCreditConfig
from webapp.inspection.credit import advantage_scale, paid_beside
from webapp.inspection.models import EQUAL_SPREAD, Rollout
from webapp.inspection.token_arrays import Numbers
from webapp.inspection.tree_path import PathStep, TreePath


@dataclass(frozen=True, slots=True)
class End:
    """What the end of a recorded response is worth."""

    reward: float
    penalty: float
    """What it is paid besides: less than 0 for running too long, and where a reward model pays whatever it says."""

    @property
    def worth(self) -> float:
        return self.reward + self.penalty


def end_of(rollout: Rollout, search: Mapping[str, Any], config: Mapping[str, Any]) -> End:
    """+1 right, -1 wrong, the search's own value where it was cut off without an answer; and what is paid beside."""
    cut = rollout.correct is not True and rollout.finish_reason != "stop" and rollout.extracted is None
    wrong = float(search.get("incomplete_reward", -1.0)) if cut else -1.0
    return End(1.0 if rollout.correct is True else wrong, paid_beside(rollout.parts, config))


@dataclass(frozen=True, slots=True)
class StepCredit:
    """One step of the response, and how its advantage follows."""

    path: PathStep
    number: int
    """From 1."""
    is_last: bool
    first: int
    end: int
    """Its tokens are first … end - 1."""
    score: float
    """What it is worth; with ``subtree_value``, V of the step."""
    before: float
    """With ``subtree_value``, V of its parent."""
    advantage: float
    stored: float | None
    """As training used it."""

    @property
    def agrees(self) -> bool:
        """Whether the stored advantage is what these numbers give; it has half the precision."""
        return self.stored is None or math.isclose(self.stored, self.advantage, rel_tol=4e-3, abs_tol=4e-3)

    @property
    def sharers(self) -> int:
        return len(self.path.through)

    @property
    def last(self) -> int:
        return self.end - 1


@dataclass(frozen=True, slots=True)
class TreeCredit:
    """How the steps of a response were credited."""

    path: TreePath
    kind: str
    temperature: float
    q_max: float
    root_share: float
    shares_prefix: bool
    end: End
    ends: int
    """Recorded in the tree."""
    right: int
    mean: float
    """Of all ends' worth: V of the root."""
    baseline: float
    """What was taken off: the mean, or 0 where the rule for equal ends, or a single response, allows none."""
    deviation: float
    scale: str
    uniform: bool
    rule: str
    """For trees whose ends are all alike."""
    trained: bool
    steps: list[StepCredit]
    """Empty where the tree's nodes were not kept."""

    @property
    def is_lesson(self) -> bool:
        """No end is right, and the paths are pushed down for it."""
        return self.uniform and self.trained and self.rule == "confident_wrong"

    @property
    def compares_values(self) -> bool:
        """Whether a step is compared with its parent instead of with the mean."""
        return self.kind == "subtree_value" and not self.is_lesson

    @property
    def agrees(self) -> bool:
        return all(step.agrees for step in self.steps)

    def step_of(self, token: int) -> StepCredit | None:
        """The step that token number ``token`` belongs to."""
        return next((step for step in self.steps if step.first <= token < step.end), None)


def tree_credit(
    rollout: Rollout, path: TreePath, siblings: Sequence[Rollout], run_config: Mapping[str, Any], stored: Numbers | None
) -> TreeCredit | None:
    """The credit of a response's steps; None where some recorded siblings are missing. ``stored`` are its advantages,
    [T]."""
    ends = {each.index: end_of(each, path.search, run_config) for each in siblings if each.index in path.recorded}
    if len(ends) < len(path.recorded):
        return None
    scale = advantage_scale(run_config)
    rewards = [end.reward for end in ends.values()]
    worths = [end.worth for end in ends.values()]
    config = TreeCreditConfig().model_dump() | dict(path.credit)
    mean, rule = math.fsum(worths) / len(worths), str(config["uniform_trees"])
    uniform = len(ends) > 1 and max(rewards) - min(rewards) <= EQUAL_SPREAD
    lesson = uniform and rule == "confident_wrong" and rewards[0] <= 0
    credit = TreeCredit(
        path=path,
        kind=str(config["kind"]),
        temperature=float(config["q_temperature"]),
        q_max=float(config["q_max"]),
        root_share=float(config["root_share"]),
        shares_prefix=config["shared_prefix"] == "once",
        end=ends[rollout.index],
        ends=len(ends),
        right=sum(reward > 0 for reward in rewards),
        mean=mean,
        baseline=0.0 if lesson or len(ends) == 1 else mean,
        deviation=1.0 if lesson else _deviation(worths, scale),
        scale=scale,
        uniform=uniform,
        rule=rule,
        trained=not uniform or rule == "keep" or lesson,
        steps=[],
    )
    credit.steps.extend(_steps(credit, {index: end.worth for index, end in ends.items()}, stored))
    return credit


def _steps(credit: TreeCredit, worths: Mapping[int, float], stored: Numbers | None) -> list[StepCredit]:
    path = credit.path.steps
    bounds = list(pairwise(accumulate((step.tokens for step in path), initial=0)))
    if stored is not None and path and bounds[-1][1] != len(stored):
        return []
    steps, before = [], credit.mean
    for number, (step, (first, end)) in enumerate(zip(path, bounds, strict=True), start=1):
        is_last = number == len(path)
        score = _value(step, worths) if credit.compares_values else _score(credit, step, is_last)
        advantage = _advantage(credit, step, score, before) if credit.trained else 0.0
        used = None if stored is None or first == end else float(stored[first])
        steps.append(StepCredit(step, number, is_last, first, end, score, before, advantage, used))
        before = score
    return steps


def _score(credit: TreeCredit, step: PathStep, is_last: bool) -> float:
    if credit.kind == "node_q" and not is_last:
        return math.tanh(step.q / credit.temperature) * credit.q_max + credit.end.penalty
    return credit.end.worth


def _value(step: PathStep, worths: Mapping[int, float]) -> float:
    """V: the mean end of the responses through a step."""
    return math.fsum(worths[index] for index in step.through) / len(step.through)


def _advantage(credit: TreeCredit, step: PathStep, score: float, before: float) -> float:
    if credit.compares_values:
        advantage = score - before + credit.root_share * (score - credit.mean)
    else:
        advantage = score - credit.baseline
    advantage /= credit.deviation
    return advantage / len(step.through) if credit.shares_prefix else advantage


def _deviation(worths: Sequence[float], scale: str) -> float:
    if scale == "none" or len(worths) < 2:
        return 1.0
    mean = math.fsum(worths) / len(worths)
    squares = math.fsum((worth - mean) ** 2 for worth in worths)
    deviation = math.sqrt(squares / (len(worths) - 1 if scale == "sample" else len(worths)))
    return deviation if deviation > EQUAL_SPREAD else 1.0
