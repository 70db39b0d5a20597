"""Items of a run's rollouts: a prompt, and some of the different responses that its group holds."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import models
from django.db.models import Exists, F, FloatField, Max, Min, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from webapp.inspection.models import EQUAL_SPREAD, Rollout, RolloutGroup
from webapp.inspection.prefixes import Frame
from webapp.inspection.prompts import prompt_frame
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, why_not
from webapp.labeling.models import ItemResponse, LabelProject
from webapp.labeling.sources.drawing import AT_ONCE, Asked, Drawn, name_of, runs_with
from webapp.runs.models import Run

LEARNED = "learned"
"""The part of a reward that a reward model gave."""
LOOKED_AT = 200
"""Latest rollouts that tell whether a run has learned rewards."""


class Choose(models.TextChoices):
    """Which groups become items, and which of their responses come first."""

    RANDOM = "random", "At random"
    SPREAD = "spread", "Where rewards differ most"
    DISAGREEMENT = "disagreement", "Where verifier and learned reward disagree"


@dataclass(frozen=True, slots=True)
class RolloutsAsked(Asked):
    """Which groups of a run, and which of their responses."""

    choose: Choose


def runs_with_rollouts() -> QuerySet[Run]:
    return runs_with(Run.objects.filter(Exists(RolloutGroup.objects.filter(run=OuterRef("pk")))))


def has_learned_rewards(run: Run) -> bool:
    """Whether a reward model judged the run's latest rollouts."""
    latest = Rollout.objects.filter(run=run).order_by("-pk").values_list("parts", flat=True)[:LOOKED_AT]
    return any(isinstance(parts.get(LEARNED), int | float) for parts in latest)


def draw(project: LabelProject, asked: RolloutsAsked) -> Drawn:
    """Items of groups that match, at most ``asked.count``; the same for the same seed, whatever is drawn besides.

    A group that is in the project already is left out, and one with fewer different responses than asked for. Responses
    of earlier policies (from the cache) are no part of a group here.
    """
    matching = list(_matching(asked).values_list("pk", "step", "index", "reward_std"))
    here = _already_here(project, asked)
    new = [row for row in matching if row[1:3] not in here]
    random.Random(asked.seed).shuffle(new)
    if asked.choose == Choose.SPREAD:
        new.sort(key=lambda row: -round(row[3], 6))
    drawn = Drawn(len(matching), len(matching) - len(new))
    frame = prompt_frame(asked.run)
    for group in _read([row[0] for row in new]):
        if len(drawn.drafts) == asked.count:
            break
        draft = _draft(group, frame, asked)
        if draft is None or why_not(Mode(project.mode), draft):
            drawn.too_alike += 1
        else:
            drawn.drafts.append(draft)
    return drawn


def _matching(asked: RolloutsAsked) -> QuerySet[RolloutGroup]:
    groups = RolloutGroup.objects.filter(run=asked.run, split=asked.split, size__gte=asked.responses)
    groups = groups.filter(**asked.steps("step")).order_by("step", "index")
    if asked.choose == Choose.SPREAD:
        return groups.filter(reward_std__gt=EQUAL_SPREAD)
    if asked.choose == Choose.DISAGREEMENT:
        learned = Cast(KeyTextTransform(LEARNED, "rollouts__parts"), FloatField())
        own = Q(rollouts__cached=False)
        return groups.annotate(
            lowest_right=Min(learned, filter=own & Q(rollouts__correct=True)),
            highest_wrong=Max(learned, filter=own & Q(rollouts__correct=False)),
        ).filter(highest_wrong__gt=F("lowest_right"))
    return groups


def _already_here(project: LabelProject, asked: Asked) -> set[tuple[int | None, int | None]]:
    """Step and number of the groups of this run and split that items of the project were made of."""
    responses = ItemResponse.objects.filter(item__project=project, run=asked.run, split=asked.split, tree_node=None)
    return set(responses.order_by().values_list("step", "group_index").distinct())


def _read(ids: Sequence[int]) -> Iterator[RolloutGroup]:
    """The groups in this order, with prompts, rollouts and texts; a hundred are in memory at a time."""
    rollouts = Rollout.objects.filter(cached=False).select_related("body").order_by("index")
    wanted = RolloutGroup.objects.select_related("prompt").prefetch_related(models.Prefetch("rollouts", rollouts))
    for start in range(0, len(ids), AT_ONCE):
        found = wanted.in_bulk(ids[start : start + AT_ONCE])
        yield from (found[pk] for pk in ids[start : start + AT_ONCE] if pk in found)


def _draft(group: RolloutGroup, frame: Frame, asked: RolloutsAsked) -> ItemDraft | None:
    """The item of a group; None where too few of its responses differ."""
    different: dict[str, Rollout] = {}
    for rollout in group.rollouts.all():
        if hasattr(rollout, "body") and rollout.body.text.strip():
            different.setdefault(rollout.body.text.strip(), rollout)
    pool = list(different.values())
    chosen = _chosen(pool, asked, random.Random(f"{asked.seed}/{group.step}/{group.index}"))
    if len(chosen) < asked.responses:
        return None
    source = name_of(asked.run, group.step)
    responses = [
        ResponseDraft(
            text=rollout.body.text, source=source, correct=rollout.correct, reward=rollout.reward,
            length=rollout.length, run_id=asked.run.pk, step=group.step, split=group.split, group_index=group.index,
            rollout_index=rollout.index,
        )
        for rollout in sorted(chosen, key=lambda rollout: rollout.index)
    ]  # fmt: skip
    origin = {
        "run": asked.run.pk, "step": group.step, "split": group.split, "group": group.index,
        "problem": group.prompt.problem_id, "chosen": asked.choose.label.lower(), "seed": asked.seed,
    }  # fmt: skip
    return ItemDraft(frame.split(group.prompt.text)[1].strip(), responses, group.prompt.answer, origin)


def _chosen(pool: list[Rollout], asked: RolloutsAsked, generator: random.Random) -> list[Rollout]:
    """Those that the item is about first, then others at random; none where what it is about is missing."""
    generator.shuffle(pool)
    first: list[Rollout] = []
    if asked.choose == Choose.SPREAD and len(pool) > 1 < asked.responses:
        first = [max(pool, key=lambda each: each.reward), min(pool, key=lambda each: each.reward)]
    if asked.choose == Choose.DISAGREEMENT and asked.responses > 1:
        first = _opposed(pool)
        if not first:
            return []
    others = [each for each in pool if each not in first]
    return first + others[: asked.responses - len(first)]


def _opposed(pool: list[Rollout]) -> list[Rollout]:
    """The wrong response that the reward model likes best and the right one that it likes least, if it is so."""
    judged = [each for each in pool if isinstance(each.parts.get(LEARNED), int | float)]
    wrong = max((each for each in judged if each.correct is False), key=_learned, default=None)
    right = min((each for each in judged if each.correct is True), key=_learned, default=None)
    return [wrong, right] if wrong and right and _learned(wrong) > _learned(right) else []


def _learned(rollout: Rollout) -> float:
    return float(rollout.parts[LEARNED])
