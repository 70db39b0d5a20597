"""What lay behind one point of a chart: all groups and rollouts of a step."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, Max, Min, Q, QuerySet, Value
from django.db.models.functions import Left

from webapp.core.paging import Page, keyset_page
from webapp.inspection.histogram import Bar, histogram, median_of
from webapp.inspection.models import EQUAL_SPREAD, Rollout, RolloutGroup, Split
from webapp.inspection.notes import has_critic, is_searched, mark_reused, uniform_rule
from webapp.inspection.prefixes import Frame
from webapp.inspection.prompts import problem_text, prompt_frame
from webapp.runs.models import Run

SORTS = {
    "index": "Group", "reward_mean": "Mean reward", "reward_std": "Spread", "correct_count": "Right",
    "length_mean": "Length",
}  # fmt: skip
"""Columns the group table can be sorted by; a ``-`` before turns the order round."""
PAGE_SIZE = 64
SAMPLE_CHARACTERS = 1200


@dataclass(frozen=True, slots=True)
class Steps:
    """Which step was asked for, which is shown, and where its neighbours are."""

    asked: int
    shown: int
    previous: int | None
    next: int | None

    @property
    def is_fallback(self) -> bool:
        return self.shown != self.asked


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of a step's rollouts; a greedy response beside the samples does not count."""

    groups: int
    expected_groups: int | None
    equal: int
    """Groups whose responses all earned the same."""
    dropped: int
    """Groups that were not trained on: dynamic sampling, or the rule for trees of equal ends, put them aside."""
    refilled: bool
    """Whether other groups were sampled in place of those."""
    rollouts: int
    reward_mean: float | None
    right: int
    unverified: int
    truncated: int
    length_mean: float | None
    length_min: int | None
    length_max: int | None
    bars: list[Bar]
    median_reward: float | None

    @property
    def missing(self) -> int:
        """Groups not written (yet)."""
        return max((self.expected_groups or 0) - self.counted, 0)

    @property
    def counted(self) -> int:
        """Groups that fill the step."""
        return self.groups - self.dropped if self.refilled else self.groups

    def share(self, count: int, of: int) -> float | None:
        return count / of if of else None

    @property
    def accuracy(self) -> float | None:
        return self.share(self.right, self.rollouts)

    @property
    def truncated_share(self) -> float | None:
        return self.share(self.truncated, self.rollouts)

    @property
    def equal_share(self) -> float | None:
        return self.share(self.equal, self.groups)


@dataclass(frozen=True, slots=True)
class StepPage:
    """Everything the page of a step shows."""

    run: Run
    split: Split
    steps: Steps
    summary: Summary
    groups: Page[RolloutGroup]
    sort: str
    samples: list[tuple[str, Rollout]]
    """Best, median and worst, each with ``problem`` and the beginning of its text as ``excerpt``."""

    @property
    def rule(self) -> str:
        """What is done with trees whose ends are all alike; empty for groups that are no trees."""
        searched = is_searched(self.run.config) and self.split == Split.TRAIN
        return uniform_rule(self.run.config) if searched else ""

    @property
    def partial(self) -> str:
        """What is missing of the step, in words; empty when nothing is."""
        summary = self.summary
        if not summary.missing:
            return ""
        written = f"{summary.counted} of {summary.expected_groups} groups"
        if not self.run.state.is_terminal and self.run.step <= self.steps.shown:
            return f"{written} are written so far."
        if summary.dropped and summary.refilled:
            return f"{written} could be trained on: dynamic sampling found no more with a signal in its rounds."
        return f"{written} were written."


def find_steps(run: Run, split: Split, asked: int) -> Steps | None:
    """The step itself; where nothing of it was kept, the latest earlier one, else the earliest; None for none."""
    groups = RolloutGroup.objects.filter(run=run, split=split)
    upwards = groups.order_by("step").values_list("step", flat=True)
    downwards = groups.order_by("-step").values_list("step", flat=True)
    shown = downwards.filter(step__lte=asked).first()
    if shown is None:
        shown = upwards.first()
    if shown is None:
        return None
    return Steps(asked, shown, downwards.filter(step__lt=shown).first(), upwards.filter(step__gt=shown).first())


