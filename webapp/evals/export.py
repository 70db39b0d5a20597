"""Evaluations as CSV: one line a problem of one evaluation, or one line an evaluation of a list."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from webapp.evals.listing import Row
from webapp.evals.models import AskedProblem, Evaluation
from webapp.inspection.export import FORMULA_STARTS
from webapp.inspection.models import RolloutGroup, Split

PROBLEM_COLUMNS = (
    "problem_id", "key", "level", "samples", "right", "pass_rate", "tokens_mean", "reference", "group",
)  # fmt: skip
LIST_COLUMNS = (
    "id", "model", "problem_set", "status", "k", "temperature", "max_tokens", "search", "problems", "pass_at_1", "low",
    "high", "pass_at_k", "maj_at_k", "tokens_mean", "searched_tokens_mean", "overrides",
)  # fmt: skip


def problem_lines(evaluation: Evaluation) -> Iterator[str]:
    """The lines of a CSV file of an evaluation's problems, in the order they were asked."""
    known = {each.problem_id: each for each in AskedProblem.objects.filter(run=evaluation.run)}
    groups = RolloutGroup.objects.filter(run=evaluation.run, split=Split.HELDOUT).order_by("step", "index")
    rows = groups.values_list("prompt__problem_id", "size", "correct_count", "length_mean", "prompt__answer", "pk")
    yield line(PROBLEM_COLUMNS)
    for name, size, right, tokens, answer, pk in rows.iterator(chunk_size=500):
        of = known.get(name)
        key, level = (of.key, of.level) if of else ("", "")
        yield line([name, key, level, size, right, right / size if size else "", tokens, answer, pk])


def list_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a CSV file of evaluations."""
    yield line(LIST_COLUMNS)
    for row in rows:
        yield line(list_values(row).values())


def list_values(row: Row) -> dict[str, Any]:
    """An evaluation as a flat record."""
    made = row.evaluation
    values = (
        made.pk, made.label, made.problem_set, made.run.status, made.samples, made.temperature, made.max_tokens,
        made.searches, made.asked, row.avg, row.low, row.high, row.pass_k, row.maj, row.tokens,
        row.searched_tokens, made.overrides,
    )  # fmt: skip
    return dict(zip(LIST_COLUMNS, values, strict=True))


def line(values: Iterable[Any]) -> str:
    """One line; a spreadsheet must not take a text for a formula."""
    written = StringIO()
    csv.writer(written).writerow(
        [f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value for value in values]
    )
    return written.getvalue()
