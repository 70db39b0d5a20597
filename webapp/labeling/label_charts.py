"""What the charts of labeling's statistics draw, for the pages' script: dots with intervals, and bars."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
DIGITS = 6


def intervals(
    key: str, title: str, rows: Iterable[tuple[str, Json]], unit: str, *, line: float | None = None, most: int = 40
) -> Json:
    """A row with a dot and an interval for each estimate that has a value; ``line`` marks what chance would give."""
    known = [(name, estimate) for name, estimate in rows if estimate.get("value") is not None][:most]
    return {
        "key": key,
        "title": title,
        "kind": "intervals",
        "unit": unit,
        "line": line,
        "rows": [
            {
                "name": name,
                "value": _number(estimate["value"]),
                "low": _number(estimate["low"]),
                "high": _number(estimate["high"]),
                "n": estimate["n"],
            }
            for name, estimate in known
        ],
    }


def bars(key: str, title: str, rows: Iterable[tuple[str, int]], axis: str) -> Json:
    """A bar for each count."""
    return {
        "key": key,
        "title": title,
        "kind": "bars",
        "axis": axis,
        "rows": [{"name": name, "value": value} for name, value in rows],
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
