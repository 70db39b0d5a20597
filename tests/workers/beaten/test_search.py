"""A run is killed in the middle of a step's search: what was found counts once, and is not found again."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.workers.stack import RealStack, until
from training.config import RunConfig

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

KILLED_AT = 4
"""Step whose search is interrupted; the last checkpoint is two steps before."""
CONFIG = RunConfig.model_validate(
    {
        "steps": 6,
        "method": {
            "kind": "deepsearch",
            "sampling": {"prompts_per_step": 24, "samples_per_prompt": 4, "max_tokens": 48},
            "search": {"width": 3, "max_depth": 6},
            "cache": {"fill": "at_once", "share": False},
        },
        "problems": {"kind": "builtin", "level": "middle", "train_count": 60, "heldout_count": 4},
        "evaluation": {"every_steps": 0},
        "checkpoints": {"every_steps": 2},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)
FORGET = "from webapp.search.models import VerifiedSolution; VerifiedSolution.objects.all().delete()"


@dataclass
class Story:
    """What happened."""

    calm: dict[str, list[Any]] = field(default_factory=dict)
    stormy: dict[str, list[Any]] = field(default_factory=dict)
    killed: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    stored_at_kill: int = 0
    """Trees of the interrupted step in the database when its search was cut off."""
    log: str = ""


@pytest.fixture(scope="module")
def story(stack: RealStack) -> Story:
    story = Story()
    calm = stack.launch(CONFIG, "calm")
    assert stack.wait_for_end(calm)["status"] == "succeeded", stack.describe(calm)
    story.calm = stack.rows(calm, of="searches")
    stack.manage("shell", "--no-imports", "-c", FORGET)  # or the second run would not be the finder of its own
    stormy = stack.launch(CONFIG, "stormy")
    _kill_in_mid_search(stack, stormy)
    story.killed = stack.wait_for_end(stormy)
    query = "SELECT count(*) FROM search_searchtree WHERE run_id = %s AND step = %s"
    story.stored_at_kill = stack.ask(query, stormy, KILLED_AT)[0][0]
    stack.resume(stormy)
    story.end = stack.wait_for_end(stormy)
    story.stormy = stack.rows(stormy, of="searches")
    story.log = (stack.data / "runs" / str(stormy) / "log.txt").read_text()
    return story


def _kill_in_mid_search(stack: RealStack, run: int) -> None:
    """As soon as the first tree of the step stands in the journal."""
    until(stack.trainer, 60, lambda: stack.describe(run))
    (trainer,) = stack.trainer()
    journal = stack.data / "runs" / str(run) / "search" / f"step_{KILLED_AT:06d}.0.jsonl"
    deadline = time.monotonic() + 90
    while not (journal.exists() and journal.stat().st_size):
        assert time.monotonic() < deadline, stack.describe(run)
        time.sleep(0.001)
    trainer.kill()


def test_it_was_killed_in_the_middle_of_a_search(story: Story) -> None:
    assert (story.killed["status"], story.killed["exit_code"]) == ("failed", -9)
    assert story.killed["step"] == KILLED_AT - 1
    assert story.stored_at_kill == 0


def test_it_ended_as_if_nothing_had_happened(story: Story) -> None:
    assert story.end["status"] == "succeeded"
    for name, rows in story.calm.items():
        assert rows, name
        assert story.stormy[name] == rows, name


def test_nothing_is_there_twice(story: Story) -> None:
    for name, keys in (("trees", 3), ("nodes", 3), ("texts", 3), ("solutions", 2), ("uses", 3), ("rollouts", 3)):
        named = [tuple(row[:keys]) for row in story.stormy[name]]
        assert len(named) == len(set(named)), name


def test_the_trees_that_were_finished_were_not_searched_again(story: Story) -> None:
    told = re.findall(r"step (\d+): (\d+) trees had been finished before the interruption", story.log)
    finished = {int(step): int(count) for step, count in told}
    searched = {step: sum(row[0] == step for row in story.stormy["trees"]) for step in finished}
    assert finished.keys() == {KILLED_AT - 1, KILLED_AT}
    assert finished[KILLED_AT - 1] == searched[KILLED_AT - 1]
    assert 0 < finished[KILLED_AT] < searched[KILLED_AT]
