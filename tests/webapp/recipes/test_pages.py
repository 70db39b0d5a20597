"""Pages of recipes: list, timeline, results, curves end to end, and what can be done by whom."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.recipes.made import end, figures, launched, run_of, three_stages, two_stages, with_figures
from training.config.recipe import Recipe, Stage
from training.events import ProblemsSelected
from webapp.accounts.models import User
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, resume_recipe, stop_recipe
from webapp.recipes.status import RecipeState
from webapp.runs.models import ProblemSelection, Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.usefixtures("committed")


def shown(client: Client, recipe: RecipeRun) -> str:
    answer = client.get(reverse("recipes:detail", args=[recipe.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def post(client: Client, recipe: RecipeRun, what: str, **values: str) -> tuple[int, str]:
    answer = client.post(reverse(f"recipes:{what}", args=[recipe.pk]), values)
    return answer.status_code, answer.content.decode()


def test_the_list_shows_states_stages_and_owners_and_is_narrowed(researcher_client: Client, researcher: User) -> None:
    address = reverse("recipes:list")
    assert "No recipe has been made yet" in researcher_client.get(address).content.decode()
    going = launched(name="going", user=researcher, group="seeds")
    create_recipe(two_stages(), name="a draft")
    done = launched(name="done")
    for stage in ("first", "second"):
        end(run_of(done, stage))
    page = " ".join(researcher_client.get(address).content.decode().split())
    assert '1 of 2 <span class="soft">first</span>' in page
    assert "all 2" in page
    assert "2 planned" in page
    for query, names in (
        ("state=draft", ["a draft"]), ("q=goi", ["going"]), ("mine=true", ["going"]), ("group=seeds", ["going"]),
        (f"q={done.pk}", ["done"]), ("state=nonsense", ["done", "a draft", "going"]), ("q=%00nothing", []),
    ):  # fmt: skip
        rows = researcher_client.get(f"{address}?{query}").context["rows"]
        assert [row.recipe.name for row in rows] == names, query
    assert going.pk


def test_the_list_asks_the_database_as_often_for_many_as_for_few(
    viewer: User, client: Client, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    client.force_login(viewer)
    for number in range(60):
        create_recipe(two_stages(), name=f"number {number}")
    launched()
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        page = client.get(reverse("recipes:list"))
    assert len(page.context["rows"]) == 50
    following = client.get(f"{reverse('recipes:list')}?after={page.context['next_cursor']}")
    assert len(following.context["rows"]) == 11


def test_a_recipe_shows_its_chain_with_attempts_sources_and_results(researcher_client: Client) -> None:
    made = with_figures()
    page = shown(researcher_client, made)
    first, second = run_of(made, "short-answers"), run_of(made, "long-answers")
    assert "stage 2 of 3, long-answers" in page
    assert f'href="/runs/{first.pk}/checkpoints/" id="stage-source-2-1">run {first.pk}, step 40</a>' in page
    assert "1 earlier attempt" in page
    assert "Model: last checkpoint of long-answers" in page
    assert "12.0 % → <strong>41.0 %</strong>" in page
    assert "17.0 % → <strong>46.0 %</strong>" in page
    assert "40.0 % → <strong>55.0 %</strong>" in page
    assert f'id="stage-run-2">run {second.pk}</a>' in page
    assert 'aria-label="short-answers: waited 10 s, trained 2 m 20 s"' in page


def test_curves_lie_end_to_end_over_steps_and_tokens(researcher_client: Client) -> None:
    made = with_figures()
    address = reverse("recipes:curves", args=[made.pk])
    body = researcher_client.get(f"{address}?names=heldout/pass_at_1,reward/mean").json()
    assert body["curves"]["1"]["heldout/pass_at_1"]["steps"] == [0, 20, 40]
    assert body["curves"]["2"]["heldout/pass_at_1"]["steps"] == [40, 50, 60]
    assert body["curves"]["2"]["reward/mean"]["steps"] == list(range(41, 61))
    part = researcher_client.get(f"{address}?names=reward/mean&from=55&to=58").json()
    assert part["curves"] == {"2": {"reward/mean": {"steps": [55, 56, 57, 58], "values": pytest.approx(
        [0.4 + 0.15 * step / 20 for step in (15, 16, 17, 18)], rel=1e-6)}}}  # fmt: skip
    axis = researcher_client.get(f"{address}?x=tokens").json()["axis"]["1"]
    at = dict(zip(axis["steps"], axis["values"], strict=True))
    assert (at[0], at[40], at[41], at[60], at[120]) == (0, 40_000, 41_000, 60_000, 60_000)


def test_a_step_of_the_whole_leads_to_the_run_that_did_it(researcher_client: Client) -> None:
    made = with_figures()
    second = run_of(made, "long-answers")
    answer = researcher_client.get(reverse("recipes:step", args=[made.pk, 2, 47]) + "?split=heldout")
    assert answer["Location"] == f"/runs/{second.pk}/steps/7/?split=heldout"
    assert researcher_client.get(reverse("recipes:step", args=[made.pk, 3, 100])).status_code == 404
    assert researcher_client.get(reverse("recipes:step", args=[made.pk, 9, 100])).status_code == 404


def test_a_page_is_told_what_changed_and_no_more(researcher_client: Client) -> None:
    made = launched()
    address = reverse("recipes:live", args=[made.pk])
    body = researcher_client.get(address).json()
    assert not body["terminal"]
    have = ",".join(part["digest"] for part in body["parts"].values())
    again = researcher_client.get(f"{address}?have={have}&names=reward/mean&cursor={body['cursor']}").json()
    assert (again["parts"].keys() <= {"header", "stages"}, "stale" in again) == (True, False)  # times go on
    figures(run_of(made, "first"), 0.1, 0.2)
    newer = researcher_client.get(f"{address}?have={have}&names=reward/mean&cursor={body['cursor']}").json()
    assert newer["stale"]
    assert newer["version"] != body["version"]
    assert "results" in newer["parts"]
    stop_recipe(made)
    assert researcher_client.get(address).json()["terminal"]


def test_a_failed_recipe_says_which_stage_and_why(researcher_client: Client) -> None:
    made = launched()
    end(run_of(made, "first"), RunStatus.FAILED, error="<b>RuntimeError</b>: no more memory")
    page = shown(researcher_client, made)
    assert "The stage first failed." in page
    assert "&lt;b&gt;RuntimeError&lt;/b&gt;: no more memory" in page
    assert "Retry…" in page


def test_what_a_stages_rule_left_out_is_shown(researcher_client: Client) -> None:
    made = launched()
    assert "Problems chosen" not in shown(researcher_client, made)
    told = ProblemsSelected(
        step=0, rule="pass_rate", asked=2000, kept=500, samples=8, tokens=90_000,
        dropped={"solved too often": 1200, "never solved": 300},
    )  # fmt: skip
    run = run_of(made, "first")
    ProblemSelection.objects.create(run=run, told=told.model_dump(exclude={"step", "at", "kind"}))
    page = shown(researcher_client, made)
    assert "500 (25.0 %)" in page
    assert "solved too often 1,200 (60.0 %)<br>never solved 300 (15.0 %)" in page
    assert f'href="/runs/{run.pk}/#problem-selection"' in page


def test_a_draft_says_what_keeps_it_from_beginning(researcher_client: Client) -> None:
    missing = Stage.model_validate({"name": "one", "run": {"problems": {"kind": "imported", "slug": "nowhere"}}})
    made = create_recipe(Recipe(name="nothing to ask", stages=(missing,)))
    page = shown(researcher_client, made)
    assert "This recipe cannot begin yet" in page
    status, said = post(researcher_client, made, "launch")
    assert (status, "Stage one" in said) == (400, True)


def test_a_recipe_of_another_version_can_be_deleted(researcher_client: Client) -> None:
    made = launched()
    stop_recipe(made)
    RecipeRun.objects.filter(pk=made.pk).update(config={"name": "old", "stages": []})
    answer = researcher_client.get(reverse("recipes:detail", args=[made.pk]))
    assert (answer.status_code, "is not valid for this version" in answer.content.decode()) == (400, True)
    assert researcher_client.get(reverse("recipes:list")).status_code == 200
    assert post(researcher_client, made, "delete", name=made.name)[0] == 302
    assert not RecipeRun.objects.exists()


def test_buttons_launch_stop_resume_and_retry(researcher_client: Client) -> None:
    made = create_recipe(three_stages())
    for what, values, state in (
        ("launch", {}, RecipeState.RUNNING), ("stop", {"how": "now"}, RecipeState.STOPPED),
        ("resume", {}, RecipeState.RUNNING), ("stop", {}, RecipeState.STOPPED),
        ("resume", {"anew": "true"}, RecipeState.RUNNING),
    ):  # fmt: skip
        assert post(researcher_client, made, what, **values)[0] == 302
        made.refresh_from_db()
        assert made.stands == state, what
    assert list(made.attempts.values_list("stage", "number", "outdated")) == [
        ("warm-up", 1, True),
        ("warm-up", 2, False),
    ]


def test_a_done_stage_offers_to_be_trained_anew_and_names_what_follows(researcher_client: Client) -> None:
    made = launched()
    end(run_of(made, "first"))
    assert "Train anew" not in shown(researcher_client, made)
    end(run_of(made, "second"))
    page = shown(researcher_client, made)
    assert "and so will what depends on it: second. The present runs stay" in page
    answer = researcher_client.post(reverse("recipes:rerun", args=[made.pk, "first"]))
    assert (answer.status_code, run_of(made, "first").stage_run.number) == (302, 2)


def test_a_clone_is_a_draft_with_another_seed(researcher_client: Client, researcher: User) -> None:
    made = launched()
    assert post(researcher_client, made, "clone", seed="5")[0] == 302
    copy = RecipeRun.objects.first()
    assert copy is not None
    assert (copy.cloned_from, copy.stands, copy.created_by) == (made, RecipeState.DRAFT, researcher)
    assert {stage.run.seed for stage in copy.recipe.stages} == {5}
    assert post(researcher_client, made, "clone", seed="-1")[0] == 400


def test_name_group_and_notes_are_edited_and_a_name_is_needed_to_delete(researcher_client: Client) -> None:
    made = launched()
    assert post(researcher_client, made, "about", name="Better", group="g", notes="why")[0] == 302
    made.refresh_from_db()
    assert (made.name, made.group, made.notes) == ("Better", "g", "why")
    assert post(researcher_client, made, "about", name="")[0] == 400
    stop_recipe(made)
    assert post(researcher_client, made, "delete", name="Worse")[0] == 400
    assert post(researcher_client, made, "delete", name="Better", runs="true")[0] == 302
    assert (RecipeRun.objects.count(), Run.objects.count()) == (0, 0)


def test_a_runs_page_names_its_recipe_and_other_runs_none(researcher_client: Client) -> None:
    made = launched()
    run = run_of(made, "first")
    address = reverse("runs:detail", args=[run.pk])
    assert (
        f'Stage 1 of 2, first, of the recipe <a href="/recipes/{made.pk}/">'
        in researcher_client.get(address).content.decode()
    )
    stop_recipe(made)
    resume_recipe(made, anew=True)
    assert "an attempt that counts no more" in researcher_client.get(address).content.decode()


def test_a_viewer_sees_all_and_can_do_nothing(client: Client, viewer: User) -> None:
    made = with_figures()
    client.force_login(viewer)
    page = shown(client, made)
    assert "long-answers" in page
    assert "Stop…" not in page
    assert "stop-recipe" not in page
