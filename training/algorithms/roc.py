"""Resample-on-Correct: which rollouts of an oversampled group are learned from (rStar2-Agent, arXiv 2508.20722, 2.2.3).

A reward for the answer alone also pays rollouts that stumble to it over failing tool calls. Instead of a penalty, which
can be hacked, the stumbling ones are left out more often: failures stay as they come, successes by how clean they are.
Pure functions on facts; where the paper and its release disagree, each has its rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from training.algorithms.advantages import EQUAL_SPREAD
from training.config.roc import RocConfig

NO_CALL_PENALTY = 0.5
"""Of a success without any tool call: neither clean nor unclean."""


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """What the selection looks at."""

    reward: float
    right: bool
    calls: int = 0
    """Tool calls that were answered."""
    failed_calls: int = 0
    """Those that could not be decoded, raised an error or ran out of time; not those that the tool itself is to blame
    for."""
    answers: int = 1
    """Answer tags, over all turns."""
    turns: int = 1
    """Turns of the model."""


def error_penalty(facts: RolloutFacts) -> float:
    """p_err: share of the tool calls that failed; half where there was none."""
    return facts.failed_calls / facts.calls if facts.calls else NO_CALL_PENALTY


def format_penalty(facts: RolloutFacts) -> float:
    """p_format: 1 without an answer tag, else the tags beyond the first per turn, at most 1."""
    return min(1.0, (facts.answers - 1) / facts.turns) if facts.answers else 1.0


def penalty(facts: RolloutFacts, config: RocConfig) -> float:
    """p_total = p_err + p_format, from 0 (clean) to 2, of those that are switched on."""
    return config.error_ratio * error_penalty(facts) + config.answer_format * format_penalty(facts)


def paper_quotas(right: int, wrong: int, keep: int) -> tuple[int, int]:
    """Rollouts to keep, (right, wrong): half of the wrong rounded down, and right ones up to `keep`.

    With one wrong among 2 × `keep` none of it stays, and the group has no advantage left.
    """
    of_wrong = wrong * keep // (right + wrong)
    return keep - of_wrong, of_wrong


def released_quotas(right: int, wrong: int, keep: int, min_right: int, min_wrong: int) -> tuple[int, int]:
    """Rollouts to keep, (right, wrong): each in proportion, halves to even; then the minimums, wrong ones first."""
    of_wrong = round(wrong * keep / (right + wrong))
    of_right = keep - of_wrong
    if of_wrong <= (least := min(min_wrong, wrong)):
        of_wrong = least
    elif of_right <= (least := min(min_right, right)):
        of_wrong = keep - least
    of_wrong = min(max(of_wrong, keep - right), wrong)
    return keep - of_wrong, of_wrong


def draw_clean(penalties: Sequence[float], count: int, epsilon: float, rng: np.random.Generator) -> list[int]:
    """Places of `count` rollouts, drawn without replacement with weights 1 / (penalty + epsilon).

    Exponential races: the smallest E / weight win, as if drawn one after the other (Efraimidis and Spirakis, 2006).
    """
    finish: npt.NDArray[np.float64] = rng.exponential(size=len(penalties)) * (np.asarray(penalties) + epsilon)
    return [int(place) for place in np.argsort(finish, kind="stable")[:count]]


def cleanest(penalties: Sequence[float], count: int) -> list[int]:
    """Places of the `count` lowest penalties; of equal ones, the earlier."""
    return sorted(range(len(penalties)), key=lambda place: penalties[place])[:count]


def select(group: Sequence[RolloutFacts], keep: int, config: RocConfig, seed: int) -> list[int]:
    """Places of the `keep` rollouts of a group that are learned from, in its order; none where all rewards are equal.

    The same seed selects the same.
    """
    if rewards_are_equal(group):
        return []
    if len(group) <= keep:
        return list(range(len(group)))
    right = [place for place, facts in enumerate(group) if facts.right]
    wrong = [place for place, facts in enumerate(group) if not facts.right]
    of_right = [penalty(group[place], config) for place in right]
    rng = np.random.default_rng(seed)
    if config.rule == "paper":
        count, of_wrong = paper_quotas(len(right), len(wrong), keep)
        chosen = draw_clean(of_right, count, config.epsilon, rng)
    else:
        count, of_wrong = released_quotas(len(right), len(wrong), keep, config.min_right, config.min_wrong)
        chosen = cleanest(of_right, count)
    failures: Sequence[int] = rng.choice(len(wrong), size=of_wrong, replace=False).tolist() if wrong else []
    return sorted([right[place] for place in chosen] + [wrong[place] for place in failures])


def rewards_are_equal(group: Sequence[RolloutFacts]) -> bool:
    """Whether the rollouts of a group all earned the same, so that it teaches nothing."""
    rewards = [facts.reward for facts in group]
    return max(rewards) - min(rewards) <= EQUAL_SPREAD


def selection_figures(
    groups: Sequence[Sequence[RolloutFacts]], kept: Sequence[Sequence[int]], config: RocConfig
) -> dict[str, float]:
    """What a step's selection did, by metric name; `kept` holds the places of each group. Means of nothing are left
    out."""
    drawn = [facts for group in groups for facts in group]
    learned = [group[place] for group, places in zip(groups, kept, strict=True) for place in places]
    rejected = [group for group in groups if rewards_are_equal(group)]
    figures = {
        "roc/rollouts_drawn": float(len(drawn)),
        "roc/rollouts_kept": float(len(learned)),
        "roc/groups_all_wrong": float(sum(not group[0].right for group in rejected)),
        "roc/groups_all_right": float(sum(group[0].right for group in rejected)),
        "roc/answers_mean": fmean(facts.answers for facts in drawn),
    }
    for name, some in (("roc/penalty_drawn", drawn), ("roc/penalty_kept", learned)):
        if penalties := [penalty(facts, config) for facts in some if facts.right]:
            figures[name] = fmean(penalties)
    if (ratio := error_ratio_of_right(learned)) is not None:
        figures["roc/error_ratio_kept"] = ratio
    return figures


def error_ratio_of_right(rollouts: Iterable[RolloutFacts]) -> float | None:
    """Share of the tool calls in right rollouts that failed; None where they made none."""
    right = [facts for facts in rollouts if facts.right]
    calls = sum(facts.calls for facts in right)
    return sum(facts.failed_calls for facts in right) / calls if calls else None
