"""What the strengths page shows of the figures in store: one row a source, the matrix of wins, charts."""

from dataclasses import dataclass
from typing import Any

from webapp.labeling.label_charts import intervals
from webapp.labeling.ratings import ELO_START

Json = dict[str, Any]
MOST_IN_MATRIX = 12
"""Sources in the matrix of wins, the strongest first."""
SHADES = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """Of two sources, what share of their comparisons the one of the row won; ``n`` 0: they never met."""

    share: float | None
    wins: float
    n: float

    @property
    def shade(self) -> str:
        """CSS class: from 0, always lost, to 10, always won."""
        return "" if self.share is None else f"shade-{round(self.share * SHADES)}"


@dataclass(frozen=True, slots=True)
class StrengthsPage:
    """All that the template needs; rows have ``bt`` and ``pl`` (rows of the fits or None), ``elo`` and ``skill``."""

    content: Json
    rows: list[Json]
    matrix_sources: list[str]
    matrix: list[tuple[str, list[Cell]]]
    charts: list[Json]

    @property
    def is_split(self) -> bool:
        return len(self.content["islands"]) > 1

    @property
    def has_intervals(self) -> bool:
        return any(row["pl"] and row["pl"]["log_strength"]["low"] is not None for row in self.rows)


def strengths_page(content: Json) -> StrengthsPage:
    """``content`` is that of `strengths_report`."""
    fits = {
        name: {row["source"]: row for row in content[name]["rows"]} for name in ("bradley_terry", "plackett_luce")
    }  # fmt: skip
    order = list(fits["bradley_terry"]) or content["sources"]
    rows = [
        {
            "source": source,
            "bt": fits["bradley_terry"].get(source),
            "pl": fits["plackett_luce"].get(source),
            "elo": content["elo"].get(source),
            "skill": content["trueskill"].get(source),
        }
        for source in order
    ]
    shown = order[:MOST_IN_MATRIX]
    return StrengthsPage(content, rows, shown, _matrix(content, shown), _charts(rows))


def _matrix(content: Json, shown: list[str]) -> list[tuple[str, list[Cell]]]:
    places = {name: place for place, name in enumerate(content["sources"])}
    wins = content["wins"]
    return [(one, [_cell(wins, places[one], places[other]) for other in shown]) for one in shown]


def _cell(wins: list[list[float]], one: int, other: int) -> Cell:
    won, n = wins[one][other], wins[one][other] + wins[other][one]
    return Cell(won / n if n and one != other else None, won, n if one != other else 0)


def _charts(rows: list[Json]) -> list[Json]:
    charts = []
    for fit, title in (("bt", "Bradley-Terry"), ("pl", "Plackett-Luce")):
        known = [(row["source"], row[fit]["elo"]) for row in rows if row[fit]]
        charts.append(intervals(f"strengths-{fit}", title, known, "points", line=ELO_START))
    return [chart for chart in charts if chart["rows"]]
