"""Search trees made up for tests and benchmarks: any size, consistent with their own replay."""

import random
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.config import SearchConfig, TreeCreditConfig
from training.events import (
    CHANGE_COLUMNS,
    NODE_STATUSES,
    REPLAY_COLUMNS,
    REPLAY_KINDS,
    TREE_COLUMNS,
    RolloutGroup,
    RolloutRecord,
    Trajectory,
    TreeRecord,
)
from training.events.base import Split
from webapp.runs.models import Run
from webapp.search.models import SearchTree
from workers.ingest.rollouts import store_groups
from workers.ingest.trees import store_trees

OPEN, EXPANDED, RIGHT, WRONG, _ = range(len(NODE_STATUSES))
_, JUMP, EXPAND, VERIFY, BACKUP, _, _ = range(len(REPLAY_KINDS))
NAN = float("nan")


@dataclass
class _Grower:
    rng: random.Random
    width: int
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in TREE_COLUMNS})
    replay: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in (*REPLAY_COLUMNS, *CHANGE_COLUMNS)}
    )
    texts: list[str] = field(default_factory=list)
    open: list[int] = field(default_factory=list)
    backed_up: set[int] = field(default_factory=set)
    """Nodes with a value."""
    best: float = NAN
    sampled: int = 0

    def add(self, parent: int, status: int, text: str) -> int:
        depth = self.columns["depth"][parent] + 1 if parent >= 0 else 0
        surprise = self.rng.uniform(0.05, 1.5)
        values = {
            "parent": parent, "depth": depth, "tokens": len(text) if parent >= 0 else 0, "status": status,
            "visits": int(status == OPEN and parent >= 0), "q": 0.0, "score": NAN,
            "surprise": surprise, "entropy": surprise * 1.1,
            "path_surprise": surprise if status in (RIGHT, WRONG) else NAN, "advantage": NAN, "loss_share": NAN,
            "trajectories": 0, "recorded": 0, "born": len(self.replay["kind"]),
        }  # fmt: skip
        for name, value in values.items():
            self.columns[name].append(value)
        if status == OPEN:
            self.open.append(len(self.texts))
        self.texts.append(text if parent >= 0 else "")
        self.sampled += values["tokens"]
        return len(self.texts) - 1

    def say(self, kind: int, node: int, value: float, changed: list[int]) -> None:
        event = {"kind": kind, "node": node, "value": value, "tokens": self.sampled, "frontier": len(self.open),
                 "best_q": self.best, "changes": len(changed)}  # fmt: skip
        for name, entry in event.items():
            self.replay[name].append(entry)
        for each in changed:
            self.replay["change_node"].append(each)
            self.replay["change_q"].append(self.columns["q"][each])
            self.replay["change_visits"].append(self.columns["visits"][each])

    def path(self, node: int) -> list[int]:
        nodes = [node]
        while self.columns["parent"][nodes[-1]] >= 0:
            nodes.append(self.columns["parent"][nodes[-1]])
        return nodes


def made_tree(
    nodes: int = 60, *, seed: int = 0, step: int = 1, index: int = 0, split: Split = "train", solved: bool = True,
    width: int = 8, trajectories: int = 8, problem_id: str = "", stored: bool = True,
) -> TreeRecord:  # fmt: skip
    """A tree of at least ``nodes`` nodes; with ``solved``, some of its ends are right."""
    grower = _Grower(random.Random(seed), width)
    grower.add(-1, OPEN, "")
    recorded: list[int] = []
    first_solved = None
    while len(grower.texts) < nodes or len(recorded) < trajectories:
        node = grower.rng.choice(grower.open[-4 * width :])
        grower.say(JUMP, node, grower.rng.uniform(-0.4, 0.4), [])
        grower.columns["status"][node] = EXPANDED
        grower.open.remove(node)
        children = [_child(grower, node, solved, k) for k in range(width)]
        grower.say(EXPAND, node, len(children), [])
        ends = [child for child in children if grower.columns["status"][child] in (RIGHT, WRONG)]
        for end in ends:
            right = grower.columns["status"][end] == RIGHT
            if right and first_solved is None:
                first_solved = len(grower.replay["kind"])
            grower.say(VERIFY, end, 1.0 if right else -1.0, [])
        if ends and len(recorded) < trajectories:
            chosen = max(ends, key=lambda end: grower.columns["status"][end] == RIGHT)
            _record(grower, chosen)
            recorded.append(chosen)
    return _as_record(grower, recorded, first_solved, step, index, split, problem_id or f"made-{seed}", stored)


def _child(grower: _Grower, parent: int, solved: bool, k: int) -> int:
    deep = grower.columns["depth"][parent]
    ends = k > 1 and grower.rng.random() < 0.1 + 0.05 * deep
    status = OPEN if not ends else RIGHT if solved and grower.rng.random() < 0.3 else WRONG
    a, b = grower.rng.randint(2, 99), grower.rng.randint(2, 99)
    text = f"<answer>{a}</answer>" if ends else f"{a}+{b}={a + b}\n"
    return grower.add(parent, status, text)


