"""Tells what columns rows have: nested ones by dotted path, with kind, share filled and examples."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from training.reading.files import Row
from training.rewards.extract import extract

SNIFF_ROWS = 200
MAX_DEPTH = 4
EXAMPLES = 3
EXAMPLE_CHARS = 120


@dataclass(frozen=True, slots=True)
class Column:
    """What the first rows say of one column.

    Attributes:
        path: its name; names inside objects are joined by dots, as in ``reward_model.ground_truth``.
        kind: text, integer, number, yes/no, chat, list, empty or mixed.
        filled: share of the sniffed rows that have a value, in [0, 1].
        examples: up to three different values as text, shortened.
        length: mean number of characters.
        values: the different values of a column that has few, else empty.
        marked: share of its texts that mark an answer as a response would, in [0, 1].
    """

    path: str
    kind: str
    filled: float
    examples: tuple[str, ...]
    length: float
    values: frozenset[str]
    marked: float


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


def _flat(values: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
            yield from _flat(value, f"{path}.", depth + 1)
        else:
            yield path, value


def _column(path: str, values: list[Any], rows: int) -> Column:
    present = [value for value in values if not is_missing(value)]
    kinds = Counter(_kind(value) for value in present)
    texts = [_example(value) for value in present]
    different = list(dict.fromkeys(texts))
    return Column(
        path=path,
        kind=_common_kind(kinds),
        filled=len(present) / rows if rows else 0.0,
        examples=tuple(different[:EXAMPLES]),
        length=sum(len(str(value)) for value in present) / len(present) if present else 0.0,
        values=frozenset(different) if len(different) <= 12 else frozenset(),
        marked=_share_marked(present),
    )


def _share_marked(values: list[Any]) -> float:
    texts = [value for value in values if isinstance(value, str)]
    return sum(extract(text) is not None for text in texts) / len(texts) if texts else 0.0


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "yes/no"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "chat" if is_chat(value) else "list" if isinstance(value, list) else "other"


def _common_kind(kinds: Counter[str]) -> str:
    if not kinds:
        return "empty"
    if set(kinds) == {"integer", "number"}:
        return "number"
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
