"""Reads items to be ranked from files of prompts with several responses each.

Three shapes of rows are understood, also mixed in a file:

- ``{"prompt" or "question": …, "responses": [{"text": …, "source"?: …, "correct"?: …}, …]}``; a response may be plain
  text
- a question with a column for each model: ``{"question": …, "6b": {"solution": …, "is_correct": …}, "175b": {…}}``
- a row for each question and model: ``{"question": …, "model": …, "solution": …, "is_correct"?: …}``; rows of one
  question become one item

``ground_truth``, ``reference`` or ``answer`` is the reference answer where it is text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.reading import Source, UnreadableFileError, detect_format, read_rows
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items, why_not
from webapp.labeling.models import LabelProject

PROMPT = ("prompt", "question", "problem")
REFERENCE = ("ground_truth", "reference", "answer")
TEXT = ("text", "solution", "response", "completion")
WRITER = ("source", "model")
CORRECT = ("correct", "is_correct")

VERDICTS = {"true": True, "1": True, "false": False, "0": False, "": None}

MOST_ITEMS = 10_000
"""Of one file: they are stored while somebody waits, about a thousand a second."""
MOST_LISTED = 1000
"""Refused rows of which the reason is kept; all are counted."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that became no item. ``line`` is its line (JSON Lines, CSV) or position (JSON, Parquet), from 1."""

    line: int
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import did; ``refused`` lists the first `MOST_LISTED` of ``refused_count`` rows."""

    items: int = 0
    refused_count: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_LISTED:
            self.refused.append(RefusedRow(line, reason))


class _BadRowError(Exception):
    """Why a row can be no item, in words."""


@dataclass(slots=True)
class _Gathered:
    """An item as far as the file told of it: from one row, or from all rows of a question."""

    lines: list[int]
    prompt: str
    reference: str
    responses: list[ResponseDraft]


def import_items(project: LabelProject, path: Path, name: str, after: int | None = None) -> ImportReport:
    """Add the items of a file, called ``name`` by whoever brought it: all that can be used, or none on any error.

    ``after`` is as for `add_items`. Bad rows are counted, each with its line and the reason. Raises UserError when the
    file as a whole makes no sense.
    """
    drafts, report = read_items(project, path, name)
    add_items(project, drafts, after)
    return report


def read_items(project: LabelProject, path: Path, name: str) -> tuple[list[ItemDraft], ImportReport]:
    """The items that `import_items` would add, and what it would report."""
    report = ImportReport()
    try:
        gathered = _gather(Source(path, detect_format(path, name), name), report)
    except UnreadableFileError as error:
        raise UserError(str(error)) from error
    drafts = []
    for each in gathered:
        origin = {"file": name[:255].replace("\0", ""), "lines": each.lines}
        draft = ItemDraft(each.prompt, each.responses, each.reference, origin)
        if reason := why_not(Mode(project.mode), draft):
            for line in each.lines:
                report.refuse(line, reason)
        else:
            drafts.append(draft)
    report.refused.sort(key=lambda row: row.line)
    if len(drafts) > MOST_ITEMS:
        raise UserError(
            f"{name} holds {len(drafts):,} items; at most {MOST_ITEMS:,} are taken at once. Split it into several."
        )
    report.items = len(drafts)
    return drafts, report


def _gather(source: Source, report: ImportReport) -> list[_Gathered]:
    """Items in the order in which the file begins them."""
    found: list[_Gathered] = []
    by_prompt: dict[str, _Gathered] = {}
    for row in read_rows(source):
        try:
            if row.error:
                raise _BadRowError(row.error)
            item, shared = _item_of(row.number, row.values)
        except _BadRowError as error:
            report.refuse(row.number, str(error))
            continue
        if not shared:
            found.append(item)
        elif (known := by_prompt.get(item.prompt)) is None:
            found.append(by_prompt.setdefault(item.prompt, item))
        else:
            known.lines += item.lines
            known.responses += item.responses
            known.reference = known.reference or item.reference
    return found


def _item_of(line: int, row: Mapping[str, Any]) -> tuple[_Gathered, bool]:
    """What a row tells, and whether other rows may add to it."""
    prompt = _first(row, PROMPT)
    if not isinstance(prompt, str):
        raise _BadRowError(f"no text under {', '.join(PROMPT[:-1])} or {PROMPT[-1]}")
    told = row.get("responses")
    columns = {key: value for key, value in row.items() if isinstance(value, dict) and _first(value, TEXT) is not None}
    if told is not None:
        if not isinstance(told, list):
            raise _BadRowError("responses is no list")
        responses = [_response(each) for each in told]
    elif columns:
        responses = [_response(value, source=key) for key, value in columns.items()]
    elif _first(row, TEXT) is not None:
        responses = [_response(row)]
    else:
        raise _BadRowError("no responses: neither a list, nor a column for each model, nor a solution")
    reference = _first(row, REFERENCE)
    gathered = _Gathered([line], prompt, reference if isinstance(reference, str) else "", responses)
    return gathered, told is None and not columns


def _response(told: object, source: str = "") -> ResponseDraft:
    if isinstance(told, str):
        return ResponseDraft(told, source)
    if not isinstance(told, dict):
        raise _BadRowError("a response is neither text nor an object")
    text, correct, writer = _first(told, TEXT), _first(told, CORRECT), _first(told, WRITER)
    if isinstance(correct, str):
        # Tables of text, such as CSV, have nothing else.
        correct = VERDICTS.get(correct.strip().lower(), correct)
    if not isinstance(text, str):
        raise _BadRowError("a response without text")
    if not isinstance(correct, bool | None):
        raise _BadRowError("correct is neither true nor false")
    return ResponseDraft(text, (source or str(writer or ""))[:160], correct)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value of the first of these keys that the row has."""
    return next((row[key] for key in keys if row.get(key) is not None), None)
