"""A grid of a recipe: which points it has, what they take, launching all or none, and the table."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.webapp.recipes.made import end, figures, launched, run_of, three_stages, two_stages
from training.config.recipe import Recipe
from webapp.core.errors import UserError
from webapp.recipes.advance import advance
from webapp.recipes.grid.launching import start_grid
from webapp.recipes.grid.plan import estimate_grid, plan_grid, read_texts
from webapp.recipes.grid.table import grid_table
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import clone_recipe, create_recipe
from webapp.recipes.status import RecipeState
from webapp.reports.sweeps.plan import SweepPlan
from webapp.reports.wording import glued
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("committed")]
RATE = "optimisation.learning_rate"


def planned(*texts: str, recipe: Recipe | None = None, seeds: tuple[int, ...] = (0, 1)) -> SweepPlan[Recipe]:
    recipe = recipe or two_stages()
    return plan_grid(recipe, read_texts(recipe, texts), seeds)


def rates(recipe: Recipe) -> list[float]:
    return [stage.run.optimisation.learning_rate for stage in recipe.stages]


def test_a_knob_is_varied_in_one_stage_or_in_all() -> None:
    plan = planned(f"second:{RATE}=1e-4,3e-4", "steps=3,5")
    assert [(rates(each.config)[1], each.config.stages[0].run.steps) for each in plan.settings] == [
        (1e-4, 3), (1e-4, 5), (3e-4, 3), (3e-4, 5),
    ]  # fmt: skip
    assert {rates(each.config)[0] for each in plan.settings} == {two_stages().stages[0].run.optimisation.learning_rate}
    assert plan.settings[3].title == "second learning rate 0.0003, training steps 5"
    assert plan.sum == "2 × 2 settings × 2 seeds = 8 recipes"
    assert plan.axes[0].label == "second, learning rate"


def test_a_knob_that_counts_in_some_stages_only_is_varied_there() -> None:
    plan = planned("method.sampling.samples_per_prompt=2,4", recipe=three_stages())
    assert [each.config.stage("policy").run.method.sampling.samples_per_prompt for each in plan.settings] == [2, 4]  # type: ignore[union-attr]
    assert {each.config.stage("warm-up") for each in plan.settings} == {three_stages().stage("warm-up")}


@pytest.mark.parametrize("texts", [("steps=5,6", "first:steps=3,4"), ("first:steps=3,4", "steps=5,6")])
def test_an_axis_of_one_stage_goes_before_one_of_all(texts: tuple[str, str]) -> None:
    plan = planned(*texts)
    assert plan.refused == ()
    steps = {tuple(stage.run.steps for stage in each.config.stages) for each in plan.settings}
    assert steps == {(3, 5), (3, 6), (4, 5), (4, 6)}


def test_what_cannot_be_is_told() -> None:
    plan = planned(f"{RATE}=-1,1e-4")
    assert [each.title for each in plan.refused] == ["learning rate -1"]
    assert "greater than 0" in plan.refused[0].reason
    idle = planned("warm-up:method.sampling.max_tokens=8,9", recipe=three_stages())
    assert "does not count with what else is chosen" in idle.refused[0].reason
    for text, words in (
        ("third:steps=1", "has no stage 'third'; there are first, second"),
        ("first:stepps=1", "Did you mean steps"),
        ("steps=", "Give the values"),
    ):
        with pytest.raises(UserError, match=words):
            planned(text)
    with pytest.raises(UserError, match="is an axis twice"):
        planned("steps=1", "steps=2")
    assert len(planned("first:steps=1", "second:steps=2").settings) == 1
    with pytest.raises(UserError, match="are 66 runs; 64 at once"):
        planned(f"steps={','.join(map(str, range(1, 12)))}", seeds=(0, 1, 2))


def test_all_or_none_are_launched_once() -> None:
    plan = planned(f"{RATE}=-1,1e-4,3e-4")
    with pytest.raises(UserError, match=r"Some combinations cannot be run:\n  learning rate -1"):
        start_grid(plan)
    assert not RecipeRun.objects.exists()
    made = start_grid(plan, name="Rates", leave_out=True)
    assert [each.name for each in made] == [
        f"Rates: learning rate {rate}, seed {seed}" for seed in (0, 1) for rate in ("0.0001", "0.0003")
    ]
    assert len({each.group for each in made}) == 1
    assert Run.objects.count() == 4
    assert {run.config["seed"] for run in Run.objects.all()} == {0, 1}


def finished() -> list[RecipeRun]:
    """Two settings and two seeds with both stages done; the larger rate ends better."""
    made = start_grid(planned(f"second:{RATE}=1e-4,3e-4"), name="Rates")
    for place, each in enumerate(made):
        for stage, before, after in (
            ("first", 0.1, 0.3),
            ("second", 0.3, 0.4 + 0.2 * (place % 2) + 0.02 * (place // 2)),
        ):
            run = run_of(each, stage)
            figures(run, before, after)
            end(run)
            advance(each.pk)
    return made


def test_settings_are_compared_best_first_with_mean_and_interval(researcher_client: Client) -> None:
    made = finished()
    table = grid_table(made[0], made[0].recipe)
    assert table.heads == ["second: Learning rate"]
    assert [row.values for row in table.rows] == [["0.0003"], ["0.0001"]]
    assert [row.is_best for row in table.rows] == [True, False]
    assert [row.final for row in table.rows] == pytest.approx([0.61, 0.41])
    assert [[member.seed for member in row.members] for row in table.rows] == [[0, 1]] * 2
    page = researcher_client.get(reverse("recipes:grid", args=[made[3].pk])).content.decode()
    assert "61.0" in page
    assert "95 %" in page
    assert "Added by the last" in page


def test_a_clone_that_waits_as_a_draft_takes_no_setting_its_figures() -> None:
    made = finished()
    edited = clone_recipe(made[0])
    clone_recipe(made[0])
    RecipeRun.objects.filter(pk=edited.pk).update(config=two_stages().model_dump(mode="json"))
    for shown in (made[0], made[3], clone_recipe(made[3])):
        table = grid_table(shown, shown.recipe)
        assert [(row.values, row.stages[-1].done) for row in table.rows] == [(["0.0003"], 2), (["0.0001"], 2)]
        assert [row.first.pk for row in table.rows] == [made[1].pk, made[0].pk]


def test_how_far_the_best_is_ahead_is_told_seed_by_seed(researcher_client: Client) -> None:
    made = finished()
    table = grid_table(made[0], made[0].recipe)
    assert table.lead == (
        "The best mean is ahead of the next by +20.0 points, 95 % +20.0 … +20.0, over the 2 seeds that both have."
    ).replace("95 % +20.0 … +20.0", glued("95 % +20.0 … +20.0"))
    done = run_of(made[1], "second")
    Run.objects.filter(pk=done.pk).update(status=RunStatus.FAILED)
    partial = grid_table(made[0], made[0].recipe)
    assert [(row.values, row.is_best) for row in partial.rows] == [(["0.0001"], False), (["0.0003"], False)], (
        "one seed of the better rate says less than two of the other"
    )
    Run.objects.filter(pk=done.pk).update(status=RunStatus.SUCCEEDED)
    Run.objects.filter(pk=run_of(made[3], "second").pk).update(latest={"heldout/pass_at_1": 0.3})
    lead = grid_table(made[0], made[0].recipe).lead
    assert "It may be chance: the interval holds 0." in lead
    one = start_grid(planned(f"second:{RATE}=2e-4,4e-4", seeds=(5,)), name="One")
    assert grid_table(one[0], one[0].recipe).lead == ""


def test_the_table_takes_as_many_queries_for_many_recipes_as_for_few(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    made = finished()
    with django_assert_max_num_queries(5):
        assert len(grid_table(made[0], made[0].recipe).rows) == 2


def test_all_of_a_grid_is_stopped_and_goes_on(researcher_client: Client) -> None:
    made = start_grid(planned(f"second:{RATE}=1e-4,3e-4", seeds=(0,)), name="Rates")
    shown = reverse("recipes:grid", args=[made[0].pk])
    assert "Stop all…" in researcher_client.get(shown).content.decode()
    page = researcher_client.post(reverse("recipes:grid_stop", args=[made[1].pk]), {"how": "save"}, follow=True)
    assert "2 recipes asked to stop" in page.content.decode()
    assert {each.stands for each in RecipeRun.objects.all()} == {RecipeState.STOPPED}
    assert "2 ended early" in page.content.decode()
    page = researcher_client.post(reverse("recipes:grid_resume", args=[made[0].pk]), follow=True)
    assert "2 recipes go on" in page.content.decode()
    assert {each.stands for each in RecipeRun.objects.all()} == {RecipeState.RUNNING}


def test_a_recipe_without_a_grid_has_one_setting(researcher_client: Client) -> None:
    page = researcher_client.get(reverse("recipes:grid", args=[launched().pk])).content.decode()
    assert "1 setting of the same stages" in page


def test_time_is_told_by_the_pace_of_earlier_stages(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    plan = planned("steps=4,8", seeds=(0,))
    assert estimate_grid(plan) is None
    recipe = launched()
    for stage, seconds in (("first", 8), ("second", 16)):
        run = run_of(recipe, stage)
        end(run)
        now = timezone.now()
        Run.objects.filter(pk=run.pk).update(started_at=now - timedelta(seconds=seconds), ended_at=now, attempt=1)
        if stage == "first":
            found = estimate_grid(plan)
            assert found is not None, "the second stage is like the first"
            assert found.seconds == pytest.approx(2 * (4 + 8) * 2)
        advance(recipe.pk)
    found = estimate_grid(plan)
    assert found is not None
    assert found.seconds == pytest.approx(2 * (4 + 8) * 4), (
        "by the latest, a stage whose line began with the same model"
    )
    with django_assert_max_num_queries(2):
        estimate_grid(plan)


def test_the_dialog_counts_refuses_and_starts(researcher_client: Client) -> None:
    draft = create_recipe(two_stages())
    sent = {"sweep-seeds": "0-1", "sweep-knob_1": RATE, "sweep-values_1": "1e-4, 3e-4", "sweep-stage_1": "second"}
    shown = researcher_client.post(reverse("recipes:grid_plan", args=[draft.pk]), sent)
    page = shown.content.decode()
    assert "2 settings × 2 seeds = 4 recipes" in page
    assert "Start 4 recipes" in page
    start = reverse("recipes:grid_start", args=[draft.pk])
    assert "changed after you looked" in researcher_client.post(start, sent).content.decode()
    assert RecipeRun.objects.count() == 1
    agreed = sent | {"sweep-agreed": shown.context["plan"].agreement, "sweep-start_id": str(shown.context["start_id"])}
    for _ in range(2):
        answer = researcher_client.post(start, agreed)
        first = RecipeRun.objects.exclude(pk=draft.pk).order_by("pk").first()
        assert first is not None
        assert answer["HX-Redirect"] == reverse("recipes:grid", args=[first.pk])
    assert RecipeRun.objects.count() == 5
    wrong = researcher_client.post(reverse("recipes:grid_plan", args=[draft.pk]), sent | {"sweep-stage_1": "third"})
    assert "has no stage" in wrong.content.decode()


def test_a_grid_is_launched_from_the_shell() -> None:
    said = StringIO()
    call_command("recipe", "srl-rlvr", "--grid", f"rlvr:{RATE}=1e-4,3e-4", "--seeds", "0-1", stdout=said)
    assert said.getvalue().count("is launched") == 4
    assert "rlvr learning rate 0.0003, seed 1" in said.getvalue()
    for more, words in ((["--group", "g"], "--group does not go"), (["--grid", "rlvr:steps=0,1"], "cannot be run")):
        with pytest.raises(CommandError, match=words):
            call_command("recipe", "srl-rlvr", "--grid", f"rlvr:{RATE}=1e-4", *more, stdout=said)
