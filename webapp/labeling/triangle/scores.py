"""What a project's responses earn: by a reward model that learned from its labels, or as they were paid as rollouts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from django.db.models import FloatField, Max, OuterRef, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from webapp.core.errors import UserError
from webapp.inspection.models import Rollout
from webapp.labeling.models import ItemResponse, LabelProject, ResponseScore
from webapp.runs.models import Run


@dataclass(frozen=True, slots=True)
class Score:
    """A reward; ``spread`` is the standard deviation over the heads that gave it, None where there was one."""

    reward: float
    spread: float | None = None
    heldout: bool = False
    """Whether the model never learned from the item's labels."""


class Scores(Protocol):
    """Scores of responses."""

    def of(self, item: int, index: int, stored: float | None) -> Score | None:
        """Of the response ``index`` of an item (its key), with which the reward ``stored`` came."""
        ...


class StoredScores:
    """Rewards that came with the responses: what a run paid them when they were its rollouts."""

    def of(self, item: int, index: int, stored: float | None) -> Score | None:
        return None if stored is None else Score(stored)


@dataclass(frozen=True, slots=True)
class KnownScores:
    """Scores by key of the item and index of the response."""

    rewards: Mapping[tuple[int, int], Score]
    run: Run | None = None
    """The run that gave them."""

    def of(self, item: int, index: int, stored: float | None) -> Score | None:
        return self.rewards.get((item, index))


class ShowsScores:
    """What pages with ``scores`` say of them."""

    __slots__ = ()
    scores: Scores

    @property
    def scored_by(self) -> Run | None:
        return self.scores.run if isinstance(self.scores, KnownScores) else None

    @property
    def is_learned(self) -> bool:
        """Whether the rewards are the learned part of those that were paid."""
        return isinstance(self.scores, KnownScores) and self.scores.run is None


STORED = "stored"
"""Rewards as they were paid."""
LEARNED = "learned"
"""Of those the part that a reward model gave; the name of the part among a rollout's rewards too."""


def learned_parts(project: LabelProject) -> dict[tuple[int, int], Score]:
    """What a reward model paid for the responses that were rollouts of a run that learned from one."""
    rollout = Rollout.objects.filter(
        group__run=OuterRef("run"),
        group__step=OuterRef("step"),
        group__split=OuterRef("split"),
        group__index=OuterRef("group_index"),
        index=OuterRef("rollout_index"),
    ).annotate(learned=Cast(KT(f"parts__{LEARNED}"), FloatField()))
    rows = ItemResponse.objects.filter(item__project=project, rollout_index__isnull=False)
    paid = rows.annotate(learned=Subquery(rollout.values("learned")[:1])).filter(learned__isnull=False)
    return {(item, index): Score(reward) for item, index, reward in paid.values_list("item_id", "index", "learned")}


def scoring_runs(project: LabelProject) -> list[Run]:
    """The runs that scored responses of a project, newest first."""
    scored = ResponseScore.objects.filter(item__project=project).values("run")
    return list(Run.objects.filter(pk__in=scored).only("pk", "name").order_by("-pk"))


def scores_of(project: LabelProject, runs: list[Run], asked: str) -> Scores:
    """The scores that an address asks for: a run's number, `STORED` or `LEARNED`; else those of the newest run.

    Raises UserError for a run that scored nothing here.
    """
    if asked == STORED or (not asked and not runs):
        return StoredScores()
    if asked == LEARNED:
        return KnownScores(learned_parts(project))
    run = run_of(runs, asked) if asked else runs[0]
    return KnownScores(latest(project, run), run)


def run_of(runs: list[Run], asked: str) -> Run:
    """The run of this number. Raises UserError when it is none of ``runs``."""
    run = next((run for run in runs if str(run.pk) == asked), None)
    if run is None:
        raise UserError("This run has nothing to do with the responses of this project.", status=404)
    return run


def latest(project: LabelProject, run: Run) -> dict[tuple[int, int], Score]:
    """What a run last said of each response, by key of the item and index."""
    rows = ResponseScore.objects.filter(run=run, item__project=project)
    newest = dict(rows.order_by().values("item").annotate(newest=Max("step")).values_list("item", "newest"))
    # Not the scores of all evaluations that a run ever made, of which there may be many.
    rows = rows.filter(step__in=set(newest.values()))
    told = rows.values_list("item_id", "index", "step", "reward", "spread", "heldout")
    return {
        (item, index): Score(reward, spread, heldout)
        for item, index, step, reward, spread, heldout in told
        if newest[item] == step
    }
