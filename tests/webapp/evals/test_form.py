"""The form of evaluations: what it starts, how often, and what it refuses."""

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from tests.webapp.evals.asking import form, page
from tests.webapp.runs.pages.made import add_checkpoint, make_run
from webapp.evals.models import Evaluation
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def test_the_form_starts_one_evaluation_a_checkpoint_and_a_double_click_none_more(researcher_client: Client) -> None:
    run = make_run()
    for step in (10, 20):
        add_checkpoint(run, step)
    shown = page(researcher_client, f"/evals/new/?run={run.pk}&checkpoint=all")
    assert shown.count("checked") >= 3
    values = form(model="checkpoint", checkpoints=[f"{run.pk}:10", f"{run.pk}:20"])
    with patch("workers.queue._send") as sent:
        for _ in range(2):
            assert researcher_client.post("/evals/new/", values).url == f"/evals/?run={run.pk}"
    made = list(Evaluation.objects.order_by("pk"))
    assert [(each.source_run, each.source_step, each.samples) for each in made] == [(run, 10, 2), (run, 20, 2)]
    assert all(each.run.method == "evaluate" for each in made)
    assert sent.call_count in (0, 2)  # after the commit, which a test's transaction never reaches


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "checkpoint"}, "Choose at least one"),
        ({"model": "local"}, "This needs a value"),
        ({"model": "hub", "name": "not a name at all"}, "It must|should match|expected form|pattern"),
        ({"samples": 0}, "greater than or equal"),
        ({"problems": "imported:gone"}, "valid choice"),
        ({"temperature": "warm"}, "Enter a number"),
    ],
)
def test_a_form_with_a_mistake_says_so_and_starts_nothing(
    researcher_client: Client, changes: dict[str, Any], said: str
) -> None:
    response = researcher_client.post("/evals/new/", form(**changes))
    assert response.status_code == 400
    assert any(part in response.content.decode() for part in said.split("|"))
    assert not Evaluation.objects.exists()


def test_a_search_preset_fits_the_longest_answer(researcher_client: Client) -> None:
    with patch("workers.queue._send"):
        assert researcher_client.post("/evals/new/", form(search="full", max_tokens=30)).status_code == 302
    config = Evaluation.objects.get().run.config["method"]
    assert config["search"]["max_depth"] == 6
    assert Evaluation.objects.get().searches


def test_a_checkpoint_is_asked_with_the_tools_it_was_trained_with(researcher_client: Client) -> None:
    run = make_run()
    run.config["prompt"]["tools"] = "template"
    run.config["method"]["agentic"] = {"enabled": True, "max_turns": 3}
    run.save()
    add_checkpoint(run, 10)
    with patch("workers.queue._send"):
        researcher_client.post("/evals/new/", form(model="checkpoint", checkpoints=[f"{run.pk}:10"]))
        researcher_client.post("/evals/new/", form(model="builtin"))
    of_checkpoint, of_model = (each.run.config for each in Evaluation.objects.order_by("pk"))
    assert of_checkpoint["method"]["agentic"]["enabled"]
    assert of_checkpoint["method"]["agentic"]["max_turns"] == 3
    assert of_checkpoint["prompt"]["tools"] == "template"
    assert not of_model["method"]["agentic"]["enabled"]


def test_a_reward_model_is_chosen_among_those_that_were_trained_and_is_no_model_to_evaluate(
    researcher_client: Client,
) -> None:
    judge, policy = make_run(name="Judge"), make_run(name="Policy")
    Run.objects.filter(pk=judge.pk).update(method="reward_model")
    for run in (judge, policy):
        add_checkpoint(run, 10)
    shown = page(researcher_client, "/evals/new/")
    assert shown.count(f'value="{judge.pk}:10"') == 1
    with patch("workers.queue._send"):
        assert researcher_client.post("/evals/new/", form(reward_model=f"{judge.pk}:10")).status_code == 302
    assert Evaluation.objects.get().run.config["method"]["learned"]["model"] == {
        "kind": "checkpoint",
        "run": judge.pk,
        "step": 10,
    }
    assert researcher_client.post("/evals/new/", form(reward_model=f"{policy.pk}:10")).status_code == 400
