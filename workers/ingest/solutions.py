"""Verified solutions that a run found, and cached ones that it used, become rows."""

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from django.db.models import Q

from training.config import RunConfig
from training.events import FoundSolution, SolutionsFound, UsedSolution
from training.solutions.keys import problem_set_name, solution_key
from webapp.runs.models import Run
from webapp.search.models import SearchTree, SolutionUse, VerifiedSolution
from webapp.search.removal import recount_uses
from webapp.search.solutions import withdraw
from workers.ingest.reading import clean


def store_solutions(run: Run, event: SolutionsFound) -> None:
    """New solutions are added; of one that is known already, whoever found it first stays its finder."""
    if event.found:
        _store_found(run, event)
    if event.used:
        _store_used(run, event.step, event.used)
    at = datetime.fromtimestamp(event.at, UTC)
    for rejected in event.rejected:
        reason = clean(f"Rejected by the verifier of run {run.pk}: {rejected.reason}")
        withdraw(VerifiedSolution.objects.filter(problem=rejected.problem, key=rejected.key), reason, at)


def _store_found(run: Run, event: SolutionsFound) -> None:
    at = datetime.fromtimestamp(event.at, UTC)
    name = problem_set_name(RunConfig.model_validate(run.config).problems)
    trees = dict(SearchTree.objects.filter(run=run, step=event.step, split="train").values_list("index", "pk"))
    rows = [_row(run, event.step, at, name, found, trees.get(found.index)) for found in event.found]
    VerifiedSolution.objects.bulk_create(rows, ignore_conflicts=True)
    _link_again(run, {(row.problem, row.key): row for row in rows if row.tree_id is not None})


def _link_again(run: Run, told: Mapping[tuple[str, str], VerifiedSolution]) -> None:
    """A resumed run finds again what it had found in trees that its interruption voided."""
    if not told:
        return
    lost = VerifiedSolution.objects.filter(found_by=run, tree=None, problem__in={problem for problem, _ in told})
    found = [row for row in lost.only("problem", "key") if (row.problem, row.key) in told]
    for row in found:
        again = told[row.problem, row.key]
        row.tree_id, row.node, row.found_step = again.tree_id, again.node, again.found_step
    VerifiedSolution.objects.bulk_update(found, ["tree", "node", "found_step"])


def _row(run: Run, step: int, at: datetime, name: str, found: FoundSolution, tree: int | None) -> VerifiedSolution:
    return VerifiedSolution(
        problem=found.problem,
        key=solution_key(found.text),
        problem_id=clean(found.problem_id)[:120],
        problem_set=name[:160],
        prompt=clean(found.prompt),
        answer=clean(found.answer),
        text=clean(found.text),
        token_ids=np.asarray(found.token_ids, "<i4").tobytes(),
        logprobs=b64decode(found.logprobs),
        tokenizer=found.tokenizer,
        length=len(found.token_ids),
        verifier=found.verifier,
        found_by=run,
        found_step=step,
        tree_id=tree if found.node is not None else None,
        node=found.node if tree is not None else None,
        found_at=at,
        verified_at=at,
    )


def _store_used(run: Run, step: int, used: Sequence[UsedSolution]) -> None:
    """One row for each solution, with all it saved: a problem may come up twice in a step."""
    saved: Counter[tuple[str, str]] = Counter()
    for each in used:
        saved[each.problem, each.key] += each.tokens_saved
    wanted = Q(pk__in=[])
    for problem, key in saved:
        wanted |= Q(problem=problem, key=key)
    keys = {
        (problem, key): pk
        for problem, key, pk in VerifiedSolution.objects.filter(wanted).values_list("problem", "key", "pk")
    }
    SolutionUse.objects.bulk_create(
        [
            SolutionUse(solution_id=keys[name], run=run, step=step, tokens_saved=tokens)
            for name, tokens in saved.items()
            if name in keys
        ],
        ignore_conflicts=True,
    )
    recount_uses(list(keys.values()))
