"""What changes problem sets: store, rename, delete; and their file on disk, which trainers read."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from training.reading import Accepted
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets import usage
from webapp.datasets.models import Problem, ProblemSet

RESERVED_SLUGS = {"new", "imports", "verifier", "builtin", "teach"}
"""Words that stand where a set's slug stands in an address."""

COPY_PROBLEMS = """
    COPY datasets_problem (problem_set_id, number, split, prompt, answer, solution, level, turns) FROM STDIN
"""


def store_problem_set(
    problems: Iterable[Accepted],
    *,
    name: str,
    description: str,
    source: str,
    mapping: dict[str, object],
    report: dict[str, object],
    user: User | None,
) -> ProblemSet:
    """A new set of ``problems`` with its file, all or nothing. Raises UserError when the disk is full."""
    try:
        with transaction.atomic():
            made = ProblemSet.objects.create(
                slug=free_slug(name),
                name=name,
                description=description,
                source=source,
                mapping=mapping,
                report=report,
                created_by=user,
            )
            _store_problems(made, problems)
            made.save()
    except IntegrityError as error:
        raise UserError("Another set of this name was stored at the same moment. Try again.", status=409) from error
    return made


def export_problem_set(problem_set: ProblemSet) -> Path:
    """The set's JSON Lines file (`training.problems.Problem`, one a line); written from the rows when it is missing."""
    path = problem_file(problem_set)
    if not path.exists():
        rows = Problem.objects.filter(problem_set=problem_set).order_by("number")
        with _written_whole(path) as file:
            for row in rows.iterator(chunk_size=2000):
                file.write(problem_line(problem_set.slug, row.number, row))
    return path


def rename_problem_set(problem_set: ProblemSet, name: str, description: str) -> None:
    """Change what people read. The slug stays: runs and links know the set by it."""
    problem_set.name, problem_set.description = name, description
    problem_set.save(update_fields=["name", "description"])


def delete_problem_set(problem_set: ProblemSet) -> None:
    """Remove a set with its rows and its file, for ever. Raises UserError while a run that has not ended needs it."""
    with transaction.atomic():
        problem_set = ProblemSet.objects.select_for_update().get(pk=problem_set.pk)
        active = [use.name for use in usage.uses_of(problem_set.slug) if use.active]
        if active:
            raise UserError(f"{problem_set.name} is needed by {', '.join(active[:3])}. Stop that first.", status=409)
        path = problem_file(problem_set)
        problem_set.delete()
        transaction.on_commit(lambda: path.unlink(missing_ok=True))


def problem_file(problem_set: ProblemSet) -> Path:
    """Where the set's file is, or would be."""
    return Path(settings.PROBLEM_SETS_DIR) / f"{problem_set.slug}.jsonl"


def problem_line(slug: str, number: int, problem: Accepted | Problem) -> str:
    """One line of the file; the id leads back to ``/datasets/<slug>/problems/<number>/``."""
    record: dict[str, object] = {
        "id": f"{slug}-{number}",
        "prompt": problem.prompt,
        "answer": problem.answer,
        "solution": problem.solution or None,
        "split": problem.split,
        "level": problem.level,
        "meta": {},
        **({"turns": turns} if (turns := turns_of(problem)) else {}),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def fingerprint(digest: "hashlib._Hash", problem: Accepted) -> None:
    """Add a problem to the hash by which two imports of the same contents are recognised."""
    content: list[object] = [problem.prompt, problem.answer, problem.solution, problem.split, problem.level]
    digest.update(json.dumps([*content, turns_of(problem)] if problem.turns else content).encode())


def turns_of(problem: Accepted | Problem) -> list[dict[str, str]]:
    """The turns of its transcript as they are stored; none where it has no transcript."""
    return [turn if isinstance(turn, dict) else asdict(turn) for turn in problem.turns]


def free_slug(name: str) -> str:
    """A slug for ``name`` that no other set has: letters, digits and hyphens, as configs demand."""
    stem = slugify(name).replace("_", "-").strip("-")[:72] or "set"
    taken = set(ProblemSet.objects.filter(slug__startswith=stem).values_list("slug", flat=True)) | RESERVED_SLUGS
    slug, count = stem, 1
    while slug in taken:
        count += 1
        slug = f"{stem}-{count}"
    return slug


def _store_problems(made: ProblemSet, problems: Iterable[Accepted]) -> None:
    """Rows by COPY and lines of the file in one pass; sets counts and hash on ``made``."""
    digest = hashlib.sha256()
    with (
        _written_whole(problem_file(made)) as file,
        connection.cursor() as cursor,
        cursor.copy(COPY_PROBLEMS) as copy,
    ):
        for number, problem in enumerate(problems, start=1):
            fields = (problem.split, problem.prompt, problem.answer, problem.solution, problem.level)
            copy.write_row((made.pk, number, *fields, json.dumps(turns_of(problem))))
            file.write(problem_line(made.slug, number, problem))
            fingerprint(digest, problem)
            made.train_count += problem.split == "train"
            made.heldout_count += problem.split == "heldout"
            made.solution_count += bool(problem.solution or problem.turns)
    made.content_hash = digest.hexdigest()


@contextmanager
def _written_whole(path: Path) -> Iterator[TextIO]:
    """A file that appears under its name only when it is complete and on disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except FileNotFoundError:  # a file that the problems come from
        raise
    except OSError as error:
        raise UserError(
            f"The set's file could not be written ({error.strerror}). Free some space and try again."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
