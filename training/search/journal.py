"""Finished trees of the steps since the last checkpoint, on disk: a killed run resumes without searching them again.

A tree counts only for what grew it: the weights, which a fingerprint of their sums tells, the seed, the configs and the
problem. The journal saves time and nothing depends on it: what cannot be written or read is searched again, and so is
what would make it larger than `MOST_BYTES`. It is emptied after each checkpoint and removed at the end of the run.
"""

import base64
import hashlib
import io
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training.config import SamplingConfig, SearchConfig
from training.problems.types import Problem
from training.rewards.verifier import VERIFIER_VERSION
from training.search.endings import Judged
from training.search.growing import GrowingTree, Recorded
from training.search.replay import Replay
from training.search.tree import Tree
from training.whole_lines import cut_unfinished_line

logger = logging.getLogger("training")

JOURNAL_FOLDER = "search"
"""Its name in the run's folder."""

MOST_BYTES = 4 * 2**30
"""Of one process. A token took 24 bytes in trees of short steps: 256 trees of 100,000 tokens take 600 MB a step."""

FIGURES = ("tokens", "expansions", "prefix_tokens", "prefix_recomputed", "seconds", "exhausted")


def fingerprint(model: nn.Module) -> str:
    """The same for the same weights; in all likelihood another after any update. Sums in float64, without a copy."""
    with torch.no_grad():
        figures = [
            figure
            for parameter in model.parameters()
            if parameter.is_floating_point()  # those held in 4 bits never change
            for figure in (parameter.sum(dtype=torch.float64), torch.linalg.vector_norm(parameter, dtype=torch.float64))
        ]
    return f"{zlib.crc32(torch.stack(figures).cpu().numpy().tobytes()):08x}"


def tree_key(
    weights: str, seed: int, search: SearchConfig, sampling: SamplingConfig, wanted: int, problem: Problem
) -> str:
    """The same for trees that would grow alike: `weights` is a fingerprint, `wanted` the ends to record."""
    configs = (search.model_dump_json(), sampling.model_dump_json())
    parts = (*configs, wanted, problem.id, problem.prompt, problem.answer, VERIFIER_VERSION)
    return f"{weights}-{seed}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"


class SearchJournal:
    """One file a step and process in `folder`; None keeps nothing."""

    def __init__(self, folder: Path | None, rank: int = 0) -> None:
        self._folder = folder
        self._rank = rank
        self._appended: set[Path] = set()
        self._failed = False
        self._full = False
        self._forgotten = 0

    def keep(self, step: int, index: int, key: str, tree: GrowingTree) -> None:
        """Write a finished tree; once this returns, it outlives the process.

        Where the disk fails, or the journal is full until the next checkpoint: one warning.
        """
        if self._folder is None or self._failed or self._full:
            return
        line = json.dumps({"index": index, "key": key, "tree": _packed(tree)}).encode() + b"\n"
        try:
            if self._bytes() + len(line) > MOST_BYTES:
                self._full = True
                logger.warning("finished trees take %.1f GB; a restart searches later ones again", MOST_BYTES / 1e9)
                return
            self._append(self._folder / f"step_{step:06d}.{self._rank}.jsonl", line)
        except OSError as error:
            self._failed = True
            logger.warning("finished trees are kept no more, so that a restart searches them again: %s", error)

    def read(self, step: int, keys: Mapping[int, str]) -> dict[int, dict[str, Any]]:
        """States of the trees of a step that have these keys, by index; for `restore`."""
        found: dict[int, dict[str, Any]] = {}
        for path in sorted(self._folder.glob(f"step_{step:06d}.*.jsonl")) if self._folder else ():
            for record in _records(path):
                if keys.get(record["index"]) == record["key"]:
                    found[record["index"]] = record["tree"]
        if found:
            logger.info("step %d: %d trees had been finished before the interruption", step, len(found))
        return found

    def forget(self, steps: int) -> None:
        """Remove what belongs to the first so many steps: a checkpoint holds what they led to."""
        for path in self._files():
            if int(path.name.split("_")[1].split(".")[0]) <= steps:
                path.unlink(missing_ok=True)
        if steps > self._forgotten:
            self._forgotten, self._full = steps, False

    def _bytes(self) -> int:
        """On disk, of this process. Another may be removing old files at this moment."""
        total = 0
        for path in self._files(f".{self._rank}"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def _append(self, path: Path, line: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if path not in self._appended:
                cut_unfinished_line(path, file)
                self._appended.add(path)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _files(self, rank: str = "") -> Iterable[Path]:
        return list(self._folder.glob(f"step_*{rank}.jsonl")) if self._folder else []


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


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """What the whole lines of a file say; a last one without its end is being written, or was torn."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        logger.warning("finished trees cannot be read: %s", error)
        return
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            continue
        try:
            record = json.loads(line)
            yield {name: record[name] for name in ("index", "key", "tree")}
        except (ValueError, LookupError, TypeError) as error:
            logger.warning("%s: line %d cannot be read: %s", path, number, error)


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
