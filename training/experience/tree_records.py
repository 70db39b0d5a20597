"""From searches to the events that show them."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.codec import Codec
from training.config import SearchConfig, TreeCreditConfig
from training.events import TREE_COLUMNS, GrowingTree, Trajectory, TreeRecord
from training.events.base import Split
from training.experience.types import Group
from training.problems.types import Problem
from training.search import growing
from training.search.selection import mean_values
from training.search.tree import RIGHT, Tree

Floats = npt.NDArray[np.float64]
GLIMPSE_COLUMNS = ("parent", "depth", "status", "visits", "q", "tokens")


def growing_tree(tree: growing.GrowingTree, problem: Problem, place: int, codec: Codec) -> GrowingTree:
    """A tree as it stands, without texts."""
    return GrowingTree(
        index=place,
        problem_id=problem.id,
        prompt=codec.prompt_text(problem.prompt),
        nodes=len(tree.tree),
        tokens=tree.tokens,
        recorded=len(tree.recorded),
        solved=tree.solved,
        columns={name: packed(getattr(tree.tree, name), TREE_COLUMNS[name]) for name in GLIMPSE_COLUMNS},
    )


def tree_event(
    group: Group, step: int, split: Split, index: int, codec: Codec, search: SearchConfig,
    credit: TreeCreditConfig | None, why_kept: str,
) -> TreeRecord:  # fmt: skip
    """The event of a finished search; without `why_kept` only its figures."""
    grown = group.search
    assert grown is not None, "only a searched group has a tree"
    tree, rewards = grown.tree, [recorded.reward for recorded in grown.recorded]
    whole: dict[str, Any] = {}
    if why_kept:
        ids = np.array([token for part in tree.steps for token in part.token_ids], "<i4")
        logprobs = np.concatenate([part.logprobs for part in tree.steps])
        whole = {
            "columns": {name: packed(column, TREE_COLUMNS[name]) for name, column in _columns(group).items()},
            "texts": [codec.text(part.token_ids) for part in tree.steps],
            "token_ids": packed(ids, "<i4"),
            "token_logprobs": packed(logprobs, "<f2"),
            "replay": {name: packed(array, array.dtype.str) for name, array in grown.replay.arrays().items()},
        }
    quality = mean_values(tree)[1:]
    return TreeRecord(
        step=step, split=split, index=index, problem_id=group.problem.id,
        prompt=codec.prompt_text(group.problem.prompt), answer=group.problem.answer, nodes=len(tree),
        ends=len(tree.ends()), right_ends=int((tree.status == RIGHT).sum()), expansions=grown.expansions,
        depth=int(tree.depth.max()), tokens=grown.tokens, prefix_tokens=grown.prefix_tokens,
        prefix_recomputed=round(grown.prefix_recomputed),
        best_q=float(quality[tree.visits[1:] > 0].max()) if (tree.visits[1:] > 0).any() else None,
        mean_reward=float(np.mean(rewards)) if rewards else 0.0, solved=grown.solved,
        uniform=len(rewards) > 1 and len(set(rewards)) == 1, first_solved=grown.replay.first_right,
        exhausted=grown.exhausted,
        seconds=grown.seconds, search=search.model_dump(mode="json"),
        credit=credit.model_dump(mode="json") if credit else {},
        trajectories=[
            Trajectory(leaf=rollout.end, rollout=place)
            for place, rollout in enumerate(group.rollouts)
            if rollout.end is not None
        ],
        why_kept=why_kept, **whole,
    )  # fmt: skip


def worth_keeping(groups: Sequence[Group], most: int) -> dict[int, str]:
    """Which trees of a step are stored whole, by index, and by which rule.

    Solved ones that also failed teach most, so they go first, those with the fewest right ends before the others; then
    the largest and the smallest; then the first.
    """
    searched = [index for index, group in enumerate(groups) if group.search is not None]
    mixed = sorted((i for i in searched if 0 < _share_right(groups[i]) < 1), key=lambda i: _share_right(groups[i]))
    solved = [i for i in searched if _share_right(groups[i]) == 1]
    by_size = sorted(searched, key=lambda i: _nodes(groups[i]))
    ranked = [(i, "solved_first") for i in mixed + solved]
    ranked[most // 2 : most // 2] = [(i, "extreme") for i in (by_size[-1:] + by_size[:1])]
    ranked += [(i, "first") for i in searched]
    kept: dict[int, str] = {}
    for index, rule in ranked:
        if len(kept) < most:
            kept.setdefault(index, rule)
    return kept


def packed(values: npt.ArrayLike, dtype: str) -> str:
    """Base64 of the values in this dtype."""
    return b64encode(np.asarray(values).astype(dtype).tobytes()).decode("ascii")


def _nodes(group: Group) -> int:
    return len(group.search.tree) if group.search else 0


def _share_right(group: Group) -> float:
    grown = group.search
    assert grown is not None
    return sum(recorded.reward > 0 for recorded in grown.recorded) / max(len(grown.recorded), 1)


def _columns(group: Group) -> dict[str, npt.NDArray[np.generic]]:
    """All of TREE_COLUMNS; what training made of the nodes is added to what the search knew of them."""
    grown = group.search
    assert grown is not None
    tree = grown.tree
    used = _as_used(group, tree)
    path_surprise = np.full(len(tree), np.nan)
    for end in tree.ends():
        path_surprise[end] = tree.mean_surprise(int(end))
    own = {name: getattr(tree, name) for name in TREE_COLUMNS if hasattr(tree, name)}
    return own | used | {"path_surprise": path_surprise}


def _as_used(group: Group, tree: Tree) -> dict[str, npt.NDArray[np.generic]]:
    """Scores, advantages and loss shares of the nodes on recorded paths; nan elsewhere, and the latter two nan in a
    tree that was not trained on."""
    through = np.zeros(len(tree), np.int32)
    score, advantage, share = (np.zeros(len(tree)) for _ in range(3))
    for place, rollout in enumerate(group.rollouts):
        if rollout.end is None:
            continue
        path = tree.path(rollout.end)[1:]
        firsts = np.cumsum([0, *tree.tokens[path][:-1]])
        given = rollout.advantages[firsts].astype(np.float64)
        through[path] += 1
        advantage[path] += given
        share[path] += np.abs(given) * tree.tokens[path]
        if group.scores:
            score[path] += group.scores[place]
    nowhere = through == 0
    counts = np.maximum(through, 1)
    total = share.sum() or 1.0
    columns = {"score": score / counts, "advantage": advantage / counts, "loss_share": share / total}
    for column in columns.values():
        column[nowhere] = np.nan
    if not group.trained:
        columns["advantage"][:] = columns["loss_share"][:] = np.nan
    return columns | {"trajectories": through}
