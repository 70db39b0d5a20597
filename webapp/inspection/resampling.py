"""Why resample-on-correct kept a response, or left it out, with the numbers it looked at (arXiv 2508.20722, 2.2.3).

The penalties are those of ``training.algorithms.roc``, worked out from what is stored; a test holds the two together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from training.config.roc import RocConfig
from training.events import FAILED_CALLS
from webapp.inspection.models import Rollout, RolloutGroup, Split, ToolCall
from webapp.inspection.notes import resamples

NOT_COUNTED = ("unanswered", "infrastructure")
"""Calls that say nothing of the model."""


@dataclass(frozen=True, slots=True)
class Cleanness:
    """How clean a response is; the smaller its penalty, the likelier it is kept if it is right."""

    calls: int
    failed: int
    answers: int
    turns: int
    by_errors: bool
    by_format: bool

    @property
    def error_penalty(self) -> float:
        """p_err: share of failing calls, half without any."""
        return self.failed / self.calls if self.calls else 0.5

    @property
    def format_penalty(self) -> float:
        """p_format: 1 without an answer tag, else the tags beyond the first per turn, at most 1."""
        return min(1.0, (self.answers - 1) / self.turns) if self.answers else 1.0

    @property
    def penalty(self) -> float:
        return self.by_errors * self.error_penalty + self.by_format * self.format_penalty


@dataclass(frozen=True, slots=True)
class Resampling:
    """What became of a response among its siblings."""

    rule: str
    kept: bool
    right: bool
    cleanness: Cleanness
    drawn: int
    kept_count: int
    alike: int
    """Responses of the group with the same verdict."""
    alike_kept: int
    cleaner: int
    """Right ones with a smaller penalty."""
    is_group_dropped: bool

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        if self.is_group_dropped:
            return f"All {self.drawn} responses to this problem earned the same, so none was learned from."
        if self.kept_count == self.drawn:
            return f"All {self.drawn} were kept."
        share = f"{self.alike_kept} of {self.alike} {'right' if self.right else 'wrong'} ones were kept"
        if not self.right:
            return f"{share}, drawn evenly: failures stay as they come."
        if self.alike_kept == self.alike:
            return f"{share}: there was room for every right one."
        if self.rule == "released":
            return f"{share}, the cleanest: {self.cleaner} had a smaller penalty than this one."
        return f"{share}, drawn with weight 1 / (penalty + ε): {self.cleaner} had a smaller penalty than this one."


def resampling_of(rollout: Rollout, siblings: Sequence[Rollout]) -> Resampling | None:
    """What resample-on-correct did with a response; None where the run has none, or it is held out."""
    if rollout.split != Split.TRAIN or not resamples(rollout.run.config):
        return None
    roc = rollout.run.config["method"]["roc"]
    facts = _facts(rollout.group, roc)
    drawn = [each for each in siblings if not each.greedy]
    alike = [each for each in drawn if (each.correct is True) == (rollout.correct is True)]
    own = facts[rollout.pk]
    return Resampling(
        rule=str(roc.get("rule", RocConfig().rule)),
        kept=rollout.selected,
        right=rollout.correct is True,
        cleanness=own,
        drawn=len(drawn),
        kept_count=sum(each.selected for each in drawn),
        alike=len(alike),
        alike_kept=sum(each.selected for each in alike),
        cleaner=sum(facts[each.pk].penalty < own.penalty - 1e-9 for each in alike),
        is_group_dropped=not rollout.group.trained,
    )


def _facts(group: RolloutGroup, roc: Mapping[str, Any]) -> dict[int, Cleanness]:
    """Of every response of a group. One without a trace has no calls; its answer tags are counted in its text."""
    usual = RocConfig()
    switches = bool(roc.get("error_ratio", usual.error_ratio)), bool(roc.get("answer_format", usual.answer_format))
    counted = ToolCall.objects.filter(rollout__group=group).exclude(status__in=NOT_COUNTED).values("rollout")
    calls = {
        pk: (total, failed)
        for pk, total, failed in counted.annotate(
            total=Count("pk"), failed=Count("pk", filter=Q(status__in=FAILED_CALLS))
        ).values_list("rollout", "total", "failed")
    }
    rows = Rollout.objects.filter(group=group).values_list("pk", "trace__answers", "trace__turn_count", "body__text")
    found = {}
    for pk, answers, turns, text in rows:
        tags = (text or "").count("<answer>") if answers is None else answers
        found[pk] = Cleanness(*calls.get(pk, (0, 0)), tags, max(turns or 1, 1), *switches)
    return found
