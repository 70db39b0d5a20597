"""Seeds and axes of a grid as people type them. Pure; everything that cannot be read is a UserError in words."""

import csv
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.reports.definition import MOST_SEEDS
from webapp.runs.configure.words import label_of, label_within
from webapp.runs.knobs import Knob, knobs_of

MOST_AXES = 3
LARGEST_SEED = 2**31 - 1
EMPTY = frozenset({"", "empty", "none", "null"})
SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class GridAxis:
    """A knob, by its path in a config file, and the values it takes."""

    path: str
    values: tuple[Any, ...]

    @property
    def key(self) -> str:
        """What tells it from the other axes."""
        return self.path

    @property
    def label(self) -> str:
        return label_of(knobs_at(self.path)[0].name)

    @property
    def words(self) -> str:
        """The label as a part of a sentence."""
        return label_within(knobs_at(self.path)[0].name)


@cache
def by_path() -> dict[str, list[Knob]]:
    """Every knob but the seed; kinds of methods, models and problem sets may share a path."""
    found: dict[str, list[Knob]] = {}
    for knob in knobs_of(RunConfig).values():
        if knob.path != "seed":
            found.setdefault(knob.path, []).append(knob)
    return found


def knobs_at(name: str) -> list[Knob]:
    """The knobs with a path, or the one with a name. Raises UserError when there is none."""
    name = name.strip()
    if found := by_path().get(name):
        return found
    if named := knobs_of(RunConfig).get(name):
        if named.path == "seed":
            raise UserError("Seeds have a field of their own; they are no axis of the grid.")
        return by_path()[named.path]
    near = difflib.get_close_matches(name, by_path(), 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else " /runs/reference/ lists them all."
    raise UserError(f"There is no knob {name!r}.{hint}")


def read_seeds(text: str) -> tuple[int, ...]:
    """Seeds of ``0-2, 7``, each once and in order."""
    seeds: set[int] = set()
    for part in filter(None, (part.strip() for part in text.replace("–", "-").split(","))):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        ends = (first, last) if dash else (first, first)
        if not all(end.isdecimal() and len(end) <= 10 and int(end) <= LARGEST_SEED for end in ends):
            raise UserError(f"Seeds are whole numbers from 0, such as 0-2 or 0, 1, 5; {part!r} is none.")
        low, high = map(int, ends)
        if high < low:
            raise UserError(f"The seeds {part} run backwards; write {high}-{low}.")
        seeds |= set(range(low, min(high, low + MOST_SEEDS) + 1))
        if len(seeds) > MOST_SEEDS:
            raise UserError(f"These are more than {MOST_SEEDS} seeds; that many is the most.")
    if not seeds:
        raise UserError("Name at least one seed, such as 0-2 or 0, 1, 5.")
    return tuple(sorted(seeds))


def read_axis(knob: str, values: str) -> GridAxis:
    """One axis of a knob's path and a list such as ``1e-4, 3e-4``; a value with a comma stands in quotes."""
    knobs = knobs_at(knob)
    parts = next(csv.reader([values.strip()], skipinitialspace=True), [])
    texts = [part.strip() for part in parts]
    if not any(texts):
        raise UserError(f"Give the values of {label_of(knobs[0].name)}, with commas between.")
    found = [_typed(text, knobs) for text in texts]
    distinct = [value for place, value in enumerate(found) if value not in found[:place]]
    return GridAxis(knobs[0].path, tuple(distinct))


def read_axes(pairs: Sequence[tuple[str, str]]) -> tuple[GridAxis, ...]:
    """Axes of pairs of knob and values; empty pairs are left out."""
    axes = [read_axis(knob, values) for knob, values in pairs if knob.strip() or values.strip()]
    if len(axes) > MOST_AXES:
        raise UserError(f"A grid has {MOST_AXES} axes at most; these are {len(axes)}.")
    paths = [axis.path for axis in axes]
    for place, path in enumerate(paths):
        if path in paths[:place]:
            raise UserError(f"{path} is an axis twice. Put all its values into one.")
    return tuple(axes)


def _typed(text: str, knobs: Sequence[Knob]) -> Any:
    """The value as the first of the knobs takes it that can: they differ where kinds share a path."""
    reasons = []
    for knob in knobs:
        try:
            return _value(text, knob)
        except ValueError as error:
            reasons.append(str(error))
    raise UserError(f"{label_of(knobs[0].name)}: {text!r} {reasons[0]}.")


def _value(text: str, knob: Knob) -> Any:
    """Raises ValueError with the rest of a sentence that begins with the text."""
    if knob.optional and text.lower() in EMPTY:
        return None
    if knob.options:
        if text not in knob.options:
            raise ValueError(f"is none of {', '.join(knob.options)}")
        return text
    if knob.value_type is bool:
        if text.lower() not in SWITCH:
            raise ValueError("is neither on nor off")
        return SWITCH[text.lower()]
    if knob.value_type in (int, float):
        return _number(text, whole=knob.value_type is int)
    return text


def _number(text: str, *, whole: bool) -> int | float:
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        raise ValueError("is no number") from None
    if whole and not value.is_integer():  # not finite ones neither
        raise ValueError("is no whole number")
    return int(value) if whole else value
