"""Puts knobs and their values in the words of the page."""

from training.config import RunConfig
from webapp.runs.configure.names import LABELS, UNITS
from webapp.runs.escapes import escape, on_one_line
from webapp.runs.knobs import Knob, knobs_of

ESCAPED = frozenset({"method.deepsearch.search.separator"})
"""Texts that are shown and sent as they would stand in source code."""


def path_of(name: str) -> str:
    """Of a knob in a config file, where the kinds do not count."""
    knob = knobs_of(RunConfig).get(name)
    return knob.path if knob else name


def label_of(name: str) -> str:
    """What a knob is called on the page."""
    own = name.rsplit(".", 1)[-1].replace("_", " ")
    return LABELS.get(name) or LABELS.get(path_of(name)) or own[:1].upper() + own[1:]


def label_within(name: str) -> str:
    """The label as a part of a sentence; what begins with a sign or an abbreviation stays."""
    label = label_of(name)
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def unit_of(name: str) -> str:
    """What a knob counts; often empty."""
    return UNITS.get(name.rsplit(".", 1)[-1], "")


def about_kind(kind: type) -> str:
    """What a kind of a tagged union is, in the first words of its docstring."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def bounds_in_words(knob: Knob) -> str:
    """The range of a number: ``1 to 64``, ``more than 0``; empty when there is none."""
    bounds = {name: _figure(value) for name, value in knob.bounds.items()}
    match bounds:
        case {"ge": low, "le": high}:
            return f"{low} to {high}"
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
    return ", ".join(words[name].format(value) for name, value in bounds.items())


def shown(value: object) -> str:
    """A knob's value as people write it, on one line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        return on_one_line(value)
    return _figure(value) if isinstance(value, int | float) else str(value)


def html_value(name: str, value: object) -> str:
    """A knob's value as the browser holds it; a switch is ``on`` or empty."""
    if isinstance(value, str):
        return escape(value) if name in ESCAPED else value
    return "" if value is None or value is False else "on" if value is True else str(value)


def _figure(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if value == float(f"{value:g}") else repr(value)
