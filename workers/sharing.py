"""Tells a run's trainer, through a file in its folder, which solutions other runs have found and which no longer count.

What a run found itself is not given back to it: its own cache keeps that, by its own rules.
"""

import logging
import time
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from training.config import DeepSearchMethod, NotCached, RunConfig, SolutionCacheConfig
from training.solutions.file import SOLUTIONS_FILE, InvalidLine, SolutionLine, append_lines, read_new
from training.solutions.keys import problem_set_name
from webapp.runs.models import Run
from webapp.search.models import VerifiedSolution

logger = logging.getLogger(__name__)

EVERY_S = 5.0
OVERLAP = timedelta(minutes=2)
"""How far back each look goes: clocks differ, and a row is dated before others can see it."""

AT_ONCE = 500
"""Solutions in memory at a time."""

Name = tuple[str, str]
"""Problem and solution: ``problem_key``, ``solution_key``."""
Change = tuple[int, datetime]


class SharedSolutions:
    """The file of one run, as far as it is written; a worker that takes a run over reads it first."""

    def __init__(self, run: Run, cache: SolutionCacheConfig, problem_set: str) -> None:
        self._run = run
        self._cache = cache
        self._problem_set = problem_set
        self._path = run.folder / SOLUTIONS_FILE
        self._given: set[Name] = set()
        self._withdrawn: set[Name] = set()
        self._seen: set[Change] = set()
        self._looked_at: datetime | None = None
        self._due = 0.0
        for line in read_new(self._path)[0]:
            self._note(line)

    def write_due(self) -> None:
        """Append what is new, if it is time to look. A disk that is full is tried again later."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_S
        try:
            self.write()
        except OSError as error:
            logger.warning("run %s: solutions cannot be handed to its trainer: %s", self._run.pk, error)

    def write(self) -> None:
        """Append what is not in the file yet. One query when nothing has changed. Raises OSError."""
        now, first = timezone.now(), self._looked_at is None
        changes = self._changes()
        fresh = [row for row in changes if (row.pk, row.changed_at) not in self._seen]
        gone = [row for row in fresh if row.invalid_at and (row.problem, row.key) not in self._withdrawn]
        self._append([InvalidLine(problem=row.problem, key=row.key, reason=row.invalid_reason) for row in gone])
        problems = {row.problem for row in fresh if row.problem_set == self._problem_set}
        if (self._cache.share or self._withdrawn) and (first or problems):
            for lines in self._missing(None if first else problems):
                self._append(lines)
        self._seen = {(row.pk, row.changed_at) for row in changes}
        self._looked_at = now

    def _changes(self) -> list[VerifiedSolution]:
        """Since the last look; before the first one, all that are invalid."""
        rows = VerifiedSolution.objects.only(
            "problem", "key", "problem_set", "invalid_at", "invalid_reason", "changed_at"
        )
        invalid = Q(invalid_at__isnull=False)  # of any problem set: two may ask the same
        if self._looked_at is None:
            return list(rows.filter(invalid))
        relevant = invalid | Q(problem_set=self._problem_set)
        return list(rows.filter(relevant, changed_at__gte=self._looked_at - OVERLAP))

    def _missing(self, problems: Collection[str] | None) -> Iterator[list[SolutionLine]]:
        """Of these problems, or all, the best solutions that the file does not hold; a few at a time."""
        best = self._best(problems).values_list("pk", "problem", "key")
        wanted = [pk for pk, problem, key in best if (problem, key) not in self._given]
        for start in range(0, len(wanted), AT_ONCE):
            part = VerifiedSolution.objects.filter(pk__in=wanted[start : start + AT_ONCE], invalid_at=None).defer(
                "search", "prompt"
            )
            yield [_line(row) for row in part.order_by("problem", "length", "pk")]

    def _best(self, problems: Collection[str] | None) -> QuerySet[VerifiedSolution]:
        """The shortest of each problem, as many as the cache keeps, that others found and let others have; and what the
        file withdrew of the run's own finds, though it is valid again."""
        reinstated = Q(key__in=[key for _, key in self._withdrawn])
        allowed = reinstated
        if self._cache.share:
            unshared = Q(found_by__config__contains={"method": {"cache": {"share": False}}})
            of_others = Q(found_by=None) | ~Q(found_by=self._run.pk) & ~unshared
            allowed = of_others | reinstated & Q(found_by=self._run.pk)
        rows = VerifiedSolution.objects.filter(allowed, problem_set=self._problem_set, invalid_at=None)
        if problems is not None:
            rows = rows.filter(problem__in=problems)
        place = Window(RowNumber(), partition_by="problem", order_by=[F("length"), F("pk")])
        return rows.annotate(place=place).filter(place__lte=self._cache.per_problem)

    def _append(self, lines: Sequence[SolutionLine | InvalidLine]) -> None:
        if lines:
            append_lines(self._path, lines)
        for line in lines:
            self._note(line)

    def _note(self, line: SolutionLine | InvalidLine) -> None:
        name = line.problem, line.key
        if isinstance(line, SolutionLine):
            self._given.add(name)
            self._withdrawn.discard(name)
        else:
            self._withdrawn.add(name)
            self._given.discard(name)


def shared_solutions(run: Run, config: RunConfig) -> SharedSolutions | None:
    """Write the run's file for a start; returns what goes on writing it, or None where no solutions of others are used.

    Raises OSError when the file cannot be read or written.
    """
    method = config.method
    if isinstance(method, DeepSearchMethod) and method.cache.enabled:
        cache = method.cache
    elif isinstance(config.selection, NotCached):
        cache = SolutionCacheConfig()
    else:
        return None
    shared = SharedSolutions(run, cache, problem_set_name(config.problems))
    shared.write()
    return shared


def _line(row: VerifiedSolution) -> SolutionLine:
    return SolutionLine(
        problem=row.problem,
        key=row.key,
        text=row.text,
        token_ids=np.frombuffer(row.token_ids, "<i4").tolist(),
        logprobs=b64encode(row.logprobs).decode("ascii"),
        tokenizer=row.tokenizer,
        verifier=row.verifier,
    )
