"""What the agreement page shows of the figures in store: rows with readings, names of annotators, charts."""

from dataclasses import dataclass
from typing import Any

from webapp.accounts.models import User
from webapp.labeling.choices import Mode
from webapp.labeling.label_charts import bars, intervals
from webapp.labeling.naming import pseudonym_of
from webapp.labeling.readings import FIGURES, Figure

Json = dict[str, Any]
FAST_SHARE = 0.1
"""From this share of too fast labels on, an annotator is marked."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure of agreement; ``why_not`` where it is not for this mode, else an estimate with or without a value."""

    figure: Figure
    estimate: Json
    why_not: str
    reading: str


@dataclass(frozen=True, slots=True)
class AgreementPage:
    """All that the template needs."""

    content: Json
    applying: list[FigureRow]
    others: list[FigureRow]
    annotators: list[Json]
    kappas: list[Json]
    charts: list[Json]

    @property
    def has_overlap(self) -> bool:
        return bool(self.content["counts"]["twice"])


def agreement_page(content: Json, mode: Mode, reader: User) -> AgreementPage:
    """``content`` is that of `agreement_report`. Only researchers learn the names of annotators."""
    names = _names(content) if reader.is_researcher else {}
    rows = [_row(figure, content["figures"][figure.key], mode) for figure in FIGURES]
    annotators = [
        each | {"shown": _shown(each["name"], names), "is_fast": (each["too_fast"]["value"] or 0) >= FAST_SHARE}
        for each in content["annotators"]
    ]
    kappas = [
        each | {"one": _shown(each["one"], names), "other": _shown(each["other"], names)} for each in content["kappas"]
    ]
    applying = [row for row in rows if not row.why_not]
    return AgreementPage(
        content,
        applying,
        [row for row in rows if row.why_not],
        annotators,
        kappas,
        _charts(content, applying, annotators),
    )


def gap_name(low: float, high: float) -> str:
    """A bin of length gaps in words."""
    return f"{100 * low:.0f} to {100 * high:.0f} % shorter" if low else f"less than {100 * high:.0f} %"


def time_name(low: float, high: float | None) -> str:
    """A bin of seconds."""
    return f"{low:g}–{high:g}" if high is not None else f"> {low:g}"


def _row(figure: Figure, found: Json | str, mode: Mode) -> FigureRow:
    if isinstance(found, str):
        return FigureRow(figure, {}, figure.why_not(mode) or found, "")
    return FigureRow(figure, found, "", figure.reading(found["value"], found["low"], found["high"]))


def _names(content: Json) -> dict[str, str]:
    """Usernames by pseudonym."""
    ids = [int(each["name"].rpartition("-")[2]) for each in content["annotators"]]
    return {pseudonym_of(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}


def _shown(pseudonym: str, names: dict[str, str]) -> str:
    return names.get(pseudonym, pseudonym)


def _charts(content: Json, figures: list[FigureRow], annotators: list[Json]) -> list[Json]:
    rows = {unit: [(row.figure.title, row.estimate) for row in figures if row.figure.unit == unit]
            for unit in ("share", "coefficient")}  # fmt: skip
    charts = [
        intervals("shares", "Shares of agreement", rows["share"], "share", line=0.5),
        intervals("coefficients", "Coefficients", rows["coefficient"], "coefficient", line=0.0),
        intervals("annotators", "Relaxed agreement with the others",
                  [(each["shown"], each["relaxed"]) for each in annotators], "share"),
        intervals("gaps", "Relaxed agreement by length gap",
                  [(gap_name(each["low"], each["high"]), each["relaxed"]) for each in content["gaps"]], "share"),
        intervals("position", "Preferred what was shown first",
                  [("all", content["position"]), *((each["shown"], each["position"]) for each in annotators)], "share",
                  line=0.5),
        bars("time", "Time of a label",
             [(time_name(each["low"], each["high"]), each["count"]) for each in content["time"]["bins"]], "seconds"),
    ]  # fmt: skip
    return [chart for chart in charts if chart["rows"]]
