"""Teachings carried by a worker: once with the built-in model, else with a child that answers without one."""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from tests.webapp.teaching.made import ENDPOINT, job_of
from tests.workers.carried_jobs import in_threads, until
from webapp.core import job_states
from webapp.core.jobs import Job, JobState
from webapp.datasets.models import ProblemSet
from webapp.teaching.models import TeachingJob
from workers import jobs, queue
from workers.maintenance import reap_lost_jobs
from workers.teaching import teach

pytestmark = pytest.mark.django_db(transaction=True)

FAKE = """
import json, pathlib, sys, time
config, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])
knobs = json.loads(config.read_text())
word, count, go = knobs["teacher"]["model"], knobs["count"], (config.parent / "go").exists()
lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
with out.open("a") as file:
    def write(line):
        file.write(json.dumps(line) + "\\n"); file.flush()
    if not lines:
        write({"kind": "head", "problems": count, "samples": 1, "keep": "first", "rewrites": False, "teacher": word,
               "rewriter": "", "digest": ""})
        for n in range(count):
            write({"kind": "problem", "problem": n, "id": f"p{n}", "prompt": f"{n}+1?", "answer": str(n + 1),
                   "split": "train", "level": "", "left_out": ""})
    for n in range(max(len(lines) - 1 - count, 0), count):
        if word == "refuse" and n and not go:
            print("error: http://x/v1: it refuses requests without a key", file=sys.stderr); sys.exit(2)
        while word == "wait" and n and not (config.parent / "go").exists():
            time.sleep(0.02)
        right = word != "wrong"
        write({"kind": "answer", "problem": n, "sample": 0, "text": f"it is {n + 1}", "correct": right,
               "refused": "" if right else "wrong", "reason": "", "tokens_in": 5, "tokens_out": 7, "cost": 0.5})
rows = [{"id": f"p{n}", "prompt": f"{n}+1?", "answer": str(n + 1), "solution": f"it is {n + 1}", "split": "train",
         "level": ""} for n in range(count)]
out.with_suffix(".problems.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
"""


@pytest.fixture(autouse=True)
def _fake(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path
) -> None:
    monkeypatch.setattr(jobs, "TICK_S", 0.05)
    settings.TEACHINGS_DIR = tmp_path / "teachings"
    settings.PROBLEM_SETS_DIR = tmp_path / "problem-sets"
    if "real" not in request.node.name:
        monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", FAKE))


def asked_of(word: str, **config: Any) -> TeachingJob:
    return job_of(teacher=ENDPOINT | {"model": word}, **config)


def carried(job: TeachingJob) -> TeachingJob:
    teach(job.pk)
    job.refresh_from_db()
    return job


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Job], None]]:
    with in_threads(teach) as begin:
        yield begin


@pytest.mark.processes
def test_the_real_built_in_model_makes_a_set_with_worked_solutions() -> None:
    config = {
        "problems": {"kind": "builtin", "level": "easy", "train_count": 8, "heldout_count": 2},
        "teacher": {"kind": "model"}, "count": 8, "sampling": {"samples": 8, "max_tokens": 64},
    }  # fmt: skip
    job = carried(job_of("Easy, solved", **config))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    made = job.problem_set
    assert made is not None
    assert (made.name, made.slug, made.heldout_count) == ("Easy, solved", "easy-solved", 2)
    assert made.solution_count == made.train_count == job.report["solutions"] > 0
    assert made.source == "Made by the built-in model from training problems of built-in arithmetic, easy"
    for problem in made.problems.filter(split="train"):
        assert problem.solution.endswith(f"<answer>{problem.answer}</answer>")
    assert (job.done, job.total, job.report["asked"]) == (8, 8, 64)
    assert job.lines_file.exists()


def test_a_lost_worker_is_noticed_and_another_goes_on(
    settings: LazySettings, meanwhile: Callable[[TeachingJob], None]
) -> None:
    job = asked_of("wait")
    meanwhile(job)
    until(job, lambda job: job.done == 1)
    assert (job.report["cost"], job.report["solutions"]) == (0.5, 1)
    settings.HEARTBEAT_LOST_SECONDS = -1  # at once, however lately it was heard of
    TeachingJob.objects.update(worker="elsewhere:1:1:1.0", heartbeat_at=timezone.now() - timedelta(hours=1))
    reap_lost_jobs()
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    settings.HEARTBEAT_LOST_SECONDS = 60
    (job.folder / "go").touch()
    assert carried(job).state == JobState.SUCCEEDED
    assert (job.attempt, job.report["asked"], job.report["cost"]) == (2, 3, 1.5)
    assert ProblemSet.objects.count() == 1
    carried(job)
    assert ProblemSet.objects.count() == 1


def test_what_a_user_has_to_put_right_is_said_and_nothing_is_lost() -> None:
    job = carried(asked_of("refuse"))
    assert (job.state, job.error) == (JobState.FAILED, "http://x/v1: it refuses requests without a key")
    assert job.report["asked"] == 1
    (job.folder / "go").touch()
    job_states.go_on(job, queue.teach)
    assert carried(job).state == JobState.SUCCEEDED
    assert job.report["asked"] == 3


def test_a_teaching_that_keeps_nothing_makes_no_set() -> None:
    job = carried(asked_of("wrong"))
    assert job.state == JobState.FAILED
    assert job.error.startswith("Not one solution was kept")
    assert not ProblemSet.objects.exists()


def test_a_stop_ends_it_and_it_can_go_on(meanwhile: Callable[[TeachingJob], None]) -> None:
    job = asked_of("wait")
    meanwhile(job)
    until(job, lambda job: job.done == 1)
    job_states.stop(job)
    until(job, lambda job: job.state == JobState.STOPPED)
    (job.folder / "go").touch()
    job_states.go_on(job, queue.teach)
    assert carried(job).state == JobState.SUCCEEDED
