"""A group: one problem and all responses to it at one step, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Left, Length

from webapp.inspection.credit import RewardPart, reward_parts
from webapp.inspection.expert import Beside, ExpertStep
from webapp.inspection.models import Rollout, RolloutGroup
from webapp.inspection.notes import calls_tools, is_searched, mark_reused
from webapp.inspection.prefixes import FOLDED_AT_LEAST, Parting, common_prefix, part
from webapp.inspection.prompts import prompt_frame

SORTS = {"index": "Sample", "reward": "Reward", "advantage": "Advantage", "length": "Length"}
TRACE_SORTS = {"trace__turn_count": "Turns", "trace__failed_count": "Failing calls"}
"""For runs whose responses may call tools."""
MOST_SIBLINGS = 64
READ_CHARACTERS = 16_000
"""Of each response; the rest is read on its own page."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """One response beside the others."""

    rollout: Rollout
    parts: list[RewardPart]
    parting: Parting
    """Its text from where it leaves what all share."""
    unread: int
    """Characters that are not shown here."""
    beside: Beside | None
    """Its step beside the expert's, where one was to be predicted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The same problem at one step of the run."""

    group: int
    step: int
    split: str
    pass_rate: float


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Everything the page of a group shows."""

    group: RolloutGroup
    prompt: tuple[str, str, str]
    """Template, problem, template."""
    siblings: list[Sibling]
    written: int
    """Responses there are, a greedy one included."""
    folded: str
    """The beginning that all responses share; empty when it is not worth folding."""
    sort: str
    sorts: Mapping[str, str]
    """What they can be sorted by, with titles."""
    previous: int | None
    next: int | None
    """Neighbours among the groups of the step."""
    history: list[Asked]
    expert: ExpertStep | None
    """What is compared with, where an expert's step was to be predicted."""


def read_group(group: RolloutGroup, sort: str) -> GroupPage:
    """The page of a group that was read with its run and prompt."""
    sorts = SORTS | TRACE_SORTS if calls_tools(group.run.config) else SORTS
    expert = ExpertStep.of(group)
    sort = sort if sort.removeprefix("-") in sorts else "-reward" if expert else "index"
    rollouts = _siblings(group, sort)
    texts = {rollout.pk: _text(rollout) for rollout in rollouts}
    shared = common_prefix(list(texts.values()))
    folded = shared if len(shared) >= FOLDED_AT_LEAST else ""
    config = group.run.config
    if is_searched(config):
        mark_reused([group])
    return GroupPage(
        group=group,
        prompt=prompt_frame(group.run).split(group.prompt.text),
        siblings=[
            Sibling(
                rollout,
                reward_parts(rollout.parts, config),
                part(texts[rollout.pk], folded),
                max(_characters(rollout) - READ_CHARACTERS, 0),
                expert.beside(rollout) if expert else None,
            )
            for rollout in rollouts
        ],
        written=group.rollouts.count(),
        folded=folded,
        sort=sort,
        sorts=sorts,
        previous=_neighbour(group, forward=False),
        next=_neighbour(group, forward=True),
        history=_history(group),
        expert=expert,
    )


def _siblings(group: RolloutGroup, sort: str) -> list[Rollout]:
    """Up to `MOST_SIBLINGS` responses with the beginning of their texts. Those without an advantage come last."""
    key = sort.removeprefix("-")
    order = F(key).desc(nulls_last=True) if sort.startswith("-") else F(key).asc(nulls_last=True)
    rows = (
        Rollout.objects.filter(group=group)
        .select_related("trace")
        .annotate(beginning=Left("body__text", READ_CHARACTERS), characters=Length("body__text"))
    )
    return list(rows.order_by(order, "index")[:MOST_SIBLINGS])


def _text(rollout: Rollout) -> str:
    return getattr(rollout, "beginning", None) or ""


def _characters(rollout: Rollout) -> int:
    return getattr(rollout, "characters", None) or 0


def _neighbour(group: RolloutGroup, *, forward: bool) -> int | None:
    same_step = RolloutGroup.objects.filter(run=group.run_id, step=group.step, split=group.split)
    if forward:
        rows = same_step.filter(index__gt=group.index).order_by("index")
    else:
        rows = same_step.filter(index__lt=group.index).order_by("-index")
    return rows.values_list("pk", flat=True).first()


def _history(group: RolloutGroup) -> list[Asked]:
    """Every time this problem was asked in the run, by step."""
    rows = RolloutGroup.objects.filter(prompt=group.prompt_id, size__gt=0).order_by("step", "pk")
    return [
        Asked(pk, step, split, correct / size)
        for pk, step, split, correct, size in rows.values_list("pk", "step", "split", "correct_count", "size")
    ]
