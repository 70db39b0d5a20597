"""What each stage of a recipe changed, as a table: held-out figures before and after, tokens, time, checkpoint."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from training.events.metrics import MetricInfo, metric_info
from webapp.recipes.chain import Link
from webapp.runs.axes import TOKENS
from webapp.runs.charts import SCORE
from webapp.runs.models import Checkpoint, MetricPoint, MetricSeries, ProblemSelection, Run
from webapp.runs.selection import SelectionView, view_of

GREEDY = "heldout/greedy"
LENGTHS = ("heldout/length_mean", "response/length_mean")
"""Mean tokens of a response: held-out where they are measured."""
OTHERS = ("heldout/preference_accuracy", "heldout/loss", "reward/mean")
"""What is shown of a stage beside accuracy: the first of these that it has."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure at the first and at the last step that has it."""

    info: MetricInfo
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One stage; None where its run has no such figure."""

    link: Link
    run: Run
    sampled: Change | None
    greedy: Change | None
    other: Change | None
    length: Change | None
    tokens: float | None
    checkpoints: list[Checkpoint]
    """The newest that is kept, and pinned ones: what later stages begin from."""


def results_of(links: Sequence[Link]) -> list[Result]:
    """One for each stage that has begun."""
    runs = {link.run.pk: link for link in links if link.run}
    begins = _first_points(list(runs))
    kept: dict[int, list[Checkpoint]] = defaultdict(list)
    for checkpoint in Checkpoint.objects.filter(run__in=list(runs), removed_at=None).order_by("-step"):
        if checkpoint.pinned or not kept[checkpoint.run_id]:
            kept[checkpoint.run_id].append(checkpoint)
    return [_result(link, begins, kept[run]) for run, link in runs.items()]


def selections_of(links: Sequence[Link]) -> list[tuple[Link, SelectionView]]:
    """What each stage that chose among its problems took and left out."""
    stages = {link.run.pk: link for link in links if link.run}
    stored = ProblemSelection.objects.filter(run__in=list(stages)).values_list("run_id", "told")
    return sorted(((stages[run], view_of(told)) for run, told in stored), key=lambda pair: pair[0].number)


def _result(link: Link, begins: dict[tuple[int, str], float | None], checkpoints: list[Checkpoint]) -> Result:
    run = link.run
    assert run is not None

    def change(*names: str) -> Change | None:
        name = next((name for name in names if name in run.latest), None)
        return Change(metric_info(name), begins.get((run.pk, name)), run.latest[name]) if name else None

    return Result(
        link, run, change(SCORE), change(GREEDY), change(*OTHERS), change(*LENGTHS), run.latest.get(TOKENS), checkpoints
    )


def _first_points(runs: Sequence[int]) -> dict[tuple[int, str], float | None]:
    """The value at the first step of each metric of the table: one look into the index a series, however long it is."""
    first = MetricPoint.objects.filter(series=OuterRef("pk")).order_by("step").values("value")[:1]
    rows = MetricSeries.objects.filter(run__in=runs, name__in=[SCORE, GREEDY, *LENGTHS, *OTHERS])
    return {(run, name): value for run, name, value in rows.values_list("run_id", "name", Subquery(first))}
