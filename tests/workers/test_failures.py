"""Every way a run can fail is told in words."""

import json
import signal
from typing import Any

import pytest

from tests.workers.conftest import STEPS, Supervised
from training.config import ImportedProblems, RunConfig
from webapp.datasets.models import ProblemSet
from webapp.runs import services
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers import runs
from workers.runs import supervise

pytestmark = pytest.mark.processes


def resumed(run: Run) -> Run:
    services.resume_run(run)
    return run


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ({"exit": 2, "words": "noise\nerror: the model has no chat template\n  use plain"}, 2,
         "the model has no chat template\n  use plain"),
        ({"exit": 1, "words": "Traceback:\n  a line\nKeyError: 'x'\nerror: KeyError: 'x'"}, 1,
         "The trainer failed (exit code 1): KeyError: 'x'\n\n"),
        ({"exit": 0}, 0, "The trainer exited without saying that it was done."),
        ({"exit": 0, "signal": signal.SIGKILL}, -9, "killed by signal 9 (SIGKILL) (out of memory?"),
        ({"exit": 0, "signal": signal.SIGSEGV}, -11, "killed by signal 11 (SIGSEGV)."),
        ({"exit": 137, "words": "rank 1 of 2 processes ended first"}, 137,
         "Rank 1 of the 2 processes of the run was killed by signal 9 (SIGKILL)"),
    ],
)  # fmt: skip
def test_every_end_is_told_in_words(supervised: Supervised, behaviour: dict[str, Any], code: int, words: str) -> None:
    run = supervised.carry(supervised.new(die_at=2, **behaviour))
    assert (run.state, run.exit_code) == (RunStatus.FAILED, code)
    assert words in run.error
    if code == 2:
        assert run.error == words


@pytest.mark.parametrize(
    ("behaviour", "in_use", "where"),
    [
        ({"exit": 3, "words": "error: the machine's memory is full"}, (1, 10), "host"),
        ({"exit": 0, "signal": signal.SIGKILL}, (95, 100), "host"),
        ({"exit": 0, "signal": signal.SIGKILL}, (50, 100), None),
        ({"exit": 1}, (95, 100), None),
    ],
)
def test_memory_that_ran_out_is_told_apart_from_other_ends(
    supervised: Supervised,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: dict[str, Any],
    in_use: tuple[int, int],
    where: str,
) -> None:
    monkeypatch.setattr(runs, "memory_in_use", lambda: in_use)
    run = supervised.carry(supervised.new(die_at=2, pause=0.1, **behaviour))
    assert run.state == RunStatus.FAILED
    assert run.failure.get("where") == where
    if where:
        assert run.failure["phase"] == run.phase
    assert resumed(run).refresh_from_db() is None
    assert run.failure == {}


def test_words_of_an_earlier_attempt_are_not_taken_for_this_ones(supervised: Supervised) -> None:
    run = supervised.carry(supervised.new(die_at=2, exit=1, words="the first problem"))
    (run.folder / "behaviour.json").write_text(json.dumps({"die_at": 3, "exit": 1, "words": "the second problem"}))
    run = supervised.carry(resumed(run))
    assert "the second problem" in run.error
    assert "the first problem" not in run.error


def test_a_run_whose_problem_set_was_deleted_fails_with_a_sentence(supervised: Supervised) -> None:
    problem_set = ProblemSet.objects.create(slug="gone", name="Gone", source="", content_hash="")
    run = services.create_run(RunConfig(problems=ImportedProblems(slug="gone")))
    problem_set.delete()
    run = supervised.carry(run)
    assert (run.state, run.error) == (
        RunStatus.FAILED,
        "The trainer could not be started: the problem set 'gone' is gone",
    )


def test_a_config_of_another_version_fails_with_a_sentence(supervised: Supervised) -> None:
    run = supervised.new()
    Run.objects.filter(pk=run.pk).update(config=run.config | {"old_knob": 1})
    run = supervised.carry(run)
    assert run.state == RunStatus.FAILED
    assert "not valid for this version of Espalier (old_knob: Extra inputs" in run.error


def test_a_fault_of_the_supervisor_ends_the_trainer_and_the_run(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = supervised.new()
    monkeypatch.setattr(runs.Supervisor, "_conclude", lambda *_: {}["nothing"])
    with pytest.raises(KeyError):
        supervise(run.pk)
    run.refresh_from_db()
    assert (run.state, run.step) == (RunStatus.FAILED, STEPS)
    assert run.error == "Its supervisor failed, not the training: KeyError: 'nothing'. Resume it."
