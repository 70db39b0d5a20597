"""A stored config as a table: each knob's value, its default, and whether the two differ. Nothing is re-validated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.config import RunConfig
from webapp.runs.knobs import knobs_of


@dataclass(frozen=True, slots=True)
class Row:
    """One knob of a run."""

    path: str
    value: Any
    default: Any
    has_default: bool
    """False for knobs that had to be filled in, and for those that no longer exist."""
    help: str

    @property
    def changed(self) -> bool:
        return not self.has_default or self.value != self.default


def rows_of(config: Mapping[str, Any]) -> list[Row]:
    """All knobs of a stored config, in the order of their declaration."""
    values = in_order(flatten(config))
    knobs = {knob.path: knob for knob in knobs_of(RunConfig).values() if knob.is_active(values)}
    rows = []
    for path, value in values.items():
        knob = knobs.get(path)
        known = knob is not None and not knob.required
        rows.append(Row(path, value, knob.default if knob and known else None, known, knob.help if knob else ""))
    return rows


def declared_order(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same config with its knobs as they are declared: the database keeps them in an order of its own."""
    tree: dict[str, Any] = {}
    for path, value in in_order(flatten(config)).items():
        *groups, leaf = path.split(".")
        level = tree
        for group in groups:
            level = level.setdefault(group, {})
        level[leaf] = value
    return tree


def in_order(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path, in the order of declaration; paths that no longer exist come last."""
    order: dict[str, int] = {}
    for knob in knobs_of(RunConfig).values():
        order.setdefault(knob.path, len(order))  # kinds may share a path
    return dict(sorted(values.items(), key=lambda item: order.get(item[0], len(order))))


def flatten(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested groups as one dictionary: ``optimisation.learning_rate`` → value."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= flatten(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return flat


@dataclass(frozen=True, slots=True)
class Difference:
    """A knob and its value in each of several runs; ``MISSING`` where a run has none."""

    path: str
    values: Sequence[Any]

    @property
    def differs(self) -> bool:
        return any(value != self.values[0] for value in self.values[1:])


MISSING = "–"


def compare(configs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Every knob that any of the configs has, in the order of declaration."""
    flat = [flatten(config) for config in configs]
    paths = in_order({path: None for each in flat for path in each})
    return [Difference(path, [each.get(path, MISSING) for each in flat]) for path in paths]
