"""The queue of adjudication: items in dispute, the strongest first, without those that are decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from webapp.labeling import disputes
from webapp.labeling.aggregation import consensus
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.computed import computed
from webapp.labeling.label_table import Ranks
from webapp.labeling.latest_scores import latest_scoring, scores_of
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.stored_labels import LabeledItem, labeled_items, ranks_of
from webapp.labeling.values import Criterion

Why = Literal["all", "annotators", "verifier", "reward", "degree", "decided"]
WHYS: dict[Why, str] = {
    "all": "All disputes",
    "annotators": "Annotators disagree",
    "verifier": "People against verifier",
    "reward": "People against reward model",
    "degree": "Differ in degree only",
    "decided": "Decided",
}
"""Chips of the queue. Those who differ in degree only agree on which response is better; they are not among ``all``."""
MEASURED = {"annotators": "annotators", "verifier": "verifier", "reward": "reward model", "degree": "degree"}
"""Disputes by the key under which their strength is kept, and who is in dispute with people."""
OPEN = ("all", *MEASURED)
"""Chips of what is not decided."""
MOST_ROWS = 20_000
"""Disputes that are kept, the strongest ones."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item in the queue, with the strength of each dispute about it."""

    number: int
    labels: int
    strengths: dict[str, float]
    strength: float
    """Of the disputes asked for; the queue is sorted by it."""

    @property
    def whys(self) -> list[str]:
        """The disputes, in words."""
        return [WHYS[cast(Why, name)] for name in MEASURED if self.strengths.get(name)]

    @property
    def parties(self) -> str:
        """The disputes, in fewer words."""
        return ", ".join(words for name, words in MEASURED.items() if self.strengths.get(name))


@dataclass(frozen=True, slots=True)
class Queue:
    """The items of one chip, and how many each chip has."""

    why: Why
    rows: list[Dispute]
    counts: dict[Why, int]

    @property
    def chips(self) -> list[tuple[Why, str, int]]:
        return [(why, words, self.counts[why]) for why, words in WHYS.items()]

    def place_of(self, number: int) -> int | None:
        """Where an item stands, from 0; None when it is not in the queue."""
        return next((place for place, row in enumerate(self.rows) if row.number == number), None)

    def beside(self, number: int) -> tuple[int | None, int | None]:
        """Numbers of the items before and after; of an item that is not in the queue, its ends."""
        place = self.place_of(number)
        numbers = [row.number for row in self.rows]
        if place is None:
            return None, numbers[0] if numbers else None
        return (
            numbers[place - 1] if place else None,
            numbers[place + 1] if place + 1 < len(numbers) else None,
        )


def asked_why(text: str) -> Why:
    """The chip that an address names; all disputes when it names none."""
    return cast(Why, text) if text in get_args(Why) else "all"


def read_queue(project: LabelProject, why: Why) -> Queue:
    """The queue as it stands. Computes the disputes where labels have come since they were."""
    content = computed(project, "disputes", disputes_report).content
    decided = set(
        Annotation.objects.filter(
            item__project=project, kind=AnnotationKind.ADJUDICATED, withdrawn_at=None
        ).values_list("item__number", flat=True)
    )  # fmt: skip
    rows: dict[Why, list[Dispute]] = {each: [] for each in WHYS}
    known = set()
    for row in content["rows"]:
        known.add(row["number"])
        for each in ("decided",) if row["number"] in decided else OPEN:
            if strength := _strength(row, cast(Why, each)):
                rows[cast(Why, each)].append(Dispute(row["number"], row["labels"], row["strengths"], strength))
    # What was decided without any dispute can be found again as well.
    rows["decided"] += [Dispute(number, 0, {}, 0.0) for number in sorted(decided - known)]
    counts = {each: len(found) for each, found in rows.items()}
    return Queue(why, sorted(rows[why], key=lambda row: (-row.strength, row.number)), counts)


def disputes_report(project: LabelProject) -> dict[str, Any]:
    """All items in dispute, as they are kept in store; adjudicated labels are left aside.

    Rewards are those of the reward model trained last, where it scored a response, else those it came with.
    """
    criteria = [Criterion.model_validate(each) for each in project.rubric]
    most_points = sum(each.highest - each.lowest for each in criteria)
    scores = scores_of(project, latest_scoring(project))
    rows: list[dict[str, Any]] = []
    for labeled in labeled_items(project):
        rewards = [scores.get((labeled.item.number, each.index), each.reward) for each in labeled.responses]
        strengths = _strengths(Mode(project.mode), labeled, rewards, most_points)
        if any(strengths.values()):
            labels = sum(each.kind == AnnotationKind.LABEL for each in labeled.annotations)
            rows.append({"number": labeled.item.number, "labels": labels, "strengths": strengths})
    rows.sort(key=lambda row: -max(row["strengths"].values()))
    return {"rows": rows[:MOST_ROWS]}


def human_ranks(mode: Mode, labeled: LabeledItem) -> Ranks | None:
    """What the labelers of an item amount to, adjudication aside; None without a label."""
    rankings = [
        ranks_or_ties(mode, each, len(labeled.responses))
        for each in labeled.annotations
        if each.kind == AnnotationKind.LABEL
    ]
    return consensus(rankings).ranks if rankings else None


def ranks_or_ties(mode: Mode, annotation: Annotation, count: int) -> Ranks:
    """Ranks of a label; one that orders nothing ties all."""
    return ranks_of(mode, annotation, count) or (1,) * count


def _strengths(mode: Mode, labeled: LabeledItem, rewards: Sequence[float | None], most_points: int) -> dict[str, float]:
    plain = [each for each in labeled.annotations if each.kind == AnnotationKind.LABEL]
    human = human_ranks(mode, labeled)
    if human is None:
        return {}
    rankings = [ranks_or_ties(mode, each, len(labeled.responses)) for each in plain]
    values = [each.value for each in plain]
    apart = disputes.among_annotators(rankings, values)
    found = {
        "annotators": apart,
        "verifier": disputes.with_verifier(human, [each.correct for each in labeled.responses]),
        "reward": disputes.with_rewards(human, rewards),
        "degree": 0.0 if apart else disputes.in_degree(mode, values, most_points),
    }
    return {name: round(strength, 4) for name, strength in found.items()}


def _strength(row: dict[str, Any], why: Why) -> float:
    strengths: dict[str, float] = row["strengths"]
    if why == "all":
        return max(strengths[name] for name in MEASURED if name != "degree")
    return max(strengths.values()) if why == "decided" else strengths[why]