def _record(grower: _Grower, end: int) -> None:
    right = grower.columns["status"][end] == RIGHT
    reward = 1.0 if right else -1.0
    path, deepest = grower.path(end), grower.columns["depth"][end]
    for node in path:
        gamma = max((grower.columns["depth"][node] + 1) / (deepest + 1), 0.1)
        q = grower.columns["q"][node]
        grower.columns["q"][node] = q + gamma * reward if q * reward >= 0 else gamma * reward if right else q
        grower.columns["visits"][node] += 1
        grower.columns["trajectories"][node] += 1
        grower.backed_up.add(node)
    grower.columns["recorded"][end] = 1 if right else 2
    values = [(grower.columns["q"][node], grower.columns["visits"][node]) for node in grower.backed_up if node]
    grower.best = max((q / visits for q, visits in values if q), default=NAN)
    grower.say(BACKUP, end, reward, path)


def _as_record(
    grower: _Grower, recorded: list[int], first_solved: int | None, step: int, index: int, split: Split,
    problem_id: str, stored: bool,
) -> TreeRecord:  # fmt: skip
    columns, status = grower.columns, grower.columns["status"]
    rewards = [1.0 if status[end] == RIGHT else -1.0 for end in recorded]
    mean = sum(rewards) / len(rewards)
    _share_credit(grower, recorded, mean)
    ids = [ord(letter) for text in grower.texts for letter in text]
    whole: dict[str, Any] = {}
    if stored:
        whole = {
            "columns": {name: _packed(columns[name], dtype) for name, dtype in TREE_COLUMNS.items()},
            "texts": grower.texts,
            "token_ids": _packed(ids, "<i4"),
            "token_logprobs": _packed([-0.25] * len(ids), "<f2"),
            "replay": {n: _packed(grower.replay[n], d) for n, d in (REPLAY_COLUMNS | CHANGE_COLUMNS).items()},
            "why_kept": "solved_first",
        }
    return TreeRecord(
        step=step, index=index, split=split, problem_id=problem_id, prompt=f"{problem_id}: 12+7*3=?", answer="33",
        nodes=len(status), ends=sum(s in (RIGHT, WRONG) for s in status), right_ends=status.count(RIGHT),
        expansions=grower.replay["kind"].count(EXPAND), depth=max(columns["depth"]), tokens=grower.sampled,
        prefix_tokens=10 * len(status), prefix_recomputed=len(status) // 4,
        best_q=max(q / n for q, n in zip(columns["q"][1:], columns["visits"][1:], strict=True) if n),
        mean_reward=mean, solved=any(r > 0 for r in rewards), uniform=len(set(rewards)) == 1,
        first_solved=first_solved, seconds=0.5, search=SearchConfig().model_dump(mode="json"),
        credit=TreeCreditConfig().model_dump(mode="json"),
        trajectories=[Trajectory(leaf=end, rollout=place) for place, end in enumerate(recorded)], **whole,
    )  # fmt: skip


def _share_credit(grower: _Grower, recorded: list[int], mean: float) -> None:
    columns = grower.columns
    used = {node for end in recorded for node in grower.path(end)[:-1]}
    for node in used:
        columns["score"][node] = columns["q"][node] if node in recorded else float(np.tanh(columns["q"][node]))
        columns["advantage"][node] = columns["score"][node] - mean
    total = sum(abs(columns["advantage"][n]) * columns["tokens"][n] for n in used) or 1.0
    for node in used:
        columns["loss_share"][node] = abs(columns["advantage"][node]) * columns["tokens"][node] / total


def _packed(values: list[Any], dtype: str) -> str:
    return b64encode(np.asarray(values).astype(dtype).tobytes()).decode("ascii")


def store_made_tree(run: Run, tree: TreeRecord) -> SearchTree:
    """Store a tree with the group of its recorded trajectories, as ingesting both would."""
    store_made_trees(run, [tree])
    return SearchTree.objects.get(run=run, step=tree.step, split=tree.split, index=tree.index)


def store_made_trees(run: Run, trees: list[TreeRecord]) -> None:
    """Like `store_made_tree`, for many."""
    store_groups(run, [_group(tree) for tree in trees])
    store_trees(run, trees)


def _group(tree: TreeRecord) -> RolloutGroup:
    right = round((tree.mean_reward + 1) / 2 * len(tree.trajectories))
    return RolloutGroup(
        step=tree.step, split=tree.split, index=tree.index, problem_id=tree.problem_id, prompt=tree.prompt,
        answer=tree.answer,
        rollouts=[
            RolloutRecord(
                text=f"12+7*3={33 if place < right else 40 + place}", reward=float(place < right),
                advantage=float(place < right) - tree.mean_reward, correct=place < right, extracted="33", length=12,
            )
            for place in range(len(tree.trajectories))
        ],
    )  # fmt: skip
