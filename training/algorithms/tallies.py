"""The answers to one problem, summed up as far as figures need them. Pure, like the estimators."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Answer(NamedTuple):
    """What counts of a response."""

    correct: bool | None
    extracted: str | None
    tokens: int
    truncated: bool
    greedy: bool


@dataclass(slots=True)
class Tally:
    """Of one problem."""

    samples: int = 0
    right: int = 0
    votes: Counter[tuple[str | None, bool]] = field(default_factory=Counter)
    """(answer read off a response, whether it was judged right) → how many responses."""
    tokens: int = 0
    truncated: int = 0
    greedy: bool | None = None
    """Whether the greedy answer is right; None where none was asked for."""

    @property
    def share(self) -> float:
        """Of right samples."""
        return self.right / self.samples if self.samples else 0.0

    def add(self, answer: Answer) -> None:
        """Count one more answer."""
        correct = answer.correct is True
        if answer.greedy:
            self.greedy = correct
        else:
            self.add_samples(answer.extracted, correct, 1, answer.tokens, answer.truncated)

    def add_samples(self, extracted: str | None, correct: bool, count: int, tokens: int, truncated: int) -> None:
        """Count so many more sampled answers that are alike; ``tokens`` and ``truncated`` are sums over them."""
        self.samples += count
        self.right += correct * count
        self.votes[extracted, correct] += count
        self.tokens += tokens
        self.truncated += truncated

    def rejudge(self, extracted: str | None, before: bool, now: bool) -> None:
        """Let one sampled answer count for the other verdict."""
        self.votes[extracted, before] -= 1
        self.votes[extracted, now] += 1
        self.right += now - before
