"""Deletes what a run produced, in a few statements however much it is."""

from typing import Any

from django.db import connection

from webapp.inspection.models import Prompt, Rollout, RolloutGroup, RolloutText, RolloutTokens, RolloutTrace, ToolCall
from webapp.runs.models import Run

SPLITS = ["train", "heldout"]
"""Named so that the indexes, which begin with run and split, serve."""


def remove_rollouts(run: Run, after: int = -1) -> None:
    """Delete all groups of steps later than ``after``, and prompts that nobody asks any more."""
    gone: dict[str, Any] = {"run": run.pk, "after": after, "splits": SPLITS}
    which = "run_id = %(run)s AND split = ANY(%(splits)s) AND step > %(after)s"
    with connection.cursor() as cursor:
        for body in (RolloutText, RolloutTokens, RolloutTrace):
            cursor.execute(
                f"DELETE FROM {body._meta.db_table} body USING {Rollout._meta.db_table} rollout "  # noqa: S608
                f"WHERE body.rollout_id = rollout.id AND {which}",
                gone,
            )
        for table in (ToolCall, Rollout, RolloutGroup):
            cursor.execute(f"DELETE FROM {table._meta.db_table} WHERE {which}", gone)  # noqa: S608
    Prompt.objects.filter(run=run, groups=None)._raw_delete("default")


def on_deleting_run(run: Run, **_: Any) -> None:
    """Django's own cascade would load every row first."""
    remove_rollouts(run)
