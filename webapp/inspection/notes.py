"""What is special about a group, in a word for a badge and a sentence, by the method that gathered it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from training.config import TreeCreditConfig
from webapp.inspection.models import Rollout, RolloutGroup, Split


@dataclass(frozen=True, slots=True)
class Note:
    """A badge."""

    text: str
    meaning: str
    tone: str = ""


CACHED = Note(
    "cached solutions",
    "The cache held solutions of this problem, so direct responses took the place of a search",
    "info",
)
NO_GRADIENT = Note("equal rewards: no gradient", "All advantages are 0", "warn")
LEFT_OUT = Note(
    "equal rewards: left out", "Resample-on-correct learns from no group whose responses all earned the same"
)
DROPPED = Note("dropped by dynamic sampling", "Dynamic sampling drew another group in its place")


def is_searched(config: Mapping[str, Any]) -> bool:
    """Whether a run's groups are search trees, as far as no cached solution stood in for one."""
    return bool(config.get("method", {}).get("kind") == "deepsearch")


def has_critic(config: Mapping[str, Any]) -> bool:
    """Whether a critic judged every token, so that siblings were not compared."""
    return bool(config.get("method", {}).get("kind") == "ppo")


def resamples(config: Mapping[str, Any]) -> bool:
    """Whether a run draws more responses than it learns from."""
    return bool(config.get("method", {}).get("roc", {}).get("enabled", False))


def calls_tools(config: Mapping[str, Any]) -> bool:
    """Whether the responses of a run may call tools."""
    return bool(config.get("method", {}).get("agentic", {}).get("enabled", False))


def uniform_rule(config: Mapping[str, Any]) -> str:
    """What the run does with trees whose ends are all alike."""
    return str(config.get("method", {}).get("credit", {}).get("uniform_trees", TreeCreditConfig().uniform_trees))


def mark_reused(groups: Iterable[RolloutGroup]) -> None:
    """Find out which groups have cached solutions."""
    by_key = {group.pk: group for group in groups}
    for key in Rollout.objects.filter(group__in=by_key, cached=True).values_list("group", flat=True).distinct():
        by_key[key].reused = True


def group_notes(group: RolloutGroup, config: Mapping[str, Any]) -> list[Note]:
    """Badges of a group. For runs that search, ``group.reused`` says whether cached solutions are in it."""
    if group.split != Split.TRAIN:
        return []
    if is_searched(config):
        return _of_cached(group) if group.reused else _of_tree(group, config)
    notes = [NO_GRADIENT] if group.teaches_nothing and not has_critic(config) else []
    if group.trained:
        return notes
    return [LEFT_OUT] if resamples(config) else [*notes, DROPPED]


def _of_cached(group: RolloutGroup) -> list[Note]:
    return [CACHED, NO_GRADIENT] if group.teaches_nothing else [CACHED]


def _of_tree(group: RolloutGroup, config: Mapping[str, Any]) -> list[Note]:
    rule = uniform_rule(config)
    if not group.size:
        return [Note("nothing recorded", "The search ended without a trajectory", "warn")]
    if group.correct_count == group.size > 1:
        if group.trained:
            return [Note("all ends right", "The run keeps trees whose ends are all alike")]
        return [Note("all ends right: not trained", f"Rule for trees whose ends are all alike: {rule}", "warn")]
    if not group.trained:
        return [Note("no end right: not trained", f"Rule for trees whose ends are all alike: {rule}", "warn")]
    if not group.correct_count and group.size > 1 and rule == "confident_wrong":
        return [Note("no end right: pushed down", "Of trees without a solution, all paths are pushed down", "info")]
    return []


def why_untrained(group: RolloutGroup, config: Mapping[str, Any]) -> str:
    """A sentence for a group that was left out of training; empty where it was not."""
    if group.trained:
        return ""
    if resamples(config):
        return "Resample-on-correct left this group out: all its responses earned the same."
    if not is_searched(config):
        return "Dynamic sampling dropped this group: all its responses earned the same, so none was trained on."
    if uniform_rule(config) == "drop":
        return "All ends of this tree are alike, and the run learns from no such tree."
    return "All ends of this tree are right: the run learns from trees of equal ends only where no end is right."


def uniform_sentence(rule: str, *, right: bool) -> str:
    """What a rule did with a tree whose ends are all alike."""
    alike = "All recorded ends are right" if right else "No recorded end is right"
    if rule == "keep":
        return f"{alike}; the run keeps such trees."
    if rule == "drop" or right:
        return f"{alike}, and nothing is learned from it (rule for equal ends: {rule})."
    return f"{alike}: its paths are pushed down as a lesson, with nothing taken off (rule for equal ends: {rule})."
