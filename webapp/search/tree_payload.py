"""A search on its way to the browser: columns with an entry a node, small enough to hold 10,000 of them in one answer.

Texts stay behind and are fetched for what is in view. The whole export holds everything.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.events import TREE_COLUMNS
from webapp.inspection.models import Rollout
from webapp.inspection.visible import visible
from webapp.search.models import SearchBody, SearchNode, SearchNodeText, SearchTree
from webapp.search.tree_replay import read_replay

FORMAT = 1
"""Raised whenever the answer changes its shape, so that no browser keeps an old one."""

DECIMALS = {
    "q": 4, "score": 4, "surprise": 3, "entropy": 3, "path_surprise": 3, "advantage": 4, "loss_share": 6,
    "value": 4, "best_q": 4, "change_q": 4,
}  # fmt: skip
LEFT_OUT = {"depth"}
"""Columns that follow from others."""

LABEL_CHARACTERS = 160
MOST_TEXTS = 400
MOST_FOUND = 500
COMPRESSION = 6


def fingerprint(tree: SearchTree) -> str:
    """Names what a tree's data hold: a tree never changes, but for losing its nodes."""
    figures = (FORMAT, tree.pk, tree.nodes, tree.tokens, tree.seconds, tree.best_q, tree.mean_reward, tree.stored)
    return hashlib.sha256(repr(figures).encode()).hexdigest()[:16]


def payload(tree: SearchTree) -> dict[str, Any]:
    """What the viewer draws."""
    body = SearchBody.objects.filter(tree=tree).first()
    names = [name for name in TREE_COLUMNS if name not in LEFT_OUT]
    rows = SearchNode.objects.filter(tree=tree).order_by("number").values_list(*names)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {
        "tree": tree.pk,
        "nodes": len(columns[0]),
        "columns": {name: short(name, column) for name, column in zip(names, columns, strict=True)},
        "replay": replay_columns(body),
        "search": body.search if body else {},
        "rollouts": rollouts_of(tree, body),
        "first_solved": tree.first_solved,
    }


def replay_columns(body: SearchBody | None) -> dict[str, list[Any]]:
    """The replay's columns as lists; none where it was not kept."""
    replay = read_replay(body)
    if replay is None:
        return {}
    return {name: short(name, column) for name, column in (*replay.columns.items(), *replay.changes.items())}


def rollouts_of(tree: SearchTree, body: SearchBody | None) -> list[list[int]]:
    """[node of the end, id of its rollout] of each recorded trajectory whose rollout is there."""
    if body is None or tree.group_id is None:
        return []
    ids = dict(Rollout.objects.filter(group=tree.group_id, greedy=False).values_list("index", "pk"))
    return [[each["leaf"], ids[each["rollout"]]] for each in body.trajectories if each["rollout"] in ids]


def short(name: str, column: Any) -> list[Any]:
    """A column as a list of numbers with as many digits as a reader needs; null where there is none."""
    if name not in DECIMALS:
        return list(column) if isinstance(column, tuple) else column.tolist()
    rounded = np.round(np.asarray(column, dtype=np.float64), DECIMALS[name]) + 0.0  # no minus zero
    return [_whole(value) for value in rounded.tolist()]


def _whole(value: float) -> float | int | None:
    """0 and 1 for 0.0 and 1.0, as most values are; null for nan."""
    if value != value:
        return None
    return int(value) if value.is_integer() else value


def compressed(content: Mapping[str, Any]) -> bytes:
    """JSON, gzipped."""
    return gzip.compress(as_json(content), COMPRESSION, mtime=0)


def as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def labels(tree: SearchTree, numbers: Sequence[int]) -> dict[int, str]:
    """The beginnings of these nodes' texts, harmless to show."""
    rows = SearchNodeText.objects.filter(tree=tree, number__in=numbers[:MOST_TEXTS]).values_list("number", "text")
    return {number: visible(text[:LABEL_CHARACTERS]) for number, text in rows}


def find(tree: SearchTree, sought: str) -> tuple[list[int], bool]:
    """Numbers of nodes whose text holds ``sought``, and whether there are more than these."""
    sought = sought.replace("\x00", "").strip()
    if not sought:
        return [], False
    rows = SearchNodeText.objects.filter(tree=tree, text__icontains=sought).order_by("number")
    found = list(rows.values_list("number", flat=True)[: MOST_FOUND + 1])
    return found[:MOST_FOUND], len(found) > MOST_FOUND


def whole_export(tree: SearchTree) -> dict[str, Any]:
    """Everything there is of a tree: figures, configs, columns, texts, tokens and the replay."""
    body = SearchBody.objects.filter(tree=tree).first()
    names = list(TREE_COLUMNS)
    nodes = list(SearchNode.objects.filter(tree=tree).order_by("number").values_list(*names))
    texts = list(SearchNodeText.objects.filter(tree=tree).order_by("number"))
    return {
        "tree": figures_of(tree),
        "problem": {"id": tree.prompt.problem_id, "prompt": tree.prompt.text, "answer": tree.prompt.answer},
        "search": body.search if body else {},
        "credit": body.credit if body else {},
        "trajectories": body.trajectories if body else [],
        "columns": {name: [row[place] for row in nodes] for place, name in enumerate(names)},
        "texts": [row.text for row in texts],
        "token_ids": [np.frombuffer(bytes(row.token_ids), "<i4").tolist() for row in texts],
        "token_logprobs": [
            [_whole(p) for p in np.round(np.frombuffer(bytes(row.logprobs), "<f2").astype(np.float64), 5).tolist()]
            for row in texts
        ],
        "replay": replay_columns(body),
    }


def figures_of(tree: SearchTree) -> dict[str, Any]:
    """The row of a tree."""
    names = [field.attname for field in SearchTree._meta.concrete_fields]
    return {name.removesuffix("_id"): getattr(tree, name) for name in names}
