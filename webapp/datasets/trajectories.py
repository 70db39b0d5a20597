"""Sets of worked solutions as the splitter reads them: an imported set, or a built-in level of generated problems."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from django.urls import reverse

from training.builtin.problems import built_in_problems
from training.config import BuiltinProblems
from training.config.presets import AGENTS_SRL, SRL
from training.problems.computation import TOOLS_LEVEL
from training.problems.repositories import REPOSITORIES_LEVEL
from training.problems.types import DemonstratedTurn, Problem, Split
from webapp.datasets import models

LEVELS = ("easy", "middle", "hard", TOOLS_LEVEL, REPOSITORIES_LEVEL)
_ROWS_AT_ONCE = 500
_USUAL = BuiltinProblems()


class Trajectories(Protocol):
    """Problems with an expert's solutions, numbered from 1."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def key(self) -> str:
        """Differs where the contents do."""

    @property
    def total(self) -> int:
        """How many problems there are."""

    @property
    def query(self) -> dict[str, str]:
        """What tells the run form that these are wanted."""

    def at(self, number: int) -> Problem | None:
        """The problem of that number."""

    def after(self, number: int) -> Iterator[tuple[int, Problem]]:
        """Those behind it, with their numbers, in order."""

    def address(self, view: str) -> str:
        """Of the splitter's page (``steps``) or its totals (``steps_totals``)."""

    def problem_address(self, number: int) -> str:
        """Of a problem's own page; empty where it has none."""


@dataclass(frozen=True)
class ImportedTrajectories:
    """Those of an imported set."""

    problem_set: models.ProblemSet

    @property
    def name(self) -> str:
        return self.problem_set.name

    @property
    def key(self) -> str:
        return self.problem_set.content_hash

    @property
    def total(self) -> int:
        return self.problem_set.train_count + self.problem_set.heldout_count

    @property
    def query(self) -> dict[str, str]:
        return {"problems": self.problem_set.slug}

    def at(self, number: int) -> Problem | None:
        row = models.Problem.objects.filter(problem_set=self.problem_set, number=number).first()
        return self._problem(row) if row else None

    def after(self, number: int) -> Iterator[tuple[int, Problem]]:
        rows = models.Problem.objects.filter(problem_set=self.problem_set)
        while found := list(rows.filter(number__gt=number).order_by("number")[:_ROWS_AT_ONCE]):
            for row in found:
                yield row.number, self._problem(row)
            if len(found) < _ROWS_AT_ONCE:
                return
            number = found[-1].number

    def address(self, view: str) -> str:
        return reverse(f"datasets:{view}", args=[self.problem_set.slug])

    def problem_address(self, number: int) -> str:
        return reverse("datasets:problem", args=[self.problem_set.slug, number])

    def _problem(self, row: models.Problem) -> Problem:
        split: Split = "train" if row.split == "train" else "heldout"
        turns = tuple(DemonstratedTurn(**turn) for turn in row.turns)
        number = f"{self.problem_set.slug}-{row.number}"
        return Problem(number, row.prompt, row.answer, row.solution or None, split, row.level, turns=turns)


@dataclass(frozen=True)
class BuiltinTrajectories:
    """Those of a built-in level, as many as a run takes unless told otherwise."""

    level: str

    @property
    def name(self) -> str:
        return f"Built-in problems, {self.level}"

    @property
    def key(self) -> str:
        return f"built-in/{self.level}/{_counts(self.level)}/{_USUAL.seed}"

    @property
    def total(self) -> int:
        return len(_generated(self.level))

    @property
    def query(self) -> dict[str, str]:
        return {"preset": (AGENTS_SRL if self.level == REPOSITORIES_LEVEL else SRL).slug, "level": self.level}

    def at(self, number: int) -> Problem | None:
        problems = _generated(self.level)
        return problems[number - 1] if 0 < number <= len(problems) else None

    def after(self, number: int) -> Iterator[tuple[int, Problem]]:
        yield from enumerate(_generated(self.level)[number:], start=number + 1)

    def address(self, view: str) -> str:
        return reverse(f"datasets:builtin_{view}", args=[self.level])

    def problem_address(self, number: int) -> str:
        return ""


@lru_cache(maxsize=len(LEVELS))
def _generated(level: str) -> list[Problem]:
    return [each for split, count in _counts(level) for each in built_in_problems(level, count, split, _USUAL.seed)]


def _counts(level: str) -> tuple[tuple[Split, int], tuple[Split, int]]:
    """Problems to train on and held out, as a run of SRL takes them unless told otherwise."""
    problems = AGENTS_SRL.config.problems if level == REPOSITORIES_LEVEL else _USUAL
    assert isinstance(problems, BuiltinProblems)
    return ("train", problems.train_count), ("heldout", problems.heldout_count)
