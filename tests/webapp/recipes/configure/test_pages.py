"""Making a draft, changing its stages one by one or as text, and starting it."""

import html
import json
import re
from collections.abc import Mapping

import pytest
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.webapp.machines.made import made_worker
from tests.webapp.recipes.made import end, launched, run_of, three_stages, two_stages
from training.config.recipe import Recipe
from training.config.recipes import RECIPES
from webapp.recipes.configure.shaping import with_copy
from webapp.recipes.configure.sizes import size_of
from webapp.recipes.configure.stage_form import as_sent, stage_edit
from webapp.recipes.configure.text import write_recipe
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe
from webapp.recipes.status import RecipeState
from webapp.recipes.views.common import get_recipe
from webapp.runs.configure.preview import offered
from webapp.runs.knobs import values_of
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.usefixtures("committed")


def sent(recipe: RecipeRun, stage: str, **changes: str) -> dict[str, str]:
    """What a browser sends of a stage's form."""
    stored = recipe.recipe.stage(stage)
    return {name: str(value) for name, value in as_sent(stored, values_of(stored.run)).items()} | changes


def querydict(values: Mapping[str, str]) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(dict(values))
    return data


def address(recipe: RecipeRun, what: str, *more: str) -> str:
    return reverse(f"recipes:{what}", args=[recipe.pk, *more])


