"""The pages of verified solutions as JSON, for scripts: ``?format=json`` on any of them."""

from dataclasses import asdict
from typing import Any

from webapp.search.checks import SolutionCheck
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_listing import Listing, ProblemRow
from webapp.search.solutions_page import ProblemPage, SolutionPage, TwoSolutions

Json = dict[str, Any]
FIELDS = (
    "id", "problem", "key", "problem_id", "problem_set", "length", "verifier", "verified_at", "found_at", "found_step",
    "node", "times_used", "tokens_saved", "invalid_at", "invalid_reason",
)  # fmt: skip


def _solution(solution: VerifiedSolution, **more: Any) -> Json:
    found = {"run": solution.found_by_id, "tree": solution.tree_id}
    return {name: getattr(solution, name) for name in FIELDS} | found | more


def _row(row: ProblemRow) -> Json:
    named = {name: getattr(row, name).pk for name in ("shortest", "first", "most_used")}
    figures = ("solutions", "valid", "times_used", "tokens_saved", "newest", "verifiers")
    return (
        {
            "problem": row.key, "problem_id": row.first.problem_id, "problem_set": row.first.problem_set,
            "prompt": row.problem, "shortest_length": row.shortest.length, "first_found_at": row.first.found_at,
        }
        | {name: getattr(row, name) for name in figures}
        | {"solution_ids": named}
    )  # fmt: skip


def listing(page: Listing) -> Json:
    return {
        "sort": page.sort,
        "problems": [_row(row) for row in page.rows],
        "errors": page.filter.errors.get_json_data(),
        "next": page.next_cursor or None,
    }


def problem(page: ProblemPage) -> Json:
    rows = page.page.rows
    return {
        "problem": page.key,
        "problem_id": page.sample.problem_id,
        "problem_set": page.sample.problem_set,
        "prompt": page.sample.prompt,
        "answer": page.sample.answer,
        "solutions": page.solutions,
        "valid": page.valid,
        "times_used": page.times_used,
        "tokens_saved": page.tokens_saved,
        "shown": [
            _solution(row, text=row.shown, characters=row.characters, marks=page.marks.get(row.pk, []))  # type: ignore[attr-defined]  # added by the query
            for row in rows
        ],
        "uses": [_uses(each) for each in page.uses],
        "next": page.page.next_cursor or None,
    }


def solution(page: SolutionPage) -> Json:
    return _solution(
        page.solution,
        prompt=page.solution.prompt,
        answer=page.solution.answer,
        text=page.text,
        characters=page.characters,
        uses=[asdict(each) for each in page.uses],
        check=check(page.check) if page.check else None,
    )


def two(page: TwoSolutions) -> Json:
    return {
        "a": _solution(page.left, text=page.left.text),
        "b": _solution(page.right, text=page.right.text),
        "similarity": page.difference.similarity,
        "shared_start": page.difference.shared_start,
        "blocks": [asdict(block) for block in page.difference.blocks],
        "not_compared": {"a": page.difference.left_rest, "b": page.difference.right_rest},
    }


def check(row: SolutionCheck) -> Json:
    names = ("id", "state", "total", "done", "rejected", "undecided", "message", "created_at")
    return {name: getattr(row, name) for name in names} | {"lost": row.is_lost}


def _uses(uses: Any) -> Json:
    found = asdict(uses)
    found.pop("steps")
    return found
