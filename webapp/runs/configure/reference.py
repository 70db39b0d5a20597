"""The reference of all knobs: one row for each path of a config file, though several kinds may have it."""

from dataclasses import dataclass, field

from training.config import RunConfig
from webapp.runs.configure.layout import Section, order_of, section_of
from webapp.runs.configure.names import KINDS
from webapp.runs.configure.needs import needs_of
from webapp.runs.configure.words import about_kind, bounds_in_words, label_of, shown, unit_of
from webapp.runs.knobs import Knob, knobs_of


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of a knob, whatever the kind."""

    path: str
    section: Section
    label: str
    unit: str
    type: str
    range: str
    default: str
    help: str


@dataclass(slots=True)
class Row:
    """An entry, and the knobs it stands for."""

    entry: Entry
    knobs: list[Knob] = field(default_factory=list)

    @property
    def conditions(self) -> list[str]:
        """``method.kind = GRPO or DeepSearch``, and what else must hold for the knob to change anything."""
        chosen: dict[str, list[str]] = {}
        for knob in self.knobs:
            for choice, kind in knob.conditions:
                chosen.setdefault(choice, []).append(KINDS.get(kind, kind))
        kinds = [f"{choice} = {' or '.join(dict.fromkeys(names))}" for choice, names in chosen.items()]
        return kinds + [" or ".join(map(_in_words, any_of)) for any_of in needs_of(self.knobs[0].name)]


def rows() -> list[Row]:
    """Every knob, in the order of the form."""
    found: dict[Entry, Row] = {}
    for knob in sorted(knobs_of(RunConfig).values(), key=order_of):
        entry = _entry(knob)
        found.setdefault(entry, Row(entry)).knobs.append(knob)
    return list(found.values())


def _entry(knob: Knob) -> Entry:
    return Entry(
        knob.path,
        section_of(knob),
        label_of(knob.name),
        unit_of(knob.name),
        _type_of(knob),
        " · ".join(knob.options) or bounds_in_words(knob),
        "" if knob.required else shown(knob.default),
        " ".join(about_kind(variant) for _, variant in knob.variants) or knob.help,
    )


def _type_of(knob: Knob) -> str:
    kinds = {bool: "switch", int: "whole number", float: "number"}
    name = "choice" if knob.options else kinds.get(knob.value_type, "text")
    return f"{name}, may be empty" if knob.optional else name


def _in_words(need: str) -> str:
    """``expansion = lazy``: such knobs stand close by."""
    name, value = need.split("=")
    return f"{name.rsplit('.', 1)[-1]} = {value}"
