"""Who uses a problem set. Apps above this one register themselves, as imports may only point down."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a set; ``active`` while it still needs the rows or the file."""

    name: str
    url: str
    active: bool


Finder = Callable[[str], list[Use]]
_finders: list[Finder] = []


def register(finder: Finder) -> Finder:
    """Let ``finder`` say what uses the set of a slug; call it from an app's ``ready``."""
    if finder not in _finders:
        _finders.append(finder)
    return finder


def uses_of(slug: str) -> list[Use]:
    """Everything known to use the set, active ones first."""
    return sorted((use for finder in _finders for use in finder(slug)), key=lambda use: not use.active)
