"""The desk over HTTP: what it gives, what it takes, and what it never tells."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.webapp.labeling.made import RUBRIC, given, labelers, project_of, submit
from webapp.accounts.models import Role, User
from webapp.labeling.choices import AssignmentState, Mode, Reveal
from webapp.labeling.desk_page import labels_an_hour
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, Flag, LabelProject
from webapp.labeling.projects import create_project

pytestmark = pytest.mark.django_db

ANSWERS = {
    Mode.PAIRWISE: lambda handles: {"choice": "tie"},
    Mode.RANKING: lambda handles: {"ranks": dict.fromkeys(handles, 1)},
    Mode.RATING: lambda handles: {"ratings": {handle: {"clear": 3, "right": 1} for handle in handles}},
    Mode.TREE_STEP: lambda handles: {"best": handles[0]},
}

TELLING = ("SOURCE", "0.731", "1.731", "heldout", "RUNNAME", "PROBLEMID", "REFERENCE", "rollout", "correct")
"""What a response without its label may not hold."""


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, project: LabelProject, path: str, body: Any = None) -> Any:
    address = f"/label/{project.slug}/desk/{path}/"
    return client.post(address, body or {}, content_type="application/json")


def opened(client: Client, project: LabelProject) -> Any:
    return client.get(f"/label/{project.slug}/desk/?format=json").json()


def label(item: Any, value: Any = None, **more: Any) -> dict[str, Any]:
    handles = [response["handle"] for response in item["responses"]]
    return {"client_id": str(uuid.uuid4()), "value": value or ANSWERS[item["mode"]](handles), "seconds": 4.5} | more


def rubric_of(mode: Mode) -> dict[str, Any]:
    return {"rubric": RUBRIC} if mode == Mode.RATING else {}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_script_labels_a_project_to_its_end(mode: Mode) -> None:
    [ann] = labelers(1)
    project, client = project_of(3, mode, **rubric_of(mode)), client_of(ann)
    desk = opened(client, project)
    for done in range(3):
        assert desk["state"] == "item"
        assert desk["progress"]["submitted"] == done
        assert desk["progress"]["left"] == 3 - done, "the one on the desk is still to be labeled"
        item = desk["item"]
        desk = post(client, project, f"{item['assignment']}/submit", label(item)).json()
    assert desk["state"] == "complete"
    assert desk["item"] is None
    assert desk["progress"]["per_hour"] is None, "three labels of seconds tell no pace"
    assert Annotation.objects.count() == 3


@pytest.mark.parametrize(
    ("seconds", "an_hour"),
    [
        ([], None),
        ([600.0], None),
        ([60.0] * 4, None),
        ([20.0] * 5, None),
        ([24.0] * 5, 150.0),
        ([30.0, 40.0, 50.0, 30.0, 30.0], 100.0),
    ],
)
def test_a_pace_is_told_once_there_is_enough_to_tell_it_from(seconds: list[float], an_hour: float | None) -> None:
    assert labels_an_hour(seconds) == (None if an_hour is None else pytest.approx(an_hour))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_plain_form_without_scripts_labels_too(mode: Mode) -> None:
    [ann] = labelers(1)
    project, client = project_of(2, mode, **rubric_of(mode)), client_of(ann)
    client.get(f"/label/{project.slug}/desk/")
    assignment = Assignment.objects.get()
    first, second = assignment.handles
    fields = {
        Mode.PAIRWISE: {"choice": "left_slightly"},
        Mode.RANKING: {f"rank-{first}": "2", f"rank-{second}": "1"},
        Mode.RATING: {f"rate-{handle}-{key}": "1" for handle in (first, second) for key in ("clear", "right")},
        Mode.TREE_STEP: {"best": "none"},
    }[mode]
    address = f"/label/{project.slug}/desk/{assignment.pk}/submit/"
    incomplete = client.post(address, {"client_id": uuid.uuid4()})
    assert incomplete.status_code == 400
    assert "not answered" in incomplete.text
    answer = client.post(address, {"client_id": uuid.uuid4(), "comment": "so", "seconds": "2.5", **fields})
    assert answer.status_code == 302
    stored = Annotation.objects.get()
    assert (stored.comment, stored.seconds) == ("so", 2.5)
    assert client.get(answer["location"]).text.count("prompt 2") == 1


def test_nothing_of_an_unlabeled_item_tells_where_its_responses_come_from() -> None:
    [ann] = labelers(1)
    author = User.objects.create_user("author", role=Role.RESEARCHER)
    for mode in Mode:
        project = create_project(f"Blind {mode}", mode, user=author, reveal=Reveal.AFTER_SUBMIT, **rubric_of(mode))
        numbers = {
            "length": 1_481_300_000,
            "step": 1_904_170_000,
            "group_index": 1_770_010_000,
            "rollout_index": 1_660_010_000,
        }
        told = [
            ResponseDraft(f"text {n}", f"SOURCE{n}", correct=n > 0, reward=0.731 + n, split="heldout", **numbers)
            for n in range(2)
        ]
        origin = {"run": "RUNNAME", "problem": "PROBLEMID"}
        add_items(project, [ItemDraft("The prompt", told, reference="REFERENCE", origin=origin)] * 2)
        client = client_of(ann)
        texts = [client.get(f"/label/{project.slug}/desk/").text]
        desk = opened(client, project)
        item = desk["item"]
        assert set(item) == {"assignment", "mode", "rubric", "prompt", "responses", "draft", "reserved_until"}
        assert all(set(response) == {"handle", "text"} for response in item["responses"])
        one, two = (response["handle"] for response in item["responses"])
        place = f"{item['assignment']}/"
        texts += [
            repr(desk),
            client.post(f"/label/{project.slug}/desk/next/", headers={"hx-request": "true"}).text,
            post(client, project, place + "draft", {"value": {}}).text,
            post(client, project, place + "flag", {"reason": "unsafe"}).text,
            post(client, project, place + "submit", {"client_id": str(uuid.uuid4()), "value": 3}).text,
            client.get(f"/label/{project.slug}/desk/{place}difference/?left={one}&right={two}").text,
            post(client, project, place + "skip", {"reason": "known"}).text,
        ]
        for text in texts:
            assert text
            for telling in (*TELLING, *map(str, numbers.values())):
                assert telling not in text, f"{mode}: {telling} in {text}"
        second = opened(client, project)["item"]
        after = post(client, project, f"{second['assignment']}/submit", label(second)).json()
        assert after["state"] == "revealed"
        assert {each["source"] for each in after["revealed"]} == {"SOURCE0", "SOURCE1"}


def test_the_same_label_sent_again_is_stored_once_and_answered_alike() -> None:
    [ann] = labelers(1)
    project, client = project_of(2), client_of(ann)
    item = opened(client, project)["item"]
    sent = label(item)
    first = post(client, project, f"{item['assignment']}/submit", sent).json()
    again = post(client, project, f"{item['assignment']}/submit", sent)
    assert again.status_code == 200
    assert again.json()["item"]["assignment"] == first["item"]["assignment"]
    assert Annotation.objects.count() == 1
    other = post(client, project, f"{item['assignment']}/submit", label(item))
    assert other.status_code == 409
    assert "labeled already" in other.json()["error"]


def test_a_label_may_be_sent_without_being_given_another_item() -> None:
    [ann] = labelers(1)
    project, client = project_of(2), client_of(ann)
    item = opened(client, project)["item"]
    answer = post(client, project, f"{item['assignment']}/submit", label(item, next=False))
    assert answer.json() == {"stored": True}
    assert Assignment.objects.count() == 1


@pytest.mark.parametrize("mode", list(Mode))
def test_an_undone_label_comes_back_filled_in(mode: Mode) -> None:
    [ann] = labelers(1)
    project, client = project_of(2, mode, **rubric_of(mode)), client_of(ann)
    assert post(client, project, "undo").status_code == 409
    item = opened(client, project)["item"]
    sent = label(item, comment="why")
    if mode == Mode.PAIRWISE:
        sent["value"] = {"choice": "right_slightly"}
    post(client, project, f"{item['assignment']}/submit", sent)
    back = post(client, project, "undo").json()["item"]
    assert back["responses"] == item["responses"]
    assert back["draft"]["value"] == sent["value"]
    assert (back["draft"]["comment"], back["draft"]["seconds"]) == ("why", 4.5)


def test_a_draft_is_there_after_a_reload_whatever_stands_in_it() -> None:
    [ann] = labelers(1)
    project, client = project_of(1), client_of(ann)
    item = opened(client, project)["item"]
    place = f"{item['assignment']}/draft"
    assert "saved_at" in post(client, project, place, {"value": {"choice": "tie"}, "comment": "hm", "more": 1}).json()
    assert opened(client, project)["item"]["draft"]["value"] == {"choice": "tie"}
    page = client.get(f"/label/{project.slug}/desk/").text
    assert 'value="tie" required checked' in page
    assert ">hm</textarea>" in page
    for nonsense in (None, 3, [1], {"choice": {"a": []}}, {"ranks": "x"}):
        for seconds in ("long", 10**400):
            post(client, project, place, {"value": nonsense, "seconds": seconds, "comment": ["a"]})
            assert client.get(f"/label/{project.slug}/desk/").status_code == 200


def test_skips_and_flags_take_a_reason() -> None:
    [ann] = labelers(1)
    project, client = project_of(2), client_of(ann)
    item = opened(client, project)["item"]
    place = f"{item['assignment']}/"
    assert post(client, project, place + "skip", {"reason": "tired"}).status_code == 400
    assert post(client, project, place + "flag", {"reason": "unsafe", "comment": "ouch"}).json() == {
        "flagged": "unsafe"
    }
    assert Flag.objects.get().comment == "ouch"
    after = post(client, project, place + "skip", {"reason": "too_hard"}).json()
    assert after["item"]["prompt"] == "prompt 2"
    assert after["progress"]["skipped"] == 1


@pytest.mark.parametrize("path", ["submit", "draft", "skip", "flag"])
def test_another_labelers_item_is_out_of_reach(path: str) -> None:
    ann, bob = labelers(2)
    project = project_of(1)
    assignment = given(project, ann)
    answer = post(client_of(bob), project, f"{assignment.pk}/{path}", {"reason": "unsafe", "value": {}})
    assert answer.status_code == 403
    assert "somebody else" in answer.json()["error"]
    other = project_of(1)
    assert post(client_of(ann), other, f"{assignment.pk}/{path}", {}).status_code == 404


def test_why_there_is_nothing_is_said() -> None:
    ann, bob = labelers(2)
    viewer = User.objects.create_user("victor", role=Role.VIEWER)
    for project, user, state, words in (
        (project_of(0), ann, "empty", "No items yet"),
        (project_of(1, labelers=[bob]), ann, "not_allowed", "You are not among those"),
        (project_of(1), viewer, "not_allowed", "needs the role labeler"),
        (project_of(1, is_open=False), ann, "closed", "closed"),
    ):
        answer = client_of(user).get(f"/label/{project.slug}/desk/")
        assert words in answer.text
        assert answer.status_code == (403 if state == "not_allowed" else 200)
        twin = client_of(user).get(f"/label/{project.slug}/desk/?format=json")
        assert twin.status_code == answer.status_code
        assert state == "not_allowed" or twin.json()["state"] == state


def test_what_others_hold_may_come_free_and_what_one_skipped_does_not() -> None:
    ann, bob = labelers(2)
    project = project_of(1)
    held = given(project, bob)
    desk = opened(client_of(ann), project)
    assert desk["state"] == "reserved"
    assert desk["free_at"] == held.reserved_until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert held.reserved_until > timezone.now()
    post(client_of(bob), project, f"{held.pk}/skip", {"reason": "known"})
    assert opened(client_of(bob), project)["state"] == "done"
    submit(given(project, ann))
    assert opened(client_of(bob), project)["state"] == "complete"
    assert Assignment.objects.get(pk=held.pk).state == AssignmentState.SKIPPED


def test_mutations_need_post_and_json_that_can_be_read() -> None:
    [ann] = labelers(1)
    project, client = project_of(1), client_of(ann)
    place = f"/label/{project.slug}/desk/{given(project, ann).pk}/"
    for path in ("submit", "draft", "skip", "flag"):
        assert client.get(f"{place}{path}/").status_code == 405
    for body in ("{", "[]", '{"client_id": "no"}', "[" * 100_000):
        answer = client.post(f"{place}submit/", body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_model_text_is_escaped() -> None:
    [ann] = labelers(1)
    author = User.objects.create_user("author", role=Role.RESEARCHER)
    project = create_project("Hostile", Mode.RANKING, user=author, instructions="<script>g</script>")
    add_items(project, [ItemDraft("<script>p</script>", [ResponseDraft("<img src=x>"), ResponseDraft("b\u202e")])])
    page = client_of(ann).get(f"/label/{project.slug}/desk/").text
    assert "<script>p" not in page
    assert "<script>g" not in page
    assert "<img src=x" not in page
    assert "⟦202E⟧" in page


@pytest.mark.parametrize(("items", "overlap"), [(5, 1), (60, 3)])
def test_asking_takes_as_many_queries_however_many_items(
    items: int, overlap: int, django_assert_max_num_queries: Any
) -> None:
    [ann] = labelers(1)
    project, client = project_of(items, Mode.RANKING, responses=9, overlap=overlap), client_of(ann)
    opened(client, project)
    with django_assert_max_num_queries(18):
        opened(client, project)
