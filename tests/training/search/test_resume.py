"""A search that is killed loses no tree that was finished and grows none of them twice."""

import re
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.runs import finish, new_run, rows, start, tiny_config
from training.events import TREE_COLUMNS

pytestmark = pytest.mark.processes

METHOD: dict[str, Any] = {
    "kind": "deepsearch",
    "sampling": {"prompts_per_step": 6, "samples_per_prompt": 4, "max_tokens": 64},
    "search": {"width": 3, "max_depth": 8},
    "hard_subset": {"enabled": True, "samples": 2, "threshold": 1.0, "phase_steps": 2, "smallest": 4},
    "cache": {"fill": "at_once", "most_used": 2},
}


def kill_after_trees(folder: Path, step: int, trees: int) -> int:
    """Start the run, and kill it once so many trees of a step are finished; returns how many were in the end."""
    process = start(folder)
    journal = folder / "search" / f"step_{step:06d}.0.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= trees):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.communicate()
    return journal.read_bytes().count(b"\n")


def assert_the_same(one: dict[Any, Any], other: dict[Any, Any]) -> None:
    """What a trainer says of trees depends in the last bits of its sums on which of them grew together."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        if key[0] == "metric":
            assert value == pytest.approx(other[key], rel=1e-3, abs=1e-6), key
        elif key[0] == "tree":
            assert_same_tree(value, other[key])
        elif key[0] == "solutions":
            assert [found["text"] for found in value["found"]] == [found["text"] for found in other[key]["found"]]
            assert value["used"] == other[key]["used"]
        elif key[0] != "group":
            assert value == other[key]
        else:
            texts = [[rollout["text"] for rollout in group["rollouts"]] for group in (value, other[key])]
            assert texts[0] == texts[1]


def assert_same_tree(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, dtype in TREE_COLUMNS.items():
        left, right = (np.frombuffer(b64decode(tree["columns"][name]), dtype) for tree in (one, other))
        assert np.allclose(left, right, atol=1e-3, equal_nan=True), name
    exact = ("nodes", "ends", "right_ends", "expansions", "tokens", "trajectories", "texts", "first_solved")
    assert all(one[name] == other[name] for name in exact)


def test_a_run_killed_in_mid_search_resumes_with_its_finished_trees_to_the_same_end(tmp_path: Path) -> None:
    problems = {"kind": "builtin", "level": "middle", "train_count": 24, "heldout_count": 8}
    config = tiny_config(method=METHOD, problems=problems, checkpoints={"every_steps": 3})
    undisturbed, disturbed = (new_run(tmp_path / name, config) for name in ("undisturbed", "disturbed"))
    steady = start(undisturbed)
    first = kill_after_trees(disturbed, step=2, trees=2)
    second = kill_after_trees(disturbed, step=5, trees=1)
    said = finish(start(disturbed))
    finish(steady)
    assert_the_same(rows(disturbed), rows(undisturbed))
    last = Path("checkpoints") / "step_000006" / "model.safetensors"
    assert (disturbed / last).read_bytes() == (undisturbed / last).read_bytes()
    taken_up = [int(count) for count in re.findall(r"(\d+) trees had been finished before", said)]
    assert sum(taken_up) >= second >= 1
    assert first >= 2
    assert not (disturbed / "search").exists(), "what a checkpoint holds is not kept any longer"


def test_a_finished_tree_is_not_grown_again(tmp_path: Path) -> None:
    config = tiny_config(method=METHOD | {"hard_subset": {}}, steps=3, checkpoints={"every_steps": 0})
    folder = new_run(tmp_path / "run", config)
    finished = kill_after_trees(folder, step=1, trees=3)
    journal = folder / "search" / "step_000001.0.jsonl"
    before = journal.read_bytes().splitlines()[:finished]
    kill_after_trees(folder, step=2, trees=1)
    indices = [re.search(rb'"index": (\d+)', line) for line in journal.read_bytes().splitlines()]
    names = [match.group(1) for match in indices if match]
    assert len(names) == len(set(names)), "each tree stands once"
    assert journal.read_bytes().splitlines()[:finished] == before
