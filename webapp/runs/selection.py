"""Which of its training problems a run took, as its pages show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp.runs.configure.names import KINDS
from webapp.runs.models import ProblemSelection, Run


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the problems, or of the responses, and why they are apart."""

    words: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class SelectionView:
    """A selection, laid out."""

    rule: str
    """In words."""
    asked: int
    kept: int
    samples: int
    solutions: int
    tokens: int
    seconds: float
    dropped: list[Part]
    """Problems left out, the most frequent reason first."""
    filtered: list[Part]
    """Right responses left out, as shares of all right ones."""
    examples: list[Mapping[str, Any]]

    @property
    def share(self) -> float:
        """Share of the problems that stays."""
        return self.kept / self.asked if self.asked else 0.0


def selection_of(run: Run) -> SelectionView | None:
    """None for a run that takes all problems, or has not chosen yet."""
    stored = ProblemSelection.objects.filter(run=run).first()
    return view_of(stored.told) if stored else None


def view_of(told: Mapping[str, Any]) -> SelectionView:
    """Of what the trainer said (``ProblemSelection.told``)."""
    right = told["solutions"] + sum(told["filtered"].values())
    return SelectionView(
        rule=KINDS.get(told["rule"], told["rule"]),
        asked=told["asked"],
        kept=told["kept"],
        samples=told["samples"],
        solutions=told["solutions"],
        tokens=told["tokens"],
        seconds=told["seconds"],
        dropped=_parts(told["dropped"], told["asked"]),
        filtered=_parts(told["filtered"], right),
        examples=told["examples"],
    )


def _parts(counts: Mapping[str, int], total: int) -> list[Part]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Part(words, count, count / total if total else 0.0) for words, count in ordered]