def text_of(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


def seen_on(page: str) -> str:
    [mark] = re.findall(r'name="seen" value="(\w+)"', page)
    return str(mark)


def save(client: Client, recipe: RecipeRun, stage: str, values: Mapping[str, str]) -> str:
    answer = client.post(address(recipe, "edit-stage", stage), values, follow=True)
    recipe.refresh_from_db()
    return text_of(answer)


def test_a_draft_begins_from_a_preset_once_from_one_stage_or_from_text(researcher_client: Client) -> None:
    new = reverse("recipes:new")
    page = text_of(researcher_client.get(new))
    for preset in RECIPES.values():
        assert preset.title in page
    values = {"preset": "rlhf", "size": "full", "start_id": "5f0c8c59-6d7e-4a0c-9a53-2a3d5ad7d8a1"}
    for _ in range(2):
        researcher_client.post(new, values)
    [made] = RecipeRun.objects.all()
    assert made.recipe == RECIPES["rlhf"].recipe("full")
    researcher_client.post(new, values | {"preset": "r1-zero"})  # back, and another one
    another = RecipeRun.objects.latest("pk")
    assert another.recipe == RECIPES["r1-zero"].recipe("full")
    another.delete()
    researcher_client.post(new, {"empty": "true"})
    researcher_client.post(new, {"text": write_recipe(three_stages())})
    assert [len(each.recipe.stages) for each in RecipeRun.objects.order_by("pk")][1:] == [1, 3]
    refused = researcher_client.post(new, {"text": "name: x\nstages:\n- name: Not Good\n"})
    assert "Line 3" in text_of(refused)
    assert "Not Good" in text_of(refused)
    assert researcher_client.post(new, {"preset": "none"}).status_code == 404
    assert RecipeRun.objects.count() == 3


def test_what_is_done_to_stages_is_saved_or_refused_in_words(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())

    def do(what: str, stage: str = "", **values: str) -> str:
        data = {"do": what, "stage": stage, **values}
        return text_of(researcher_client.post(address(draft, "edit"), data, follow=True))

    def names() -> list[str]:
        draft.refresh_from_db()
        return [stage.name for stage in draft.recipe.stages]

    assert "which does not come before it" in do("up", "policy")
    do("up", "judge")
    assert names() == ["judge", "warm-up", "policy"]
    do("copy", "policy")
    do("add")
    assert names() == ["judge", "warm-up", "policy", "policy-2", "stage-2"]
    page = do("remove", "warm-up")
    assert "policy, policy-2 now begin from what it began from" in page
    do("name", name="Mine <b>")
    assert (draft.refresh_from_db(), draft.name) == (None, "Mine <b>")
    assert "needs a name" in do("name", name=" ")
    assert "cannot be done" in do("explode", "judge")


def test_a_stage_is_edited_in_the_form_of_a_run(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    page = text_of(researcher_client.get(address(draft, "edit-stage", "policy")))
    assert "Save stage" in page
    assert "warm-up, last checkpoint" in page
    save(researcher_client, draft, "policy", sent(draft, "policy", steps="7", **{"stage-name": "rl"}))
    assert draft.recipe.stage("rl").run.steps == 7
    assert draft.recipe.stage("rl").sources == three_stages().stage("policy").sources
    page = save(researcher_client, draft, "warm-up", sent(draft, "warm-up", **{"stage-name": "start"}))
    source = draft.recipe.stage("rl").model_from
    assert "The stage start is saved" in page
    assert (source and source.stage) == "start"


def test_what_does_not_fit_is_said_and_not_saved(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    for changes, words in (
        ({"steps": "0"}, "greater than or equal to 1"),
        ({"stage-name": "Not Good"}, "Lower-case letters"),
        ({"stage-name": "judge"}, "wo stages are called judge"),
        ({"stage-model_from": "policy:last"}, "Select a valid choice"),
        ({"method.kind": "sft"}, "trains with sft, which asks no reward model"),
    ):
        page = save(researcher_client, draft, "policy", sent(draft, "policy", **changes))
        assert "The stage was not saved" in page, changes
        assert words in page, changes
        preview = researcher_client.post(address(draft, "preview-stage", "policy"), sent(draft, "policy", **changes))
        assert words in text_of(preview), changes
    assert draft.recipe == three_stages()
    assert researcher_client.get(address(draft, "edit-stage", "nobody")).status_code == 404


def test_what_somebody_else_did_meanwhile_is_kept(researcher_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = create_recipe(two_stages())

    def read_before_the_other(number: int) -> RecipeRun:
        row = get_recipe(number)
        RecipeRun.objects.filter(pk=number).update(config=with_copy(row.recipe, "first").model_dump(mode="json"))
        return row

    monkeypatch.setattr("webapp.recipes.configure.views.get_recipe", read_before_the_other)
    researcher_client.post(address(draft, "edit"), {"do": "remove", "stage": "second"})
    draft.refresh_from_db()
    assert [stage.name for stage in draft.recipe.stages] == ["first", "first-2"]


def test_of_two_who_edit_at_once_the_second_is_told_and_decides(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    first, second = (researcher_client.get(address(draft, "edit-stage", "first")).context["seen"] for _ in range(2))
    save(researcher_client, draft, "second", sent(draft, "second", steps="9"))
    save(researcher_client, draft, "first", sent(draft, "first", steps="7", seen=first))
    assert [stage.run.steps for stage in draft.recipe.stages] == [7, 9], "another stage is no matter"
    mine = sent(draft, "first", steps="8")
    page = save(researcher_client, draft, "first", mine | {"seen": second})
    assert "It was changed elsewhere since you opened this page" in page
    assert draft.recipe.stage("first").run.steps == 7
    again = re.findall(r'name="seen" value="(\w+)"', page)[0]
    save(researcher_client, draft, "first", mine | {"seen": again})
    assert draft.recipe.stage("first").run.steps == 8


def test_what_was_entered_for_a_stage_that_is_renamed_meanwhile_is_kept_and_saved(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    save(researcher_client, draft, "policy", sent(draft, "policy"))
    assert draft.recipe.stage("policy").run.method.reward.learned.model.kind == "none", "the judge's, in any case"
    page = text_of(researcher_client.get(address(draft, "edit-stage", "policy")))
    mine = sent(draft, "policy", steps="77", seen=seen_on(page))
    save(researcher_client, draft, "policy", sent(draft, "policy", **{"stage-name": "rl"}))
    page = save(researcher_client, draft, "policy", mine)
    assert "policy was renamed to rl elsewhere" in page
    assert ">Save stage</button>" in page, "nothing that was entered is wrong"
    assert 'value="77"' in page
    assert f'action="{address(draft, "edit-stage", "rl")}"' in page
    assert draft.recipe.stage("rl").run.steps != 77
    save(researcher_client, draft, "rl", mine | {"stage-name": "rl", "seen": seen_on(page)})
    assert [stage.name for stage in draft.recipe.stages] == ["warm-up", "judge", "rl"]
    assert draft.recipe.stage("rl").run.steps == 77


def test_what_was_entered_for_a_stage_that_is_removed_meanwhile_becomes_a_stage_again_if_wanted(
    researcher_client: Client,
) -> None:
    draft = create_recipe(three_stages())
    page = text_of(researcher_client.get(address(draft, "edit-stage", "policy")))
    mine = sent(draft, "policy", steps="77", seen=seen_on(page))
    researcher_client.post(address(draft, "edit"), {"do": "remove", "stage": "policy"})
    page = save(researcher_client, draft, "policy", mine)
    assert "policy is no longer in this recipe" in page
    assert 'value="77"' in page
    assert [stage.name for stage in draft.recipe.stages] == ["warm-up", "judge"]
    again = mine | {"seen": seen_on(page)}
    assert "77" in text_of(researcher_client.post(address(draft, "preview-stage", "policy"), again))
    save(researcher_client, draft, "policy", again)
    assert [stage.name for stage in draft.recipe.stages] == ["warm-up", "judge", "policy"]
    assert draft.recipe.stage("policy").run.steps == 77
    assert researcher_client.get(address(draft, "edit-stage", "other")).status_code == 404


def test_a_text_that_is_older_than_the_draft_is_kept_on_the_page_and_not_saved(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    shown = researcher_client.get(address(draft, "edit-text")).context
    researcher_client.post(address(draft, "edit"), {"do": "copy", "stage": "first"})
    values = {"text": shown["text"].replace("steps: 4", "steps: 6"), "seen": shown["seen"]}
    refused = researcher_client.post(address(draft, "edit-text"), values)
    assert "It was changed elsewhere" in text_of(refused)
    assert "steps: 6" in text_of(refused)
    draft.refresh_from_db()
    assert len(draft.recipe.stages) == 3
    researcher_client.post(address(draft, "edit-text"), values | {"seen": refused.context["seen"]})
    draft.refresh_from_db()
    assert [stage.run.steps for stage in draft.recipe.stages] == [6, 6]


def test_a_refused_move_is_done_with_a_way_out_and_only_then(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    up = {"do": "up", "stage": "policy"}
    refused = researcher_client.post(address(draft, "edit"), up)
    assert "policy starts from judge, which does not come before it" in text_of(refused)
    [way] = refused.context["refusal"]["ways"]
    assert way.words in text_of(refused)
    draft.refresh_from_db()
    assert draft.recipe == three_stages()
    researcher_client.post(address(draft, "edit"), up | {"way": way.model_dump_json()})
    draft.refresh_from_db()
    assert [stage.name for stage in draft.recipe.stages] == ["warm-up", "policy", "judge"]
    assert researcher_client.post(address(draft, "edit"), up | {"way": "{"}, follow=True).status_code == 200
    draft.refresh_from_db()
    assert draft.recipe.stages[1].name == "policy"


def test_what_keeps_a_draft_from_starting_is_a_table_with_buttons(researcher_client: Client) -> None:
    broken = two_stages().model_dump()
    broken["stages"][1]["run"]["problems"] = {"kind": "builtin", "heldout_count": 8}
    draft = create_recipe(Recipe.model_validate(broken))
    page = researcher_client.get(address(draft, "edit"))
    reasons = page.context["reasons"]
    ways = [way for reason in reasons for way in reason.ways]
    assert {reason.stage for reason in reasons} == {"second"}
    assert ways
    for reason in reasons:
        assert reason.message in html.unescape(text_of(page))
    changes = {"do": "mend", "stage": "second", "way": ways[0].model_dump_json()}
    after = researcher_client.post(address(draft, "edit"), changes, follow=True)
    draft.refresh_from_db()
    run = draft.recipe.stage("second").run
    assert {name: values_of(run)[name] for name in ways[0].knobs} == ways[0].knobs
    assert len(after.context["reasons"]) < len(reasons)


def test_the_stages_form_offers_what_would_put_it_right(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    changes = sent(draft, "policy", **{"method.kind": "sft"})
    edit = stage_edit(draft.recipe, "policy", querydict(changes))
    [fix] = offered(edit.form.faults[0].fixes)
    assert fix.label == "Take the reward model that its own settings name"
    assert json.loads(fix.json) == {"stage-reward_model_from": ""}
    better = stage_edit(draft.recipe, "policy", querydict(changes | json.loads(fix.json)))
    assert better.recipe is not None


def test_a_stage_of_a_preset_is_added_and_a_recipe_that_is_here_can_be_cloned(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    assert "Twice" in text_of(researcher_client.get(reverse("recipes:new")))
    page = text_of(researcher_client.post(address(draft, "edit"), {"do": "add", "preset": "sft"}, follow=True))
    draft.refresh_from_db()
    assert draft.recipe.stages[-1].name == "sft"
    assert "All stages leave at most" in page
    refused = text_of(researcher_client.post(address(draft, "edit"), {"do": "add", "preset": "nothing"}, follow=True))
    assert "There is no preset" in refused


def test_a_stage_that_is_under_way_says_so_before_it_is_edited(researcher_client: Client) -> None:
    recipe = launched()
    page = text_of(researcher_client.get(address(recipe, "edit-stage", "first")))
    assert "first has begun, and Twice is under way. Stop the recipe first." in page
    assert "It cannot be saved now" not in text_of(researcher_client.get(address(recipe, "edit-stage", "second")))


def test_the_whole_chain_is_sized_by_its_largest_stage_and_the_sum_of_the_disk(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    made_worker()
    with django_assert_max_num_queries(2):
        assert len(size_of(with_copy(two_stages(), "second")).stages) == 3
    size = size_of(three_stages())
    assert [each.stage.name for each in size.stages] == ["warm-up", "judge", "policy"]
    assert size.disk == sum(each.disk.total for each in size.stages if each.disk)
    assert size.largest is not None
    assert size.largest.fit is not None
    assert size.largest.fit.needed == max(each.fit.needed for each in size.stages if each.fit)
    assert not size.unsized
    unknown = RECIPES["rlhf"].recipe("full")
    assert size_of(unknown).unsized == [stage.name for stage in unknown.stages]
    assert size_of(unknown).largest is None


def test_an_earlier_stage_takes_the_place_of_the_knob(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    values = sent(draft, "second", **{"model.kind": "local", "model.local.path": "/somewhere"})
    save(researcher_client, draft, "second", values)
    assert draft.recipe.stage("second").run.model.kind == "builtin"


def test_a_stage_can_be_filled_from_a_preset_of_runs(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    page = researcher_client.get(address(draft, "edit-stage", "first"), {"preset": "sft"})
    assert page.context["form"].config.method.kind == "sft"
    assert draft.recipe == two_stages()


def test_the_text_of_a_draft_is_the_draft(researcher_client: Client) -> None:
    draft = create_recipe(three_stages())
    page = researcher_client.get(address(draft, "edit-text"))
    text = page.context["text"].replace("steps: 4", "steps: 5")
    researcher_client.post(address(draft, "edit-text"), {"text": text.replace("\n", "\r\n")})
    draft.refresh_from_db()
    assert [stage.run.steps for stage in draft.recipe.stages] == [5, 5, 5]
    refused = text_of(researcher_client.post(address(draft, "edit-text"), {"text": text.replace("policy", "judge")}))
    assert "Two stages are called judge" in refused
    exported = researcher_client.get(address(draft, "export"))
    assert exported.content.decode() == text


def test_it_starts_from_the_editor_and_says_what_keeps_it(researcher_client: Client) -> None:
    broken = two_stages().model_dump()
    broken["stages"][0]["run"]["model"] = {"kind": "local", "path": "/nowhere/at/all"}
    draft = create_recipe(Recipe.model_validate(broken))
    assert "Not ready to start" in text_of(researcher_client.get(address(draft, "edit")))
    assert "Stage first" in text_of(researcher_client.post(address(draft, "start"), follow=True))
    assert RecipeRun.objects.get().stands == RecipeState.DRAFT
    draft = create_recipe(two_stages())
    page = researcher_client.post(address(draft, "start"), follow=True)
    assert page.redirect_chain[-1][0] == address(draft, "detail")
    draft.refresh_from_db()
    assert (draft.stands, Run.objects.get().state) == (RecipeState.RUNNING, RunStatus.QUEUED)
    assert researcher_client.get(address(draft, "edit")).status_code == 302
    assert researcher_client.post(address(draft, "edit-text"), {"text": ""}).status_code == 400


def test_a_stage_that_failed_is_mended_and_goes_on_without_the_others(researcher_client: Client) -> None:
    recipe = launched()
    first = run_of(recipe, "first")
    end(first)
    end(run_of(recipe, "second"), RunStatus.FAILED)
    recipe.refresh_from_db()
    assert recipe.stands == RecipeState.FAILED
    assert "Save and go on" in text_of(researcher_client.get(address(recipe, "edit-stage", "second")))
    page = save(researcher_client, recipe, "second", sent(recipe, "second", steps="9"))
    assert "saved, and the recipe goes on" in page
    assert recipe.stands == RecipeState.RUNNING
    assert run_of(recipe, "second").config["steps"] == 9
    assert run_of(recipe, "first") == first


def test_done_stages_are_trained_anew_only_when_agreed(researcher_client: Client) -> None:
    recipe = launched()
    end(run_of(recipe, "first"))
    end(run_of(recipe, "second"), RunStatus.FAILED)
    recipe.refresh_from_db()
    values = sent(recipe, "first", steps="9")
    assert "first is done, to be trained anew. Agree first." in save(researcher_client, recipe, "first", values)
    assert recipe.recipe.stage("first").run.steps == 4
    page = save(researcher_client, recipe, "first", values | {"rerun": "true", "save_only": "true"})
    assert "The stage first is saved." in page
    assert (recipe.stands, recipe.recipe.stage("first").run.steps) == (RecipeState.STOPPED, 9)
