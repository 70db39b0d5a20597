"""Where in a search tree a response was recorded. Trees belong to an app above this one, which finds them for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.inspection.models import Rollout


@dataclass(frozen=True, slots=True)
class PathStep:
    """A node on the way to the end of a response."""

    node: int
    address: str
    tokens: int
    q: float
    """Raw, as it was backed up."""
    through: tuple[int, ...]
    """Indexes of the recorded responses whose path it lies on."""


@dataclass(frozen=True, slots=True)
class TreePath:
    """The way of a response through its tree, with what the tree was searched and credited by."""

    address: str
    """Of the tree, at the response's end."""
    search: Mapping[str, Any]
    """``SearchConfig``."""
    credit: Mapping[str, Any]
    """``TreeCreditConfig``."""
    recorded: tuple[int, ...]
    """Indexes of the responses that were recorded in the tree."""
    steps: tuple[PathStep, ...]
    """From the root's child to the end; empty where the tree's nodes were not kept."""


Finder = Callable[[Rollout], TreePath | None]
_finders: list[Finder] = []


def find_with(finder: Finder) -> None:
    """Ask ``finder`` for the paths of responses from now on; it says None for those of no tree."""
    if finder not in _finders:
        _finders.append(finder)


def path_of(rollout: Rollout) -> TreePath | None:
    """The path of a response; None where it was recorded in no tree."""
    return next((path for finder in _finders if (path := finder(rollout)) is not None), None)
