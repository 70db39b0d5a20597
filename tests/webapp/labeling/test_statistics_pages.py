"""Pages of agreement and strengths: states, figures, who sees what, what is kept in store and when it is renewed."""

from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.webapp.labeling.made import in_threads, project_of
from tests.webapp.labeling.made_labels import HOSTILE, annotators, label, labeled_project, many_rankings
from webapp.accounts.models import Role, User
from webapp.labeling.choices import Mode
from webapp.labeling.computed import SPARED, computed, label_state
from webapp.labeling.estimates import Estimate
from webapp.labeling.items import ItemDraft, ResponseDraft
from webapp.labeling.models import Annotation, LabelProject, LabelStatistics

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
RUBRIC = [{"key": "clear", "label": "Clear"}, {"key": "right", "label": "Right", "lowest": 0, "highest": 1}]


def page(client: Client, project: LabelProject, name: str = "agreement", **query: str) -> str:
    response = client.get(f"/label/{project.slug}/{name}/", query, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def told(client: Client, project: LabelProject, name: str = "agreement") -> dict[str, Any]:
    return client.get(f"/label/{project.slug}/{name}/", {"format": "json"}).json()


def mostly_first(item: int, annotator: int) -> dict[str, str]:
    return {"choice": "second_slightly" if (item + annotator) % 5 == 0 else "first_clearly"}


def test_a_page_without_figures_fetches_them_and_then_shows_them(researcher_client: Client) -> None:
    project = labeled_project(4, mostly_first)
    whole = researcher_client.get(f"/label/{project.slug}/agreement/").content.decode()
    assert "Computing figures" in whole
    assert "Exact agreement" not in whole
    part = page(researcher_client, project)
    assert "Exact agreement" in part
    assert "<html" not in part
    again = researcher_client.get(f"/label/{project.slug}/agreement/").content.decode()
    assert "Computing figures" not in again
    assert "Exact agreement" in again
    assert "from all labels that there are" in again
    assert (
        "Exact agreement" in researcher_client.get(f"/label/{project.slug}/agreement/", {"now": "1"}).content.decode()
    )


def test_figures_come_with_n_interval_and_reading(researcher_client: Client) -> None:
    project = labeled_project(10, mostly_first)
    found = told(researcher_client, project)
    assert found["counts"] == {
        "items": 10, "twice": 10, "labels": 30, "repeats": 0, "adjudicated": 0, "unordered": 0, "annotators": 3,
    }  # fmt: skip
    assert found["figures"]["exact"]["value"] == pytest.approx(1 - 2 * 6 / 30)
    assert found["figures"]["exact"]["n"] == 10
    assert found["figures"]["tau"].startswith("Of two responses")
    text = page(researcher_client, project)
    for words in ("Krippendorff&#x27;s alpha", "Fleiss&#x27; kappa", "worse than chance", "labeler0", "do not apply to",
                  "sums.jsonl", "More than two annotators"):  # fmt: skip
        assert words in text, words


def test_noise_of_the_last_digits_is_not_told() -> None:
    assert str(Estimate(-2e-17, 3, -0.25, 0.25).as_json()["value"]) == "0.0"


def test_modes_have_the_figures_that_suit_them(researcher_client: Client) -> None:
    ranked = labeled_project(4, lambda item, who: {"ranks": [1, 2, 3 - (who == 2)]}, mode=Mode.RANKING, sources="abc")
    found = told(researcher_client, ranked)["figures"]
    assert found["rho"]["value"] > 0.9
    assert "categories" in found["cohen"]
    steps = labeled_project(4, lambda item, who: {"best": None if who else 0}, mode=Mode.TREE_STEP)
    found = told(researcher_client, steps)
    assert "no ranking" in found["figures"]["tau"]
    assert (found["counts"]["labels"], found["counts"]["unordered"]) == (12, 8)
    assert sum(each["count"] for each in found["time"]["bins"]) == 12
    rated = labeled_project(
        5, lambda item, who: {"ratings": [{"clear": 1 + item % 5, "right": 1}, {"clear": 2, "right": int(who == 0)}]},
        mode=Mode.RATING, rubric=RUBRIC,
    )  # fmt: skip
    rubric = told(researcher_client, rated)["rubric"]
    assert [each["label"] for each in rubric] == ["Clear", "Right"]
    assert (rubric[0]["exact"]["value"], rubric[0]["alpha"]["value"]) == (1, 1)
    assert rubric[1]["exact"]["value"] == pytest.approx(1 - 2 / 3 / 2)
    assert "By criterion of the rubric" in page(researcher_client, rated)


def test_mirrored_repeats_tell_self_consistency(researcher_client: Client) -> None:
    project = labeled_project(4, mostly_first, of=1)
    [user] = annotators(1)
    firsts = (
        Annotation.objects.filter(item__project=project).select_related("assignment", "item__project").order_by("pk")
    )
    for place, first in enumerate(firsts):
        said = first.value if place else {"choice": "tie"}
        label(first.item, user, said, repeat_of=first.assignment)
    found = told(researcher_client, project)
    assert found["counts"]["repeats"] == 4
    assert found["consistency"]["exact"]["value"] == pytest.approx(3 / 4)
    assert found["consistency"]["relaxed"]["value"] == pytest.approx(3.5 / 4)
    assert found["annotators"][0]["consistency"]["n"] == 4
    assert found["figures"]["exact"]["value"] is None, "a repeat is not a second opinion"
    assert "Agreement needs two labels of an item" in page(researcher_client, project)


def test_too_fast_annotators_are_marked_and_times_binned(researcher_client: Client) -> None:
    project = labeled_project(5, mostly_first, seconds=lambda who: 1.5 if who == 1 else 30.0)
    found = told(researcher_client, project)
    assert [each["too_fast"]["value"] for each in found["annotators"]] == [0, 1, 0]
    assert {each["low"]: each["count"] for each in found["time"]["bins"] if each["count"]} == {1.0: 5, 20.0: 10}
    assert page(researcher_client, project).count("⚡ too fast") == 1


def test_empty_projects_say_what_is_missing(researcher_client: Client) -> None:
    project = project_of(1)
    assert "No labels yet" in page(researcher_client, project)
    assert "Nothing to compare yet" in page(researcher_client, project, "strengths")
    assert researcher_client.get("/label/none/agreement/").status_code == 404


def test_figures_stay_in_store_until_labels_change(researcher_client: Client) -> None:
    project = labeled_project(3, mostly_first)
    page(researcher_client, project)
    kept = LabelStatistics.objects.get(project=project)
    page(researcher_client, project)
    assert LabelStatistics.objects.get(project=project).computed_at == kept.computed_at
    for change in (
        lambda: Annotation.objects.filter(item__project=project).first().delete(),
        lambda: Annotation.objects.filter(pk__in=[last_of(project).pk]).update(withdrawn_at=timezone.now()),
        lambda: project.items.filter(number=2).update(set_aside=True),
        lambda: LabelProject.objects.filter(pk=project.pk).update(too_fast_seconds=99),
    ):
        state = label_state(LabelProject.objects.get(pk=project.pk), "agreement")
        change()
        assert label_state(LabelProject.objects.get(pk=project.pk), "agreement") != state
    LabelStatistics.objects.filter(project=project).update(seconds=0.1)  # else a busy machine would spare itself
    assert "from all labels that there are" in page(researcher_client, project)
    assert LabelStatistics.objects.get(project=project).computed_at > kept.computed_at


def last_of(project: LabelProject) -> Annotation:
    return Annotation.objects.filter(item__project=project).latest("pk")


def test_figures_that_took_long_stay_a_while_and_say_so(researcher_client: Client) -> None:
    project = labeled_project(3, mostly_first)
    page(researcher_client, project)
    rows = LabelStatistics.objects.filter(project=project)
    rows.update(seconds=60.0)
    before = rows.get().computed_at
    Annotation.objects.filter(pk=last_of(project).pk).update(withdrawn_at=timezone.now())
    assert "labels have changed since" in page(researcher_client, project)
    assert rows.get().computed_at == before
    assert "from all labels" in page(researcher_client, project, again="1")
    rows.update(
        seconds=60.0, state=rows.get().state + "/other", computed_at=timezone.now() - timedelta(seconds=SPARED * 60)
    )
    assert "from all labels" in page(researcher_client, project)


def test_viewers_read_sources_and_pseudonyms(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    project = labeled_project(3, mostly_first)
    text = page(client, project)
    assert f"annotator-{annotators(1)[0].pk}" in text
    assert "labeler0" not in text
    assert client.get(f"/label/{project.slug}/strengths/").status_code == 200


def test_labelers_reach_neither(client: Client) -> None:
    project = labeled_project(1, mostly_first)
    client.force_login(User.objects.create_user("lea", role=Role.LABELER))
    for name in ("agreement", "strengths", "adjudicate", "export"):
        assert client.get(f"/label/{project.slug}/{name}/").status_code == 403


def test_strengths_of_sources_with_all_fits(researcher_client: Client) -> None:
    project = labeled_project(20, mostly_first)
    found = told(researcher_client, project, "strengths")
    assert found["bradley_terry"]["rows"][0]["source"] == "small"
    assert found["plackett_luce"]["rows"][0]["log_strength"]["low"] is not None
    assert found["elo"]["small"]["value"] > 1500 > found["elo"]["large"]["value"]
    assert found["trueskill"]["small"]["mu"] > 25
    assert found["wins"] == [[0, 12], [48, 0]]
    text = page(researcher_client, project, "strengths")
    for words in ("Bradley-Terry", "Plackett-Luce", "TrueSkill", "80.0 %", "shade-8"):
        assert words in text, words


def test_an_adjudicated_label_counts_alone_for_strengths(researcher_client: Client) -> None:
    project = labeled_project(2, lambda item, who: {"choice": "first_clearly"})
    for item in project.items.all():
        Annotation.objects.create(
            item=item, annotator=annotators(1)[0], kind="adjudicated", value={"choice": "second_clearly"},
            client_id=f"00000000-0000-0000-0000-00000000000{item.number}", seconds=1,
        )  # fmt: skip
    assert told(researcher_client, project, "strengths")["wins"] == [[0, 2], [0, 0]]


def test_sources_that_never_met_and_never_lost_are_told_of(researcher_client: Client) -> None:
    drafts = [
        ItemDraft("p", [ResponseDraft("x", one), ResponseDraft("y", other)])
        for one, other in (("a", f"b{HOSTILE}"), ("c", "d"), ("c", "d"))
    ]
    project = labeled_project(3, lambda item, who: {"choice": "first_clearly"}, drafts=drafts)
    text = page(researcher_client, project, "strengths")
    assert "fall into 2 groups" in text
    assert "Never lost: a, c" in text
    assert "at least this far" in text
    assert HOSTILE not in text


def test_many_items_take_few_queries_to_compute_and_to_show(
    researcher_client: Client, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    project = many_rankings(200, 2, 2)
    for name in ("agreement", "strengths", "adjudicate", "export", "export/rows"):
        with django_assert_max_num_queries(40):
            page(researcher_client, project, name)
        with django_assert_max_num_queries(18):
            assert researcher_client.get(f"/label/{project.slug}/{name}/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_figures_wanted_by_many_at_once_are_computed_once() -> None:
    project, calls = labeled_project(2, mostly_first), []

    def compute(of: LabelProject) -> dict[str, Any]:
        calls.append(of)
        sleep(0.2)
        return {"told": len(calls)}

    found = in_threads(lambda _: computed(project, "agreement", compute).content, [1] * 4)
    assert (found, len(calls)) == ([{"told": 1}] * 4, 1)
