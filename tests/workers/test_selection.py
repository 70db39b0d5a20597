"""The choice of a run's problems on its way into the database, and out of it when a run starts over."""

from typing import Any

import pytest

from tests.workers.events import started
from tests.workers.following import catch_up, say
from training.config import NotCached, RunConfig
from training.events import ProblemsSelected, SelectedProblem
from webapp.runs import services
from webapp.runs.models import ProblemSelection, Run
from workers.sharing import shared_solutions

pytestmark = pytest.mark.django_db


def a_run(**config: Any) -> Run:
    run = services.create_run(RunConfig.model_validate(config))
    run.folder.mkdir(parents=True, exist_ok=True)
    return run


def choice(kept: int) -> ProblemsSelected:
    shown = SelectedProblem(problem_id="1", prompt="1+1=?", answer="2", response="a\x00b")
    return ProblemsSelected(step=0, rule="pass_rate", asked=9, kept=kept, samples=8, examples=[shown])


def test_a_choice_is_stored_kept_by_a_resume_and_forgotten_by_a_run_that_starts_over() -> None:
    run = a_run()
    say(run, [started(9), choice(4), started(9, resumed=3, attempt=2)])
    catch_up(run)
    stored = ProblemSelection.objects.get(run=run)
    assert (stored.told["kept"], stored.told["examples"][0]["response"]) == (4, "a\ufffdb")
    say(run, [started(9, attempt=3)])
    catch_up(run)
    assert not ProblemSelection.objects.filter(run=run).exists()
    say(run, [choice(5)])
    catch_up(run)
    assert ProblemSelection.objects.get(run=run).told["kept"] == 5


def test_a_run_that_leaves_out_solved_problems_is_told_which_those_are() -> None:
    run = a_run(selection=NotCached().model_dump())
    assert shared_solutions(run, RunConfig.model_validate(run.config)) is not None
    other = a_run()
    assert shared_solutions(other, RunConfig.model_validate(other.config)) is None
