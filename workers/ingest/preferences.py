"""Stores what runs that learn from rankings say: which labels they use, how well they predict others, their rewards."""

from collections.abc import Iterable

from django.db.models import Count, Q

from training.events import RankingsLoaded, RankingsScored
from training.events.preferences import ItemScored
from webapp.labeling.models import LabelItem, PreferenceReport, RankingsUsed, ResponseScore
from webapp.runs.models import Run
from workers.ingest.reading import clean, cleaned

BATCH = 2000
"""Scores that are stored at a time."""


def store_rankings_loaded(run: Run, event: RankingsLoaded) -> None:
    """The labels that a run uses, in place of what an earlier attempt said."""
    figures = event.model_dump(exclude={"step", "at", "kind", "digest"})
    RankingsUsed.objects.update_or_create(run=run, defaults=figures | {"digest": clean(event.digest)[:64]})


def store_rankings_scored(run: Run, event: RankingsScored) -> None:
    """A report, and the rewards of items that are still there."""
    report = cleaned(event.model_dump(mode="json", exclude={"step", "at", "kind", "items"}))
    PreferenceReport.objects.update_or_create(run=run, step=event.step, defaults={"report": report})
    ResponseScore.objects.filter(run=run, step=event.step).delete()
    ResponseScore.objects.bulk_create(_scores(run, event), batch_size=BATCH)


def forget_preferences(run: Run, after: int) -> None:
    """Delete what was said of steps later than `after`."""
    PreferenceReport.objects.filter(run=run, step__gt=after).delete()
    ResponseScore.objects.filter(run=run, step__gt=after)._raw_delete("default")


def _scores(run: Run, event: RankingsScored) -> Iterable[ResponseScore]:
    keys = _keys(event.items)
    for told in event.items:
        key, count = keys.get((told.project, told.item), (0, 0))
        if count == len(told.rewards):
            for index, reward in enumerate(told.rewards):
                spread = told.spreads[index] if told.spreads else None
                yield ResponseScore(
                    run=run, step=event.step, item_id=key, index=index, reward=reward, spread=spread,
                    heldout=told.heldout,
                )  # fmt: skip


def _keys(items: Iterable[ItemScored]) -> dict[tuple[str, int], tuple[int, int]]:
    """(project, number) → the item's key and how many responses it has; all that are still there."""
    numbers: dict[str, list[int]] = {}
    for told in items:
        numbers.setdefault(clean(told.project), []).append(told.item)
    wanted = Q(pk__in=[])
    for slug, of_project in numbers.items():
        wanted |= Q(project__slug=slug, number__in=of_project)
    rows = LabelItem.objects.filter(wanted).annotate(count=Count("responses"))
    return {(slug, number): (key, count) for slug, number, key, count in
            rows.values_list("project__slug", "number", "pk", "count")}  # fmt: skip
