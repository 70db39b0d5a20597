"""Tells what columns rows have: nested ones by dotted path, with kind, rows that fill them and examples."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.reading.files import Row
from training.rewards.extract import extract

SNIFF_ROWS = 200
MAX_DEPTH = 4
EXAMPLES = 3
EXAMPLE_CHARS = 120

_FIRST_STEP = re.compile(r"^[ \t]*1\.[ \t]*\*\*.+?\*\*", re.MULTILINE)
_SECOND_STEP = re.compile(r"^[ \t]*2\.[ \t]*\*\*.+?\*\*", re.MULTILINE)
_CALLS = ("<tool_call>", "<function=", "<function_call>")
_TOOLS = {"tool", "function", "function_call", "observation", "ipython"}


@dataclass(frozen=True, slots=True)
class Column:
    """What the first rows say of one column.

    Attributes:
        path: its name; names inside objects are joined by dots, as in ``reward_model.ground_truth``.
        kind: text, integer, number, yes/no, chat, transcript (a chat that calls tools), list, empty or mixed.
        filled: how many of the sniffed rows have a value.
        rows: how many rows were sniffed.
        examples: up to three different values as text, shortened.
        length: mean number of characters.
        values: the different values of a column that has few, else empty.
        marked: share of its texts that mark an answer as a response would, in [0, 1].
        numbered: share of its texts with steps like ``1. **Title**``, in [0, 1].
    """

    path: str
    kind: str
    filled: int
    rows: int
    examples: tuple[str, ...]
    length: float
    values: frozenset[str]
    marked: float
    numbered: float = 0.0

    @property
    def kind_in_words(self) -> str:
        """The kind, and whether most of its texts are steps."""
        return f"{self.kind}, numbered steps" if self.numbered > 0.5 else self.kind


def sniff(rows: Iterable[Row]) -> list[Column]:
    """The columns of the first readable rows, in the order they first appear."""
    cells: dict[str, list[Any]] = {}
    count = 0
    for row in rows:
        if row.error:
            continue
        count += 1
        for path, value in _flat(row.values):
            cells.setdefault(path, []).append(value)
        if count == SNIFF_ROWS:
            break
    return [_column(path, values, count) for path, values in cells.items() if printable(path) == path]


def lookup(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None. A name that itself has dots is found before a nested one."""
    if path in values:
        return values[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = values.get(head)
        if isinstance(inner, Mapping):
            return lookup(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def printable(text: str) -> str:
    """``text`` with what neither a database nor a page can hold (NUL, lone surrogates) replaced."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def is_missing(value: Any) -> bool:
    """None, NaN, blank text, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value != value or value == [] or value == {}


def is_chat(value: Any) -> bool:
    """Whether ``value`` is a list of messages, each with a role and content (or ``from`` and ``value``)."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and {"role", "from"} & turn.keys() for turn in value)
    )


def as_chat(value: Any) -> Sequence[Mapping[str, Any]] | None:
    """The messages of a chat, which may be given as JSON text; None for anything else."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if is_chat(value) else None


def _calls_tools(chat: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        turn.get("tool_calls")
        or turn.get("function_call")
        or str(turn.get("role", turn.get("from"))).lower() in _TOOLS
        or any(mark in str(turn.get("content", turn.get("value"))) for mark in _CALLS)
        for turn in chat
    )


def _flat(values: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
            yield from _flat(value, f"{path}.", depth + 1)
        else:
            yield path, value


def _column(path: str, values: list[Any], rows: int) -> Column:
    present = [value for value in values if not is_missing(value)]
    read = [as_chat(value) or value for value in present]
    kinds = Counter(map(_kind, read))
    texts = [_example(value) for value in read]
    different = list(dict.fromkeys(texts))
    return Column(
        path=path,
        kind=_common_kind(kinds),
        filled=len(present),
        rows=rows,
        examples=tuple(different[:EXAMPLES]),
        length=sum(len(str(value)) for value in present) / len(present) if present else 0.0,
        values=frozenset(different) if len(different) <= 12 else frozenset(),
        marked=_share(present, lambda text: extract(text) is not None),
        numbered=_share(present, lambda text: bool(_FIRST_STEP.search(text) and _SECOND_STEP.search(text))),
    )


def _share(values: list[Any], holds: Callable[[str], bool]) -> float:
    texts = [value for value in values if isinstance(value, str)]
    return sum(map(holds, texts)) / len(texts) if texts else 0.0


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "yes/no"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "text"
    if is_chat(value):
        return "transcript" if _calls_tools(value) else "chat"
    return "list" if isinstance(value, list) else "other"


def _common_kind(kinds: Counter[str]) -> str:
    if not kinds:
        return "empty"
    if set(kinds) == {"integer", "number"}:
        return "number"
    if kinds["transcript"] > sum(kinds.values()) / 2:
        return "transcript"  # the others are broken, or call nothing: their rows say so
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


def _example(value: Any) -> str:
    if is_chat(value):
        text = " · ".join(
            f"{turn.get('role', turn.get('from'))}: {turn.get('content', turn.get('value'))}" for turn in value
        )
    else:
        text = str(value)
    text = " ".join(printable(text[: 4 * EXAMPLE_CHARS]).split())
    return text if len(text) <= EXAMPLE_CHARS else text[: EXAMPLE_CHARS - 1] + "…"
