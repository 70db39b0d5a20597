"""Finished trees of the steps since the last checkpoint, on disk: a killed run resumes without searching them again.

A tree counts only for the weights that grew it, which a fingerprint of their sums tells.
"""

import base64
import io
import json
import logging
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training.search.endings import Judged
from training.search.growing import GrowingTree, Recorded
from training.search.replay import Replay
from training.search.tree import Tree

logger = logging.getLogger("training")

FIGURES = ("tokens", "expansions", "prefix_tokens", "prefix_recomputed", "seconds", "exhausted")


def fingerprint(model: nn.Module) -> str:
    """The same for the same weights; in all likelihood another after any update."""
    with torch.no_grad():
        sums = torch.stack([parameter.double().sum() for parameter in model.parameters()])
        squares = torch.stack([parameter.double().square().sum() for parameter in model.parameters()])
    return f"{zlib.crc32(torch.cat([sums, squares]).cpu().numpy().tobytes()):08x}"


class SearchJournal:
    """One file a step and process in `folder`; None keeps nothing."""

    def __init__(self, folder: Path | None, rank: int = 0) -> None:
        self._folder = folder
        self._rank = rank

    def keep(self, step: int, index: int, key: str, tree: GrowingTree) -> None:
        """Write a finished tree; once this returns, it outlives the process."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"index": index, "key": key, "tree": _packed(tree)}).encode() + b"\n"
        with (self._folder / f"step_{step:06d}.{self._rank}.jsonl").open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self, step: int, key: str) -> dict[int, dict[str, Any]]:
        """States of the trees of a step that these weights grew, by index; for `restore`."""
        found: dict[int, dict[str, Any]] = {}
        for path in sorted(self._folder.glob(f"step_{step:06d}.*.jsonl")) if self._folder else ():
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n") and (record := json.loads(line))["key"] == key:
                    found[record["index"]] = record["tree"]
        if found:
            logger.info("step %d: %d trees had been finished before the interruption", step, len(found))
        return found

    def forget(self, steps: int) -> None:
        """Remove what belongs to the first so many steps: a checkpoint holds what they led to."""
        for path in self._files():
            if int(path.name.split("_")[1].split(".")[0]) <= steps:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterable[Path]:
        return list(self._folder.glob("step_*.jsonl")) if self._folder else []


def restore(tree: GrowingTree, state: dict[str, Any]) -> None:
    """Make a fresh tree the finished one that was kept."""
    arrays = dict(np.load(io.BytesIO(base64.b64decode(state["arrays"])), allow_pickle=False))
    tree.tree = Tree.from_state({name[5:]: array for name, array in arrays.items() if name.startswith("tree/")})
    tree.replay = Replay.from_arrays({name[7:]: array for name, array in arrays.items() if name.startswith("replay/")})
    tree.recorded = [Recorded(end, reward) for end, reward in state["recorded"]]
    tree.judged = {int(node): Judged(*verdict) for node, verdict in state["judged"].items()}
    for name in FIGURES:
        setattr(tree, name, state[name])
    tree.finish()


def _packed(tree: GrowingTree) -> dict[str, Any]:
    arrays = {f"tree/{name}": array for name, array in tree.tree.state_dict().items()}
    arrays |= {f"replay/{name}": array for name, array in tree.replay.arrays().items()}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return {name: getattr(tree, name) for name in FIGURES} | {
        "arrays": base64.b64encode(file.getvalue()).decode("ascii"),
        "recorded": [(recorded.end, recorded.reward) for recorded in tree.recorded],
        "judged": {node: (v.correct, v.extracted, v.ended) for node, v in tree.judged.items()},
    }
