"""The pages that draw items of runs: what they count, show, add, and refuse."""

import re

import pytest
from django.test import Client

from tests.factories import make_group, make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.labeling.made import project_of
from webapp.inspection.models import Rollout
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelItem
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db: None) -> Run:
    run = make_run("<b>demo</b>")
    for index in range(6):
        make_group(run, index=index, texts=(f"<script>{index}</script>", "b", "c", "d"))
    return run


def hidden(html: str) -> dict[str, str]:
    """What the button that adds would send."""
    form = html[html.index('<form method="post" action="/label/') :]
    return dict(re.findall(r'<input type="hidden" name="(?!csrf)(\w+)" value="([^"]*)">', form))


def test_a_run_alone_is_enough_and_what_is_shown_is_added_once(researcher_client: Client, run: Run) -> None:
    project_of(0, Mode.RANKING)
    page = researcher_client.get("/label/test-0/from-run/", {"run": str(run.pk)})
    html = page.content.decode()
    assert "6 groups match" in html
    assert "&lt;script&gt;" in html
    assert "<script>0" not in html
    sent = hidden(html)
    assert (sent["count"], sent["responses"], sent["after"]) == ("50", "4", "0")
    shown = page.context["drawn"].drafts
    assert researcher_client.post("/label/test-0/from-run/", sent)["Location"] == "/label/test-0/items/"
    assert [item.prompt for item in LabelItem.objects.all()] == [draft.prompt for draft in shown]
    again = researcher_client.post("/label/test-0/from-run/", sent)
    assert again.status_code == 409
    assert LabelItem.objects.count() == 6
    html = researcher_client.get("/label/test-0/from-run/", {"run": str(run.pk)}).content.decode()
    assert "6 of them are in the project already" in html
    assert "Nothing can be added" in html


def test_nothing_but_what_was_shown_is_added_of_a_run_under_way(researcher_client: Client, run: Run) -> None:
    project_of(0, Mode.RANKING)
    asked = {"run": str(run.pk), "count": "3"}
    sent = hidden(researcher_client.get("/label/test-0/from-run/", asked).content.decode())
    make_group(run, index=6, texts=("new", "b", "c", "d"))
    refused = researcher_client.post("/label/test-0/from-run/", sent)
    assert refused.status_code == 409
    assert "7 groups match by now" in refused.content.decode()
    assert not LabelItem.objects.exists()
    sent = hidden(researcher_client.get("/label/test-0/from-run/", asked).content.decode())
    assert researcher_client.post("/label/test-0/from-run/", sent).status_code == 302


def test_disagreement_needs_a_learned_reward_and_says_so(researcher_client: Client, run: Run) -> None:
    project_of(0, Mode.RANKING)
    assert (
        "Choose a run with a learned reward first" in researcher_client.get("/label/test-0/from-run/").content.decode()
    )
    asked = {"run": str(run.pk), "choose": "disagreement"}
    html = researcher_client.get("/label/test-0/from-run/", asked).content.decode()
    assert "No reward model judged the responses of this run" in html
    assert re.search(r'value="disagreement"[^>]* disabled', html)
    Rollout.objects.filter(run=run, correct=False).update(parts={"learned": 3.0})
    Rollout.objects.filter(run=run, correct=True).update(parts={"learned": 1.0})
    html = researcher_client.get("/label/test-0/from-run/", asked).content.decode()
    assert "6 groups match" in html
    assert not re.search(r'value="disagreement"[^>]* disabled', html)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"run": "0"}, "Select a valid choice"),
        ({"run": ""}, "Choose a run"),
        ({"first_step": "5", "last_step": "4"}, "ends before it begins"),
        ({"count": "1001"}, "less than or equal to 1000"),
        ({"responses": "10"}, "less than or equal to 9"),
        ({"seed": "99999999999"}, "less than or equal"),
        ({"choose": "worst"}, "Select a valid choice"),
        ({"split": "test"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_drawn_is_said(researcher_client: Client, run: Run, asked: dict[str, str], said: str) -> None:
    project_of(0, Mode.RANKING)
    sent = {"run": str(run.pk)} | asked
    assert said in researcher_client.get("/label/test-0/from-run/", sent).content.decode()
    assert researcher_client.post("/label/test-0/from-run/", sent | {"after": "0"}).status_code == 400
    assert not LabelItem.objects.exists()


def test_pairs_take_two_whatever_is_sent(researcher_client: Client, run: Run) -> None:
    project_of(0, Mode.PAIRWISE)
    html = researcher_client.get("/label/test-0/from-run/", {"run": str(run.pk)}).content.decode()
    researcher_client.post("/label/test-0/from-run/", hidden(html))
    assert LabelItem.objects.first().responses.count() == 2  # type: ignore[union-attr]


def test_without_runs_it_says_what_is_missing(researcher_client: Client) -> None:
    project_of(0, Mode.RANKING)
    assert "No run has rollouts yet" in researcher_client.get("/label/test-0/from-run/").content.decode()


def test_nodes_of_trees_are_drawn_and_added(researcher_client: Client) -> None:
    run = make_run("search", method={"kind": "deepsearch"})
    store_made_tree(run, made_tree(30, width=3))
    project_of(0, Mode.TREE_STEP)
    html = researcher_client.get("/label/test-0/from-trees/", {"run": str(run.pk), "count": "4"}).content.decode()
    assert "nodes match" in html
    assert "Add 4 items" in html
    researcher_client.post("/label/test-0/from-trees/", hidden(html))
    assert LabelItem.objects.count() == 4
    assert "/trees/" in researcher_client.get("/label/test-0/items/1/").content.decode()


def test_each_mode_has_its_source(researcher_client: Client) -> None:
    project_of(0, Mode.RANKING)
    project_of(0, Mode.TREE_STEP)
    assert researcher_client.get("/label/test-0/from-trees/").status_code == 409
    assert researcher_client.get("/label/test-1/from-run/").status_code == 409
    assert 'href="/label/test-0/from-run/"' in researcher_client.get("/label/test-0/").content.decode()
    assert 'href="/label/test-1/from-trees/"' in researcher_client.get("/label/test-1/").content.decode()
