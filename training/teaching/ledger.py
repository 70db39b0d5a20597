"""What a teaching has so far: its lines in memory and in the file, and what is lacking."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TextIO

from training.config.teach import Keep
from training.problems.types import Problem
from training.teaching.figures import Short, Tally, chosen
from training.teaching.lines import Line, Written, written_of
from training.teaching.teachers import Question

MOST_TRIES = 2
"""How often an answer that fails is asked for, once each time that a teaching begins or goes on."""


class Ledger:
    """Takes lines in and appends new ones. Of two lines of the same answer the later counts."""

    def __init__(self, file: TextIO, keep: Keep) -> None:
        self.tally = Tally()
        self.left_out: dict[int, str] = {}
        """Why problems, by their number, are not asked."""
        self._file = file
        self._keep: Keep = keep
        self._answers: dict[int, dict[int, Written]] = {}
        self._rewrites: dict[int, dict[int, Written]] = {}
        self._failures: Counter[tuple[str, int, int]] = Counter()

    def append(self, line: Line) -> None:
        """Write a line and take it in."""
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self.take(line)

    def take(self, line: Line) -> None:
        """Take in a line that stands in the file."""
        self.tally.add(line)
        if line["kind"] == "problem" and line["left_out"]:
            self.left_out[line["problem"]] = line["left_out"]
        elif written := written_of(line):
            place = self._answers if written.kind == "answer" else self._rewrites
            place.setdefault(written.problem, {})[written.sample] = written
            self._failures[written.kind, written.problem, written.sample] += written.refused == "failed"

    def chosen(self, problem: int) -> list[int]:
        """The answers to a problem that become solutions, of those that are there."""
        return chosen({number: Short.of(each) for number, each in self._answers.get(problem, {}).items()}, self._keep)

    def unanswered(self, problems: Sequence[Problem], first: int, count: int) -> list[Question]:
        """A question for each problem that lacks some of ``count`` answers from number ``first`` on.

        None for one whose first right answer is there already, where that is all that is wanted.
        """
        questions = []
        for place, problem in enumerate(problems):
            if place in self.left_out or (self._keep == "first" and self.chosen(place)):
                continue
            of = self._answers.get(place, {})
            wanted = frozenset(number for number in range(first, first + count) if self._is_lacking(of.get(number)))
            if wanted:
                questions.append(Question(problem.prompt, place, first, count, wanted))
        return questions

    def to_rewrite(self, problems: Iterable[int]) -> list[Written]:
        """The chosen answers that are not written again yet."""
        return [
            self._answers[problem][sample]
            for problem in problems
            for sample in self.chosen(problem)
            if self._is_lacking(self._rewrites.get(problem, {}).get(sample))
        ]

    def _is_lacking(self, written: Written | None) -> bool:
        """What failed is asked for twice in all: a prompt that always fails must not keep a teaching from its end."""
        if written is None:
            return True
        failures = self._failures[written.kind, written.problem, written.sample]
        return written.refused == "failed" and failures < MOST_TRIES
