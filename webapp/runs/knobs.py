"""The leaves of a pydantic config, flat and named: what forms, files, differences and the reference page are made from.

A knob is named as pydantic names it in an error: ``optimisation.learning_rate``, or ``method.grpo.loss.clip_low``
inside a tagged union, whose choice is itself a knob, ``method.kind``. In a config file the kinds are not part of the
path: ``method.loss.clip_low``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

NOT_OFFERED = frozenset({("method.kind", "evaluate")})
"""Choices (name of the knob, kind) that have pages of their own: no form of a run offers them or their knobs."""

Values = dict[str, Any]
"""Name of a knob → value."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A leaf of a config, or the choice of a tagged union."""

    name: str
    """As pydantic reports it, and as the form field is called."""
    path: str
    """As in a config file."""
    info: FieldInfo
    value_type: Any
    """Without ``None``."""
    optional: bool
    default: Any
    required: bool
    """It has no default."""
    conditions: tuple[tuple[str, str], ...]
    """Choices (name of the knob, kind) that must be made for this knob to count."""
    variants: tuple[tuple[str, type[BaseModel]], ...] = ()
    """Kinds of a tagged union, when this is its choice."""

    @property
    def help(self) -> str:
        """On one line, however the source is wrapped."""
        return " ".join((self.info.description or "").split())

    @property
    def options(self) -> tuple[str, ...]:
        """Values to choose from; empty for numbers and text."""
        if self.variants:
            return tuple(kind for kind, _ in self.variants)
        return tuple(map(str, get_args(self.value_type))) if get_origin(self.value_type) is Literal else ()

    @property
    def bounds(self) -> dict[str, float]:
        """Any of ge, gt, le, lt."""
        limits = [
            (name, getattr(limit, name, None)) for limit in self.info.metadata for name in ("ge", "gt", "le", "lt")
        ]
        return {name: value for name, value in limits if value is not None}

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether the choices among ``values`` make this knob count."""
        return all(values.get(choice) == kind for choice, kind in self.conditions)


@cache
def knobs_of(config_class: type[BaseModel]) -> dict[str, Knob]:
    """All knobs of a config by name, in order of declaration; a choice comes before what it decides on."""
    return {knob.name: knob for knob in _walk(config_class, (), (), ())}


def values_of(config: BaseModel) -> Values:
    """What a form shows for a config: its values, and defaults under the kinds it did not choose."""
    values: Values = {}
    for knob in knobs_of(type(config)).values():
        values[knob.name] = _at(config, knob.path) if knob.is_active(values) else knob.default
    return values


def tree_of(knobs: Mapping[str, Knob], values: Mapping[str, Any]) -> dict[str, Any]:
    """The nested dictionary that pydantic validates, of the knobs that count and have a value."""
    tree: dict[str, Any] = {}
    for name, knob in knobs.items():
        if name in values and knob.is_active(values):
            *groups, leaf = knob.path.split(".")
            level = tree
            for group in groups:
                level = level.setdefault(group, {})
            level[leaf] = values[name]
    return tree


def _walk(
    model: type[BaseModel], name: tuple[str, ...], path: tuple[str, ...], conditions: tuple[tuple[str, str], ...]
) -> Iterator[Knob]:
    for attribute, info in model.model_fields.items():
        here, there = (*name, attribute), (*path, attribute)
        if isinstance(info.discriminator, str):
            choice = _choice(info, info.discriminator, here, there, conditions)
            yield choice
            for kind, variant in choice.variants:
                yield from _walk(variant, (*here, kind), there, (*conditions, (choice.name, kind)))
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _walk(info.annotation, here, there, conditions)
        elif not _is_tag(info):
            kind, optional = _strip_none(info.annotation)
            required = info.is_required()
            default = None if required else info.get_default(call_default_factory=True)
            yield Knob(".".join(here), ".".join(there), info, kind, optional, default, required, conditions)


def _choice(
    info: FieldInfo, tag: str, name: tuple[str, ...], path: tuple[str, ...], conditions: tuple[tuple[str, str], ...]
) -> Knob:
    knob = ".".join((*name, tag))
    kinds = [(str(get_args(kind.model_fields[tag].annotation)[0]), kind) for kind in get_args(info.annotation)]
    variants = tuple((kind, variant) for kind, variant in kinds if (knob, kind) not in NOT_OFFERED)
    default = getattr(info.get_default(call_default_factory=True), tag, None)
    return Knob(knob, ".".join((*path, tag)), info, str, False, default, default is None, conditions, variants)


def _is_tag(info: FieldInfo) -> bool:
    return get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1


def _strip_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0], len(kinds) < len(get_args(annotation))


def _at(config: Any, path: str) -> Any:
    for attribute in path.split("."):
        config = getattr(config, attribute)
    return config
