"""A real evaluation of the built-in model: the trainer's own process, its events as rows, the pages over them."""

from unittest.mock import patch

import pytest
from django.test import Client

from tests.training.runs import finish, kill_when, start
from training.config import BuiltinProblems, EvaluateMethod, HardwareConfig, RunConfig
from webapp.accounts.models import User
from webapp.evals.models import AskedProblem, Evaluation
from webapp.evals.presets import search_of
from webapp.evals.services import start_evaluations
from webapp.inspection.models import Rollout
from webapp.runs.models import Run
from webapp.runs.services import create_run
from webapp.search.models import SearchTree
from workers.ingest import ingest, rebuild
from workers.preparation import prepare_folder

pytestmark = [pytest.mark.django_db, pytest.mark.processes]

CONFIG = RunConfig(
    problems=BuiltinProblems(level="easy", heldout_count=12),
    method=EvaluateMethod(samples=4, max_tokens=48, prompts_per_batch=4),
    hardware=HardwareConfig(device="cpu", threads=1),
)


def bring_in(run: Run) -> None:
    while ingest(run.pk).events:
        pass


def test_the_built_in_model_is_evaluated_killed_resumed_and_shown(researcher: User, researcher_client: Client) -> None:
    with patch("workers.queue._send"):
        [made] = start_evaluations([CONFIG], user=researcher)
    run = made.run
    prepare_folder(run)
    kill_when(start(run.folder), run.folder, '"kind":"metrics"')
    bring_in(run)
    assert Evaluation.objects.get(pk=made.pk).settled_at is None
    finish(start(run.folder))
    bring_in(run)
    made = Evaluation.objects.get(pk=made.pk)
    run.refresh_from_db()
    assert (run.step, run.total_steps) == (3, 3)
    assert AskedProblem.objects.filter(run=run).count() == made.asked == 12
    assert Rollout.objects.filter(run=run).count() == 12 * 5
    assert made.avg == pytest.approx(run.latest["heldout/pass_at_1"])
    assert made.pass_k == pytest.approx(run.latest["heldout/pass_at_k"])
    assert made.maj == pytest.approx(run.latest["heldout/maj_at_k"])
    assert made.avg_low == pytest.approx(run.latest["heldout/pass_at_1_low"])
    assert made.graded["greedy"][0] == pytest.approx(run.latest["heldout/greedy"])
    assert made.tokens_mean == pytest.approx(run.latest["heldout/length_mean"])
    assert researcher_client.get(f"/evals/{made.pk}/").status_code == 200
    before = made.figures
    assert rebuild(run.pk) > 12
    assert Evaluation.objects.get(pk=made.pk).figures == before


def test_a_search_at_test_time_started_from_a_shell_gets_its_row_and_leaves_trees(
    researcher: User, researcher_client: Client
) -> None:
    method = EvaluateMethod(samples=2, max_tokens=32, problems=3, greedy=False, search=search_of("lazy", 32))
    run = create_run(CONFIG.model_copy(update={"method": method}), user=researcher)
    prepare_folder(run)
    finish(start(run.folder))
    bring_in(run)
    made = Evaluation.objects.get(run=run)
    assert (made.label, made.asked) == ("built-in model", 3)
    assert made.graded["greedy"] is None
    trees = SearchTree.objects.filter(run=run, split="heldout")
    assert trees.count() == 3
    assert all(tree.group is not None and tree.stored for tree in trees)
    assert "tokens sampled for a tree on average" in researcher_client.get(f"/evals/{made.pk}/").content.decode()
    assert researcher_client.get(f"/runs/{run.pk}/trees/").status_code == 200
    run.delete()
    assert not Evaluation.objects.exists()
