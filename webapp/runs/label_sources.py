"""What runs may ask about labeling projects. These belong to an app above, which answers from when it is ready."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What a project holds to learn from."""

    labels: int = 0
    """Labels that order responses."""
    prompts: int = 0
    """Items that have such a label."""
    error: str = ""
    """Why it cannot be learned from."""


Facts = Callable[[str], LabelFacts | None]
Names = Callable[[], dict[str, str]]
_answering: list[tuple[Facts, Names]] = []


def answer_with(facts: Facts, names: Names) -> None:
    """Have these asked from now on: what a project of that short name holds (None without one), and which there are."""
    _answering[:] = [(facts, names)]


def label_facts(slug: str) -> LabelFacts:
    """Of the project of that short name."""
    found = _answering[0][0](slug) if _answering else None
    return found or LabelFacts(error=f"There is no labeling project {slug!r}.")


def projects_with_labels() -> dict[str, str]:
    """Short name → name, the newest first."""
    return _answering[0][1]() if _answering else {}
