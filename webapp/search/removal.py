"""Deletes what searches left behind, in a few statements however much it is."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from webapp.runs.models import Run
from webapp.search.models import (
    HardSubset,
    LiveTree,
    SearchBody,
    SearchNode,
    SearchNodeText,
    SearchTree,
    SolutionUse,
    VerifiedSolution,
)

NODE_TABLES = (SearchNodeText, SearchNode)


def remove_trees(run: Run, after: int = -1) -> None:
    """Delete all trees, uses of solutions and subsets of steps later than ``after``; solutions stay true."""
    which = {"run": run.pk, "after": after}
    later = f"SELECT id FROM {SearchTree._meta.db_table} WHERE run_id = %(run)s AND step > %(after)s"  # noqa: S608
    LiveTree.objects.filter(run=run).delete()
    VerifiedSolution.objects.filter(tree__run=run, tree__step__gt=after).update(tree=None, node=None)
    with connection.cursor() as cursor:
        for table in (*NODE_TABLES, SearchBody):
            cursor.execute(f"DELETE FROM {table._meta.db_table} WHERE tree_id IN ({later})", which)  # noqa: S608
    SearchTree.objects.filter(run=run, step__gt=after)._raw_delete("default")
    HardSubset.objects.filter(run=run, step__gt=after)._raw_delete("default")
    _forget_uses(run, after)


def drop_nodes(trees: Sequence[int], why: str) -> None:
    """Delete the nodes of these trees; their figures and trajectories stay, and the tree says why."""
    with connection.cursor() as cursor:
        for table in NODE_TABLES:
            cursor.execute(f"DELETE FROM {table._meta.db_table} WHERE tree_id = ANY(%s)", [list(trees)])  # noqa: S608
    SearchTree.objects.filter(pk__in=trees).update(stored=False, dropped=why)


def on_deleting_run(run: Run, **_: Any) -> None:
    """Django's own cascade would load every row first."""
    remove_trees(run)


def _forget_uses(run: Run, after: int) -> None:
    gone = SolutionUse.objects.filter(run=run, step__gt=after)
    touched = list(gone.values_list("solution", flat=True).distinct())
    gone._raw_delete("default")
    recount_uses(touched)


def recount_uses(solutions: Sequence[int]) -> None:
    """Bring the counters of these solutions up to date with the rows of their uses."""
    solution, use = VerifiedSolution._meta.db_table, SolutionUse._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {solution} s SET times_used = u.times, tokens_saved = u.saved FROM (SELECT s2.id, "  # noqa: S608
            f"count(use.id) AS times, coalesce(sum(use.tokens_saved), 0) AS saved FROM {solution} s2 "
            f"LEFT JOIN {use} use ON use.solution_id = s2.id WHERE s2.id = ANY(%s) GROUP BY s2.id) u WHERE s.id = u.id",
            [list(solutions)],
        )
