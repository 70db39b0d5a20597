"""Trees grown by the search itself, with made-up continuations in place of a model."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.made_trees import made_tree, store_made_tree
from tests.training.search.forced import END, growing
from training.config import SearchConfig
from training.events import TREE_COLUMNS, Trajectory
from training.experience.tree_records import packed
from training.sampling.types import Completion
from training.search.endings import Judged
from training.search.growing import GrowingTree
from webapp.runs.models import Run
from webapp.search.models import SearchTree

REAL_CONFIGS: list[dict[str, Any]] = [
    {},
    {"selection": "uct"},
    {"expansion": "lazy", "frontier": {"own_quality": 0.1, "entropy": 0.2}},
    {"record": "all", "backup": "sum", "frontier": {"depth_form": "log"}},
    {"max_expansions": 2},
]
"""Ways to search that leave different replays."""

State = tuple[int, npt.NDArray[Any], npt.NDArray[Any]]
"""The last event, and q and N after it."""


def real_search(**config: Any) -> tuple[GrowingTree, list[State]]:
    """A search to its end, and its state after every round."""
    search, draw, states = growing(wanted=6, **config), random.Random(4), list[State]()
    while not search.is_done:
        _grow(search, draw)
        states.append((len(search.replay) - 1, search.tree.q.copy(), search.tree.visits.copy()))
    return search, states


def _grow(search: GrowingTree, draw: random.Random) -> None:
    """One round with continuations of any length."""
    request, completions = search.request(), []
    for _ in range(request.count):
        ids = [5] * draw.randint(1, request.max_tokens)
        if len(ids) < request.max_tokens or draw.random() < 0.2:
            ids[-1] = END
        logprobs = np.full(len(ids), -draw.random(), np.float32)
        completions.append(Completion(ids, logprobs, -logprobs, "stop" if ids[-1] == END else "length", 0))
    ended = search.attach(request, completions)
    search.take(ended, [Judged(draw.random() < 0.3, "42", ended=True) for _ in ended])


def store_real_tree(run: Run, **config: Any) -> SearchTree:
    """A real search as a trainer would send it, stored."""
    search, _ = real_search(**config)
    tree, nothing = search.tree, np.full(len(search.tree), np.nan)
    columns = {name: getattr(tree, name, nothing) for name in TREE_COLUMNS}
    settings = SearchConfig.model_validate({"width": 3, "max_depth": 8} | config)
    record = made_tree().model_copy(
        update={
            "columns": {
                name: packed(np.nan_to_num(column) if dtype == "<i4" else column, dtype)
                for (name, column), dtype in zip(columns.items(), TREE_COLUMNS.values(), strict=True)
            },
            "texts": ["" if node == 0 else f"step {node}" for node in range(len(tree))],
            "token_ids": packed([token for step in tree.steps for token in step.token_ids], "<i4"),
            "token_logprobs": packed(np.concatenate([step.logprobs for step in tree.steps]), "<f2"),
            "replay": {name: packed(array, array.dtype.str) for name, array in search.replay.arrays().items()},
            "nodes": len(tree),
            "first_solved": search.replay.first_right,
            "search": settings.model_dump(mode="json"),
            "trajectories": [Trajectory(leaf=each.end, rollout=n) for n, each in enumerate(search.recorded)],
        }
    )
    return store_made_tree(run, record)
