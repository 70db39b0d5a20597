"""Verified solutions as files, as a set to fine-tune on, and as a problem set of this installation."""

import hashlib
import json
from collections.abc import Iterator

from django.db.models import F, QuerySet

from training.reading import Accepted
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import store_problem_set
from webapp.search.models import VerifiedSolution

COLUMNS = {
    "id": "id", "problem": "problem", "problem_id": "problem_id", "problem_set": "problem_set", "answer": "answer",
    "length": "length", "verifier": "verifier", "verified_at": "verified_at", "found_by": "found_by_id",
    "found_step": "found_step", "tree": "tree_id", "node": "node", "found_at": "found_at", "times_used": "times_used",
    "tokens_saved": "tokens_saved", "invalid_at": "invalid_at", "invalid_reason": "invalid_reason", "prompt": "prompt",
    "solution": "text",
}  # fmt: skip
CHUNK = 500
TAKES = {"shortest": "The shortest of each problem", "all": "All distinct solutions"}
MOST_PROBLEMS = 50_000
"""Rows of a problem set made at once: they are held in memory and checked by one request."""


def taken(rows: QuerySet[VerifiedSolution], take: str) -> QuerySet[VerifiedSolution]:
    """The valid solutions to learn from, those of a problem together. Raises UserError for an unknown ``take``."""
    if take not in TAKES:
        raise UserError(f"Take one of: {', '.join(TAKES)}.")
    valid = rows.filter(invalid_at=None).order_by("problem", "length", "pk")
    return valid.distinct("problem") if take == "shortest" else valid


def sft_lines(rows: QuerySet[VerifiedSolution]) -> Iterator[str]:
    """JSON lines to fine-tune on; an import of this file recognises prompt, answer and solution by their names."""
    columns = ("pk", "prompt", "answer", "text", "problem_id", "problem_set", "verifier", "found_by_id", "found_step")
    for pk, prompt, answer, text, name, problems, verifier, run, step in rows.values_list(*columns).iterator(CHUNK):
        record = {
            "prompt": prompt, "solution": text, "answer": answer, "source": f"solution {pk}", "problem_id": name,
            "problem_set": problems, "verifier": verifier, "run": run, "step": step,
        }  # fmt: skip
        yield json.dumps(record, ensure_ascii=False) + "\n"


def make_problem_set(
    rows: QuerySet[VerifiedSolution], name: str, heldout_share: float, user: User, description: str
) -> ProblemSet:
    """A set whose worked solutions these are. All solutions of a problem are held out, or none.

    Raises UserError when there are none, too many, or none to train on.
    """
    columns = ("pk", "problem", "prompt", "answer", "text")
    chosen = list(rows.values_list(*columns)[: MOST_PROBLEMS + 1])
    if not chosen:
        raise UserError("No valid solution is among these. Widen the filters of the list.")
    if len(chosen) > MOST_PROBLEMS:
        raise UserError(f"These are more than {MOST_PROBLEMS:,} solutions. Narrow the list, or take the shortest only.")
    problems = [
        Accepted(
            source="solutions", row=pk, prompt=prompt, answer=answer, solution=text,
            split="heldout" if _place(key) < heldout_share else "train", level="", note="",
        )
        for pk, key, prompt, answer, text in chosen
    ]  # fmt: skip
    if all(problem.split == "heldout" for problem in problems):
        raise UserError("With so large a share held out, no problem is left to train on.")
    return store_problem_set(
        problems, name=name, description=description, source="Verified solutions", mapping={"solution": "solution"},
        report={}, user=user,
    )  # fmt: skip


def _place(key: str) -> float:
    """Where a problem stands in [0, 1): the same each time."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32


def in_order(rows: QuerySet[VerifiedSolution]) -> QuerySet[VerifiedSolution]:
    """For files: newest first."""
    return rows.order_by(F("found_at").desc(), "-pk")
