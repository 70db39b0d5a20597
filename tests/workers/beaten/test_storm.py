"""A whole stack is beaten: SIGKILL to each of its parts while a run trains. Nothing may be lost, doubled or stuck."""

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.workers.stack import ROOT, RealStack, until
from training.config import RunConfig
from webapp.core.processes import marked
from webapp.core.stack.stack import MARK

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

STEPS = 64
"""So many that a fast machine is not through before the last part is killed."""
EVALUATED_EVERY = 8
EVALUATIONS = 1 + STEPS // EVALUATED_EVERY
CONFIG = RunConfig.model_validate(
    {
        "steps": STEPS,
        "method": {"kind": "grpo", "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 48}},
        "problems": {"kind": "builtin", "train_count": 64, "heldout_count": 8},
        "evaluation": {"every_steps": EVALUATED_EVERY, "problems": 4, "samples": 2},
        "checkpoints": {"every_steps": 4},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)


@dataclass
class Story:
    """What happened."""

    calm: dict[str, Any] = field(default_factory=dict)
    stormy: dict[str, Any] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    second_up: str = ""
    weights: dict[str, list[bytes]] = field(default_factory=dict)
    web: bytes = b""
    sandboxes: list[Any] = field(default_factory=list)
    exit_code: int | None = None
    left: list[Any] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(stack: RealStack) -> Story:
    story = Story()
    story.second_up = stack.manage("up")
    calm = stack.launch(CONFIG, "calm")
    stormy = stack.launch(CONFIG, "stormy")
    story.ends["calm"] = stack.wait_for_end(calm)
    _storm(stack, stormy, story)
    story.ends["stormy"] = stack.wait_for_end(stormy)
    story.calm, story.stormy = stack.rows(calm), stack.rows(stormy)
    story.weights = {name: _weights(stack.data, run) for name, run in (("calm", calm), ("stormy", stormy))}
    with urllib.request.urlopen(f"http://localhost:{stack.port}/readyz", timeout=10) as answer:
        story.web = answer.read()
    story.sandboxes = stack.ask("SELECT state FROM sandbox_sandboxworker")
    story.exit_code = stack.stop()
    story.left = [*marked(MARK, str(stack.data)), *stack.postgres()]
    return story


def _storm(stack: RealStack, run: int, story: Story) -> None:
    stack.wait_for_step(run, 4)
    stack.kill(stack.trainer)
    story.ends["trainer"] = stack.wait_for_end(run)
    stack.resume(run)
    stack.wait_for_step(run, 10)
    stack.kill(stack.worker)
    waiting = stack.launch(CONFIG.model_copy(update={"steps": 2}), "waiting")
    # Its steps may be past the next mark already: the head is killed under the attempt that another worker made of it.
    until(lambda: stack.run(run)["attempt"] >= 3, 90, lambda: stack.describe(run))
    stack.wait_for_step(run, 18)
    stack.head.kill()
    stack.head.wait()
    stack.start()
    stack.wait_for_step(run, 26)
    stack.kill(stack.redis)
    stack.kill(stack.web)
    stack.wait_for_step(run, 32)
    stack.kill(stack.postgres)
    stack.wait_for_end(run)
    story.ends["waiting"] = stack.wait_for_end(waiting)


def _weights(data: Path, run: int) -> list[bytes]:
    return [file.read_bytes() for file in sorted((data / "runs" / str(run)).glob("checkpoints/*/model.safetensors"))]


def planned(rows: dict[str, Any]) -> dict[str, Any]:
    """Without the checkpoint that a trainer saves when it is asked to end, as the death of the stack's head asks it."""
    return rows | {"checkpoints": [row for row in rows["checkpoints"] if row[0] % CONFIG.checkpoints.every_steps == 0]}


def test_a_killed_trainer_fails_with_a_sentence(story: Story) -> None:
    end = story.ends["trainer"]
    assert (end["status"], end["exit_code"]) == ("failed", -9)
    assert "killed by signal 9 (SIGKILL)" in end["error"]


def test_the_beaten_run_succeeds_in_the_end(story: Story) -> None:
    end = story.ends["stormy"]
    assert (end["status"], end["step"]) == ("succeeded", STEPS)
    # Trainer and worker were killed under it, and the head of the stack too, unless a worker that was long in coming
    # let it train to its end meanwhile.
    assert end["attempt"] >= 3


def test_its_rows_are_those_of_a_run_that_nothing_disturbed(story: Story) -> None:
    counts = {table: len(rows) for table, rows in story.calm.items()}
    assert (counts["groups"], counts["rollouts"]) == (STEPS * 4 + EVALUATIONS * 4, STEPS * 16 + EVALUATIONS * 12)
    differing = [table for table in story.calm if planned(story.stormy)[table] != planned(story.calm)[table]]
    assert differing == []


def test_its_weights_are_bit_for_bit_the_same(story: Story) -> None:
    assert len(story.weights["calm"]) >= 2
    assert story.weights["stormy"] == story.weights["calm"]


def test_a_run_that_waited_in_the_killed_broker_is_not_lost(story: Story) -> None:
    assert story.ends["waiting"]["status"] == "succeeded"


def test_the_web_answers_again(story: Story) -> None:
    assert json.loads(story.web) == {"status": "ready", "failures": {}}


def test_a_worker_for_models_programs_is_there(story: Story) -> None:
    assert story.sandboxes == [("ready",)]


def test_a_second_start_says_that_and_where_it_runs_already(story: Story) -> None:
    assert "is running already: http://localhost:" in story.second_up


def test_stopping_ends_everything_that_was_started(story: Story) -> None:
    assert story.exit_code == 0
    assert story.left == []


def test_without_its_data_folder_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT, env={"ESPALIER_DATA": str(tmp_path / "file" / "data"), "PATH": "/usr/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "ESPALIER_DATA" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