def read_step(run: Run, split: Split, steps: Steps, sort: str, cursor: str) -> StepPage:
    """The page of ``steps.shown``. An unknown ``sort`` means the order the groups were sampled in."""
    groups = RolloutGroup.objects.filter(run=run, split=split, step=steps.shown)
    rollouts = Rollout.objects.filter(run=run, split=split, step=steps.shown, greedy=False)
    sort = sort if sort.removeprefix("-") in SORTS else "index"
    summary = _summarise(run, split, groups, rollouts)
    frame = prompt_frame(run)
    by, descending = sort.removeprefix("-"), sort.startswith("-")
    listed = groups.annotate(problem=problem_text(frame, "prompt__text"), problem_id=F("prompt__problem_id"))
    page: Page[RolloutGroup] = keyset_page(listed, by=by, descending=descending, cursor=cursor, size=PAGE_SIZE)
    if is_searched(run.config):
        mark_reused(page.rows)
    return StepPage(
        run=run,
        split=split,
        steps=steps,
        summary=summary,
        groups=page,
        sort=sort,
        samples=_samples(rollouts, frame, summary.median_reward),
    )


def _summarise(run: Run, split: Split, groups: QuerySet[RolloutGroup], rollouts: QuerySet[Rollout]) -> Summary:
    alike = Q(reward_std__lte=EQUAL_SPREAD)
    if is_searched(run.config):  # of trees the ends count, whatever else they are paid for
        alike = Q(correct_count=0) | Q(correct_count=F("size"))
    elif has_critic(run.config):  # siblings are not compared, if there are any
        alike = Q(pk=None)
    of_groups = groups.aggregate(
        groups=Count("pk"),
        equal=Count("pk", filter=alike),
        dropped=Count("pk", filter=Q(trained=False)),
    )
    of_rollouts = rollouts.aggregate(
        rollouts=Count("pk"),
        reward_mean=Avg("reward"),
        right=Count("pk", filter=Q(correct=True)),
        unverified=Count("pk", filter=Q(correct=None)),
        truncated=Count("pk", filter=Q(finish_reason="length")),
        length_mean=Avg("length"),
        length_min=Min("length"),
        length_max=Max("length"),
    )
    counts = list(rollouts.values_list("reward").annotate(count=Count("pk")).order_by("reward"))
    return Summary(
        **of_groups,
        **of_rollouts,
        refilled=not is_searched(run.config),
        expected_groups=_expected_groups(run, split),
        bars=histogram(counts),
        median_reward=median_of(counts),
    )


def _expected_groups(run: Run, split: Split) -> int | None:
    """How many groups a step of this split has when all of it is written."""
    if split == Split.TRAIN:
        sampling: dict[str, Any] = run.config.get("method", {}).get("sampling", {})
        return sampling.get("prompts_per_step")
    # A set may hold fewer held-out problems than the config asks for; the first evaluation shows how many there are.
    first = RolloutGroup.objects.filter(run=run, split=split).order_by("step").values("step")[:1]
    return RolloutGroup.objects.filter(run=run, split=split, step=first).count()


def _samples(rollouts: QuerySet[Rollout], frame: Frame, median: float | None) -> list[tuple[str, Rollout]]:
    """Of several best ones the most surprising: right where its siblings mostly failed; and so for the worst.

    Found on narrow rows; only then are three texts read.
    """
    if median is None:
        return []
    narrow = rollouts.values_list("pk")
    orders = (
        ("Best", narrow.order_by("-reward", F("advantage").desc(nulls_last=True), "id")),
        ("Median", narrow.filter(reward=median).order_by("-id")),  # seldom the one that is best or worst, too
        ("Worst", narrow.order_by("reward", F("advantage").asc(nulls_last=True), "id")),
    )
    picks = [rows.annotate(title=Value(title))[:1] for title, rows in orders]
    picked = {title: pk for pk, title in picks[0].union(*picks[1:], all=True)}
    read = rollouts.annotate(
        excerpt=Left("body__text", SAMPLE_CHARACTERS), problem=problem_text(frame, "group__prompt__text")
    ).in_bulk(picked.values())
    return [(title, read[picked[title]]) for title, _ in orders if title in picked]
