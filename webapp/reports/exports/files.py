"""The files a report can be had as, by name."""

import json
from collections.abc import Callable
from typing import Any

import yaml

from webapp.reports.built import Built
from webapp.reports.drawing import charts_of
from webapp.reports.exports.html import report_html
from webapp.reports.exports.markdown import report_markdown
from webapp.reports.exports.tables import curves_csv, result_lines, results_csv

Writer = Callable[[Built], str]


def report_json(built: Built) -> str:
    """The definition, answers, results in words, and every curve."""
    body: dict[str, Any] = {
        "definition": built.definition.model_dump(mode="json"),
        "state": built.state,
        "answers": [
            {"asked": answer.asked, "verdict": answer.verdict, "said": answer.said} for answer in built.answers
        ],
        "results": {line.heading: line.cells for line in result_lines(built.results)},
        "charts": [
            chart.as_json() for axis in built.definition.axes for chart in charts_of(built.evidence, axis)
        ],
    }  # fmt: skip
    return json.dumps(body, ensure_ascii=False, indent=1)


def definition_yaml(built: Built) -> str:
    """The definition alone, as the shipped ones are written."""
    values = built.definition.model_dump(mode="json", exclude_defaults=True)
    if goals := built.definition.goals:
        values["goals"] = [goal.model_dump(mode="json") for goal in goals]  # a goal's kind is its default
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


WRITERS: dict[str, tuple[str, Writer]] = {
    "report.html": ("text/html", report_html),
    "results.csv": ("text/csv", results_csv),
    "curves.csv": ("text/csv", curves_csv),
    "report.md": ("text/markdown", report_markdown),
    "report.json": ("application/json", report_json),
    "definition.yaml": ("application/yaml", definition_yaml),
}
"""Name of a file → its type and what writes it."""
IN_FOLDER = ("report.html", "results.csv", "curves.csv", "report.md")
"""What the command writes."""
EVERY_POINT = frozenset({"curves.csv"})
"""Files that hold each point as it was reported, however many there are."""
