"""Resample-on-Correct on groups of rollouts: marks what is learned from, and tells what that did."""

from collections.abc import Sequence

from training.algorithms.roc import RolloutFacts, error_ratio_of_right, rewards_are_equal, select, selection_figures
from training.config.roc import RocConfig
from training.experience.types import Group, Rollout
from training.seeds import derive_seed


def facts_of(rollout: Rollout) -> RolloutFacts:
    """What the selection looks at. Calls that the tool itself failed at, or that nobody ran, say nothing of the model
    and do not count."""
    if rollout.trace is None:
        return RolloutFacts(rollout.reward, rollout.correct is True, answers=rollout.own_text.count("<answer>"))
    counted = [call for call in rollout.trace.calls if call.answered and call.status != "infrastructure"]
    return RolloutFacts(
        reward=rollout.reward,
        right=rollout.correct is True,
        calls=len(counted),
        failed_calls=sum(call.failed for call in counted),
        answers=rollout.trace.answers,
        turns=max(len(rollout.trace.turns), 1),
    )


def mark_learned(groups: Sequence[Group], keep: int, config: RocConfig, seed: int) -> None:
    """Keep `keep` rollouts of each group, and no group of equal rewards. The others stay to be looked at only."""
    for place, group in enumerate(groups):
        facts = [facts_of(rollout) for rollout in group.rollouts]
        group.trained = not rewards_are_equal(facts)
        kept = set(select(facts, keep, config, derive_seed(seed, place)))
        for number, rollout in enumerate(group.rollouts):
            rollout.selected = number in kept


def tool_errors(groups: Sequence[Group]) -> dict[str, float]:
    """How much right responses stumble, of all that were drawn; nothing where no right one calls a tool."""
    ratio = error_ratio_of_right(facts_of(rollout) for group in groups for rollout in group.rollouts)
    return {} if ratio is None else {"tools/error_ratio_right": ratio}


def roc_figures(groups: Sequence[Group], config: RocConfig) -> dict[str, float]:
    """What the selection did in a step."""
    facts = [[facts_of(rollout) for rollout in group.rollouts] for group in groups]
    kept = [[place for place, rollout in enumerate(group.rollouts) if rollout.selected] for group in groups]
    return selection_figures(facts, kept, config)
