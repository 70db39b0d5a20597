"""A recipe over seeds: who belongs together, launching all or none, exact figures of each stage, its page."""

import pytest
from django.test import Client
from scipy import stats

from tests.webapp.recipes.made import end, figures, launched, run_of, two_stages
from training.config.recipe import Recipe
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.recipes import family as families
from webapp.recipes.advance import advance
from webapp.recipes.family import family_of, repeat_with_seeds, resume_all, stop_all
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.seed_table import seed_table
from webapp.recipes.services import clone_recipe, create_recipe, with_seed
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run, StopRequest
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
FIRST = {0: (0.10, 0.30), 1: (0.12, 0.35), 2: (0.08, 0.28)}
"""Held-out pass@1 before and after the first stage, by seed."""
SECOND = {0: 0.42, 1: 0.41, 2: 0.44}


def trained() -> list[RecipeRun]:
    """Three seeds with both stages done."""
    original = launched()
    members = [original, *repeat_with_seeds(original, (1, 2), None)]
    for seed, member in enumerate(members):
        first = run_of(member, "first")
        figures(first, *FIRST[seed])
        end(first)
        advance(member.pk)
        second = run_of(member, "second")
        figures(second, FIRST[seed][1], SECOND[seed])
        end(second)
        advance(member.pk)
    return members


def test_a_recipe_is_launched_with_each_seed_once(researcher: User) -> None:
    original = launched()
    made = repeat_with_seeds(original, (0, 1, 2), researcher)
    assert [(each.name, each.state, each.created_by) for each in made] == [
        ("Twice, seed 1", "running", researcher), ("Twice, seed 2", "running", researcher),
    ]  # fmt: skip
    assert {each.group for each in [original, *made]} == {f"Twice, seeds ({original.pk})"}
    assert [member.seed for member in family_of(made[1])] == [0, 1, 2]
    assert [run.config["seed"] for run in Run.objects.order_by("pk")] == [0, 1, 2]
    with pytest.raises(UserError, match="have a recipe already"):
        repeat_with_seeds(made[0], (0, 2), researcher)
    assert RecipeRun.objects.count() == 3
    with pytest.raises(UserError, match="16 seeds of one are the most"):
        repeat_with_seeds(original, range(3, 20), researcher)


def test_a_clone_that_is_still_a_draft_does_not_stand_for_what_has_begun_with_its_seed() -> None:
    original = launched()
    begun, other = repeat_with_seeds(original, (1, 2), None)
    clone_recipe(begun)
    assert [member.recipe_run.pk for member in family_of(original)] == [original.pk, begun.pk, other.pk]


def test_a_draft_with_one_of_the_seeds_is_launched_too() -> None:
    draft = create_recipe(two_stages())
    made = repeat_with_seeds(draft, (0, 1), None)
    assert made[0].pk == draft.pk
    draft.refresh_from_db()
    assert draft.stands == RecipeState.RUNNING


def test_none_is_launched_when_one_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    original = launched()
    begun = []

    def fails_at_the_second(recipe_run: RecipeRun) -> None:
        begun.append(recipe_run)
        if len(begun) == 2:
            raise UserError("Stage first: the problem set is gone.")
        launch(recipe_run)

    launch = families.launch_recipe
    monkeypatch.setattr(families, "launch_recipe", fails_at_the_second)
    with pytest.raises(UserError, match="is gone"):
        repeat_with_seeds(original, (1, 2), None)
    assert (RecipeRun.objects.count(), StageRun.objects.count(), Run.objects.count()) == (1, 1, 1)
    original.refresh_from_db()
    assert original.group == ""


def test_recipes_that_train_something_else_do_not_belong() -> None:
    original = launched(group="together")
    other = two_stages().model_dump()
    other["stages"][0]["run"]["steps"] = 5
    launched(Recipe.model_validate(other), group="together", seed=1)
    launched(group="elsewhere", seed=2)
    late = launched(group="together", seed=3, name="Another name")
    assert [member.recipe_run for member in family_of(original)] == [original, late]
    mixed = with_seed(two_stages(), 4).model_dump()
    mixed["stages"][1]["run"]["seed"] = 5
    launched(Recipe.model_validate(mixed), group="together")
    assert [member.label for member in family_of(original)] == ["seed 0", "seed 3", "seeds of its own"]


def test_means_and_intervals_of_each_stage_are_those_of_scipy() -> None:
    table = seed_table(family_of(trained()[0]))
    first, second = table.stages
    for row, values in ((first, [after for _, after in FIRST.values()]), (second, list(SECOND.values()))):
        assert (row.done, row.wanted) == (3, 3)
        sampled = row.figures[0]
        assert sampled is not None
        assert sampled.spread.mean == pytest.approx(sum(values) / 3)
        expected = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
        assert sampled.spread.interval == pytest.approx(expected)
    for row, before, after in (
        (first, [begin for begin, _ in FIRST.values()], [after for _, after in FIRST.values()]),
        (second, [after for _, after in FIRST.values()], list(SECOND.values())),
    ):
        assert row.gain is not None
        paired = stats.ttest_rel(after, before).confidence_interval(0.95)
        assert row.gain.interval == pytest.approx((paired.low, paired.high))
    assert first.gain_words.startswith("+21.0 points, 95")
    assert [value for _, value in table.members[1].finals] == pytest.approx([0.35, 0.41])


def test_stages_under_way_do_not_count_yet() -> None:
    members = trained()
    second = run_of(members[2], "second")
    Run.objects.filter(pk=second.pk).update(status=RunStatus.RUNNING)
    row = seed_table(family_of(members[0])).stages[1]
    assert (row.done, row.wanted) == (2, 3)
    assert row.figures[0] is not None
    assert row.figures[0].spread.values == pytest.approx((0.42, 0.41))


def test_all_stop_and_all_go_on(committed: None, researcher_client: Client) -> None:
    original = launched()
    repeat_with_seeds(original, (1, 2), None)
    assert stop_all(family_of(original), StopRequest.SAVE) == 3
    assert set(RecipeRun.objects.values_list("state", flat=True)) == {"stopped"}
    assert resume_all(family_of(original)) == 3
    assert set(RecipeRun.objects.values_list("state", flat=True)) == {"running"}
    page = researcher_client.post(f"/recipes/{original.pk}/seeds/stop", {"how": "save"}, follow=True)
    assert "3 recipes asked to stop" in page.content.decode()
    assert "Resume all (3)" in page.content.decode()
    page = researcher_client.post(f"/recipes/{original.pk}/seeds/resume", follow=True)
    assert "3 recipes go on." in page.content.decode()


def test_the_page_shows_stages_and_seeds_and_launches_more(client: Client, researcher: User, viewer: User) -> None:
    members = trained()
    address = f"/recipes/{members[0].pk}/seeds/"
    client.force_login(viewer)
    body = client.get(address).content.decode()
    assert "31.0" in body
    assert "3 of 3" in body
    assert "seed 2" in body
    assert "More seeds" not in body
    assert address in client.get(f"/recipes/{members[0].pk}/").content.decode()
    client.force_login(researcher)
    refused = client.post(f"{address}repeat", {"seeds": "0-2"})
    assert (refused.status_code, "have a recipe already" in refused.content.decode()) == (400, True)
    said = client.post(f"{address}repeat", {"seeds": "3, 4"}, follow=True).content.decode()
    assert "2 recipes are launched" in said
    assert "5 recipes, 2 under way" in said
