"""Searches become rows: trees with nodes and replays, glimpses of growing ones, solutions, hard subsets."""

import math
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Sum
from psycopg.types.json import Jsonb

from training.events import CHANGE_COLUMNS, REPLAY_COLUMNS, TREE_COLUMNS, HardSubset, TreeRecord, TreesGrowing
from webapp.inspection.models import RolloutGroup
from webapp.runs.models import Run
from webapp.search import models as rows
from webapp.search.removal import drop_nodes
from workers.ingest.copying import copy_rows, new_ids
from workers.ingest.reading import clean
from workers.ingest.rollouts import problem_id_of, stored_prompts

TREE_TYPES = {
    "id": "int8", "run_id": "int8", "group_id": "int8", "prompt_id": "int8", "step": "int4", "split": "varchar",
    "index": "int4", "nodes": "int4", "ends": "int4", "right_ends": "int4", "expansions": "int4", "depth": "int4",
    "tokens": "int4", "prefix_tokens": "int4", "prefix_recomputed": "int4", "best_q": "float8",
    "mean_reward": "float8", "solved": "bool", "uniform": "bool", "exhausted": "bool", "first_solved": "int4",
    "seconds": "float8", "why_kept": "varchar", "stored": "bool", "dropped": "varchar", "pinned": "bool",
}  # fmt: skip
REPLAY_ARRAYS = (*REPLAY_COLUMNS, *CHANGE_COLUMNS)
BODY_TYPES = {"tree_id": "int8", "search": "jsonb", "credit": "jsonb", "trajectories": "jsonb"} | {
    f"{name}_array": "bytea" for name in REPLAY_ARRAYS
}
NODE_TYPES = {"tree_id": "int8", "number": "int4"} | {
    name: "float8" if dtype == "<f4" else "int2" if dtype == "<u1" else "int4" for name, dtype in TREE_COLUMNS.items()
}
TEXT_TYPES = {"tree_id": "int8", "number": "int4", "text": "text", "token_ids": "bytea", "logprobs": "bytea"}


def store_trees(run: Run, trees: Sequence[TreeRecord]) -> None:
    """Store finished searches. Their groups are there already, where they could be read: a trainer names them first."""
    if not trees:
        return
    prompts = stored_prompts(run, trees)
    groups = {
        (step, split, index): pk
        for step, split, index, pk in RolloutGroup.objects.filter(
            run=run, step__in={tree.step for tree in trees}
        ).values_list("step", "split", "index", "pk")
    }
    keyed = list(zip(new_ids(rows.SearchTree, len(trees)), trees, strict=True))
    copy_rows(
        rows.SearchTree,
        TREE_TYPES,
        (_tree_row(run, t, pk, groups.get((t.step, t.split, t.index)), prompts[problem_id_of(t)]) for pk, t in keyed),
    )
    copy_rows(rows.SearchBody, BODY_TYPES, (_body_row(tree, pk) for pk, tree in keyed))
    whole = [(pk, tree) for pk, tree in keyed if tree.columns]
    copy_rows(rows.SearchNode, NODE_TYPES, (row for pk, tree in whole for row in _node_rows(tree, pk)))
    copy_rows(rows.SearchNodeText, TEXT_TYPES, (row for pk, tree in whole for row in _text_rows(tree, pk)))
    rows.LiveTree.objects.filter(run=run, step__lte=max(tree.step for tree in trees)).delete()
    if whole:
        keep_within_budget(run)


def keep_within_budget(run: Run) -> None:
    """Drop the nodes of this run's trees beyond SEARCH_NODES_PER_RUN: unsolved ones first, then the oldest."""
    stored = rows.SearchTree.objects.filter(run=run, stored=True)
    too_many = (stored.aggregate(total=Sum("nodes"))["total"] or 0) - settings.SEARCH_NODES_PER_RUN
    if too_many <= 0:
        return
    gone: list[int] = []
    for pk, nodes in stored.filter(pinned=False).order_by("solved", "id").values_list("pk", "nodes"):
        gone.append(pk)
        too_many -= nodes
        if too_many <= 0:
            break
    drop_nodes(gone, f"This run keeps {settings.SEARCH_NODES_PER_RUN:,} nodes; older and unsolved trees went first.")


def store_glimpse(run: Run, event: TreesGrowing) -> None:
    """The trees under way, in place of those of the glimpse before; none once the step's trees are there, be they of
    training or of an evaluation by search.

    Each says, too, how many grow and how many are done.
    """
    if rows.SearchTree.objects.filter(run=run, step__gte=event.step).exists():
        return
    at = datetime.fromtimestamp(event.at, UTC)
    rows.LiveTree.objects.filter(run=run).delete()
    counts = {"live": event.live, "done": event.done}
    rows.LiveTree.objects.bulk_create(
        rows.LiveTree(
            run=run,
            step=event.step,
            index=tree.index,
            tree=_without_nul(tree.model_dump(mode="json")) | counts,
            updated_at=at,
        )
        for tree in event.trees
    )


def store_subset(run: Run, event: HardSubset) -> None:
    """The hard subset of a phase."""
    rows.HardSubset.objects.update_or_create(
        run=run,
        phase=event.phase,
        defaults={
            "step": event.step,
            "samples": event.samples,
            "ids": [clean(name) for name in event.ids],
            "right": event.right,
            "kept": event.kept,
            "cached": event.cached,
            "tokens": event.tokens,
        },
    )


def _tree_row(run: Run, tree: TreeRecord, pk: int, group: int | None, prompt: int) -> tuple[Any, ...]:
    return (
        pk, run.pk, group, prompt, tree.step, tree.split, tree.index, tree.nodes, tree.ends, tree.right_ends,
        tree.expansions, tree.depth, tree.tokens, tree.prefix_tokens, tree.prefix_recomputed, tree.best_q,
        tree.mean_reward, tree.solved, tree.uniform, tree.exhausted, tree.first_solved, tree.seconds, tree.why_kept,
        bool(tree.columns), "", False,
    )  # fmt: skip


def _body_row(tree: TreeRecord, pk: int) -> tuple[Any, ...]:
    trajectories = [trajectory.model_dump() for trajectory in tree.trajectories]
    replay = (b64decode(tree.replay[name]) if name in tree.replay else None for name in REPLAY_ARRAYS)
    return (pk, Jsonb(tree.search), Jsonb(tree.credit), Jsonb(trajectories), *replay)


def _node_rows(tree: TreeRecord, pk: int) -> Iterator[tuple[Any, ...]]:
    columns = [np.frombuffer(b64decode(tree.columns[name]), dtype) for name, dtype in TREE_COLUMNS.items()]
    for number, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        yield (pk, number, *(None if isinstance(v, float) and math.isnan(v) else v for v in values))


def _text_rows(tree: TreeRecord, pk: int) -> Iterator[tuple[Any, ...]]:
    counts = np.frombuffer(b64decode(tree.columns["tokens"]), TREE_COLUMNS["tokens"])
    bounds = [0, *np.cumsum(counts).tolist()]
    ids, logprobs = b64decode(tree.token_ids), b64decode(tree.token_logprobs)
    for number, (text, (start, end)) in enumerate(zip(tree.texts, pairwise(bounds), strict=True)):
        yield (pk, number, clean(text), ids[4 * start : 4 * end], logprobs[2 * start : 2 * end])


def _without_nul(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: clean(value) if isinstance(value, str) else value for name, value in tree.items()}


def trees_of(events: Iterable[object]) -> list[TreeRecord]:
    """The finished searches among events."""
    return [event for event in events if isinstance(event, TreeRecord)]
