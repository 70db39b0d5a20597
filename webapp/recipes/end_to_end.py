"""The curves of a recipe's stages on one axis: each stage begins where the one before ended."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from training.events.metrics import metric_info
from webapp.recipes.chain import Link
from webapp.runs import series
from webapp.runs.axes import Axis, read_axis
from webapp.runs.charts import CHARTS
from webapp.runs.models import MetricSeries
from webapp.runs.series import Curve

SHOWN = (
    "heldout/pass_at_1", "heldout/greedy", "reward/mean", "response/length_mean", "policy/entropy", "heldout/loss",
    "heldout/preference_accuracy",
)  # fmt: skip
"""Metrics that are drawn end to end, where a stage has them."""
BANDS = {chart.metrics[0]: chart.band for chart in CHARTS if chart.band}
COLOURS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage lies on the axis of steps."""

    link: Link
    begin: int
    length: int
    """Steps that it did, or that it is to do."""

    @property
    def end(self) -> int:
        return self.begin + self.length


def places_of(links: Sequence[Link]) -> list[Place]:
    """One after the other. A stage that ended early is as long as it was."""
    lengths = [link.run.step if link.is_done and link.run else link.stage.run.steps for link in links]
    return [
        Place(link, begin, length)
        for link, begin, length in zip(links, accumulate(lengths, initial=0), lengths, strict=False)
    ]


def read(places: Sequence[Place], names: Collection[str], level: int, first: int, last: int) -> dict[str, Any]:
    """The curves between two steps of the whole, as JSON by number of the stage and metric."""
    found: dict[str, dict[str, Any]] = {}
    for place in places:
        if place.link.run is None or place.end < first or place.begin > last:
            continue
        inside = max(0, first - place.begin), last - place.begin
        curves = series.read([place.link.run.pk], names, level=level, first=inside[0], last=inside[1])
        if curves:
            found[str(place.link.number)] = {name: shifted(curve, place.begin) for (_, name), curve in curves.items()}
    return found


def shifted(curve: Curve, by: int) -> dict[str, Any]:
    """The curve as JSON, so many steps later."""
    return {**curve.as_json(), "steps": [step + by for step in curve.steps]}


def axis_of(places: Sequence[Place], axis: Axis, level: int) -> Curve:
    """Tokens or seconds over all stages' steps, each stage counting on from the one before."""
    runs = [place.link.run.pk for place in places if place.link.run]
    known = read_axis(runs, axis, level) if runs else {}
    whole, total = Curve([0], [0.0]), 0.0
    for place in places:
        own = known.get(place.link.run.pk) if place.link.run else None
        for step, value in zip(own.steps, own.values, strict=True) if own else ():
            if step and value is not None:
                whole.steps.append(place.begin + step)
                whole.values.append(total + value)
        total = whole.values[-1] or 0.0
        if whole.steps[-1] < place.end:  # a stage without figures has a place nevertheless
            whole.steps.append(place.end)
            whole.values.append(total)
    return whole


def charts_of(places: Sequence[Place]) -> list[dict[str, Any]]:
    """A chart for each metric that a stage has, with a curve for each stage in that stage's colour."""
    stages = {place.link.run.pk: place.link for place in places if place.link.run}
    rows = MetricSeries.objects.filter(run__in=list(stages), name__in=SHOWN).values_list("name", "run_id")
    owners: dict[str, list[Link]] = {name: [] for name in SHOWN}
    for name, run in sorted(rows, key=lambda row: stages[row[1]].number):
        owners[name].append(stages[run])
    return [_chart(name, links) for name, links in owners.items() if links]


def _chart(name: str, links: Sequence[Link]) -> dict[str, Any]:
    info = metric_info(name)
    return {
        "key": name.replace("/", "-"), "title": info.title, "unit": info.unit, "better": info.direction,
        "stacked": False, "legend": False, "sequential": True,
        "curves": [
            {"source": str(link.number), "name": name, "label": link.stage.name, "band": BANDS.get(name),
             "colour": (link.number - 1) % COLOURS + 1, "group": ""}
            for link in links
        ],
    }  # fmt: skip


def borders_of(places: Sequence[Place], names: Collection[str]) -> list[dict[str, Any]]:
    """A mark where each stage begins, on every chart."""
    return [
        {"step": place.begin, "metric": name, "severity": "word", "label": place.link.stage.name,
         "text": f"stage {place.link.number}, {place.link.stage.name}, begins"}
        for place in places for name in names
    ]  # fmt: skip
