"""Adjudication: the queue and its chips, decisions that overwrite nothing, their withdrawal, the page, who may what."""

import uuid
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_group, make_run
from tests.webapp.labeling.made import in_threads
from tests.webapp.labeling.made_labels import HOSTILE, annotators, label, labeled_project
from webapp.accounts.models import Role, User
from webapp.core.errors import UserError
from webapp.labeling import adjudication
from webapp.labeling.adjudication import decide, decision_of, withdraw
from webapp.labeling.choices import Mode
from webapp.labeling.dispute_queue import Queue, read_queue
from webapp.labeling.exports.records import pairs
from webapp.labeling.items import ItemDraft, ResponseDraft
from webapp.labeling.models import (
    Annotation,
    Flag,
    ItemResponse,
    LabelItem,
    LabelProject,
    LabelStatistics,
    ResponseScore,
)

pytestmark = pytest.mark.django_db
RATED = {f"rate-{k}-clear": str(k + 1) for k in range(3)}
FIRST, SECOND = {"choice": "first_clearly"}, {"choice": "second_clearly"}


def disputed() -> LabelProject:
    """1: agreed and right; 2: two against one; 3: agreed, against verifier and reward; 4: differing in degree."""

    def choose(item: int, who: int) -> dict[str, str]:
        if item == 4:
            return {"choice": "first_slightly"} if who else FIRST
        return SECOND if item == 3 or (item == 2 and who == 0) else FIRST

    return labeled_project(4, choose)


def item_of(project: LabelProject, number: int) -> LabelItem:
    return LabelItem.objects.select_related("project").get(project=project, number=number)


def numbers(queue: Queue) -> list[int]:
    return [row.number for row in queue.rows]


def decided(project: LabelProject, number: int, user: User, choice: str = "left_clearly", **more: Any) -> Annotation:
    return decide(item_of(project, number), user, uuid.uuid4(), {"choice": choice}, "because", **more)


def test_the_queue_holds_disputes_the_strongest_first() -> None:
    project = disputed()
    assert numbers(read_queue(project, "all")) == [3, 2]
    assert numbers(read_queue(project, "annotators")) == [2]
    assert numbers(read_queue(project, "verifier")) == numbers(read_queue(project, "reward")) == [3]
    assert numbers(read_queue(project, "degree")) == [4]
    assert read_queue(project, "all").counts == {
        "all": 2, "annotators": 1, "verifier": 1, "reward": 1, "degree": 1, "decided": 0,
    }  # fmt: skip
    assert read_queue(project, "all").rows[0].parties == "verifier, reward model"


def test_new_labels_and_rewards_renew_the_queue() -> None:
    project = disputed()
    read_queue(project, "all")
    ItemResponse.objects.filter(item=item_of(project, 1), index=1).update(reward=5.0)
    assert numbers(read_queue(project, "reward")) == [1, 3]
    extra = User.objects.create_user("late", role=Role.LABELER)
    label(item_of(project, 1), extra, SECOND)
    assert numbers(read_queue(project, "annotators")) == [2, 1]
    project.items.filter(number=2).update(set_aside=True)
    assert numbers(read_queue(project, "annotators")) == [1]


def test_the_reward_model_trained_last_is_in_dispute_with_people(researcher_client: Client) -> None:
    project = disputed()
    read_queue(project, "all")
    runs = [make_run(), make_run()]
    for run, step, first in ((runs[0], 9, -5.0), (runs[1], 1, -5.0), (runs[1], 2, 2.5)):
        for item in project.items.all():
            for index, reward in enumerate((first, 0.0)):
                ResponseScore.objects.create(run=run, step=step, item=item, index=index, reward=reward, heldout=True)
    ItemResponse.objects.filter(item__project=project).update(reward=None)
    assert numbers(read_queue(project, "reward")) == [3], "as before, but by the last step of the last run"
    ResponseScore.objects.filter(run=runs[1], step=2).update(reward=-1.0)
    ResponseScore.objects.filter(run=runs[1], step=2, item__number=1, index=1).update(reward=1.0)
    LabelStatistics.objects.all().delete()
    assert numbers(read_queue(project, "reward")) == [1]
    text = researcher_client.get(f"/label/{project.slug}/adjudicate/?item=1").content.decode()
    assert f"run {runs[1].pk}, step 2" in text


def test_a_decision_is_a_new_row_and_leaves_the_queue(researcher: User) -> None:
    project = disputed()
    before = list(Annotation.objects.values())
    made = decided(project, 2, researcher, "right_slightly", seconds=4.5)
    assert list(Annotation.objects.exclude(pk=made.pk).values()) == before
    assert (made.kind, made.value, made.assignment, made.annotator) == (
        "adjudicated", {"choice": "second_slightly"}, None, researcher,
    )  # fmt: skip
    assert (made.comment, made.seconds) == ("because", 4.5)
    queue = read_queue(project, "all")
    assert (numbers(queue), queue.counts["decided"], numbers(read_queue(project, "decided"))) == ([3], 1, [2])
    assert [row["chosen"] for row in pairs(project) if row["meta"]["adjudicated"]] == ["I think it is 5."]
    decided(project, 1, researcher)
    assert numbers(read_queue(project, "decided")) == [2, 1], "also where nothing was in dispute"


def test_the_same_decision_twice_is_one(researcher: User, admin: User) -> None:
    project, sent = disputed(), uuid.uuid4()
    item = item_of(project, 2)
    first = decide(item, researcher, sent, {"choice": "tie"}, "why")
    assert decide(item, researcher, sent, {"choice": "left_clearly"}, "other") == first
    for other, user in ((item_of(project, 3), researcher), (item, admin)):
        with pytest.raises(UserError, match="another item already"):
            decide(other, user, sent, {"choice": "tie"}, "why")
    labels = Annotation.objects.filter(kind="label").first()
    with pytest.raises(UserError, match="another item already"):
        decide(labels.item, researcher, labels.client_id, {"choice": "tie"}, "why")


def test_who_decides_without_knowing_of_a_decision_is_told(researcher: User, admin: User) -> None:
    project = disputed()
    first = decided(project, 2, researcher)
    with pytest.raises(UserError, match="alice decided item 2 meanwhile") as error:
        decided(project, 2, admin)
    assert error.value.status == 409
    second = decided(project, 2, admin, "tie", seen=first.pk)
    assert decision_of(item_of(project, 2)) == second
    assert Annotation.objects.filter(kind="adjudicated", withdrawn_at=None).count() == 2
    withdraw(second, admin)
    assert decision_of(item_of(project, 2)) == first, "the one before holds again"


@pytest.mark.parametrize(
    ("value", "comment", "words"),
    [({"choice": "maybe"}, "why", "cannot be read"), ({"ranks": {}}, "why", "cannot be read"),
     ({"choice": "tie"}, " \0 ", "Say in the comment why")],
)  # fmt: skip
def test_what_is_no_decision_is_refused(researcher: User, value: Any, comment: str, words: str) -> None:
    project = disputed()
    with pytest.raises(UserError, match=words):
        decide(item_of(project, 2), researcher, uuid.uuid4(), value, comment)
    assert not Annotation.objects.filter(kind="adjudicated").exists()


def test_labelers_decide_nothing() -> None:
    project = disputed()
    with pytest.raises(UserError) as error:
        decided(project, 2, annotators(1)[0])
    assert error.value.status == 403


def test_a_decision_is_withdrawn_by_whoever_made_it_or_an_admin(researcher: User, admin: User) -> None:
    project = disputed()
    other = User.objects.create_user("otto", role=Role.RESEARCHER)
    made = decided(project, 2, researcher)
    with pytest.raises(UserError, match="Whoever decided"):
        withdraw(made, other)
    when = withdraw(made, admin).withdrawn_at
    assert when is not None
    assert withdraw(made, researcher).withdrawn_at == when
    assert numbers(read_queue(project, "all")) == [3, 2]
    with pytest.raises(UserError, match="Labelers take their own"):
        withdraw(Annotation.objects.filter(kind="label")[0], admin)


@pytest.mark.parametrize(
    ("mode", "sent", "stored"),
    [(Mode.RANKING, {"rank-0": "2", "rank-1": "1", "rank-2": "2"}, {"ranks": [2, 1, 2]}),
     (Mode.TREE_STEP, {"best": "none"}, {"best": None}), (Mode.TREE_STEP, {"best": "2"}, {"best": 2}),
     (Mode.RATING, RATED, {"ratings": [{"clear": k + 1} for k in range(3)]})],
)  # fmt: skip
def test_each_mode_is_decided_by_the_fields_of_its_form(researcher_client: Client, mode, sent, stored) -> None:
    values = {Mode.RANKING: {"ranks": [1, 2, 3]}, Mode.TREE_STEP: {"best": 1},
              Mode.RATING: {"ratings": [{"clear": k + 1} for k in range(3)]}}  # fmt: skip
    rubric = [{"key": "clear", "label": "Clear"}] if mode == Mode.RATING else []
    project = labeled_project(1, lambda item, who: values[mode], mode=mode, sources="abc", rubric=rubric)
    page = researcher_client.get(f"/label/{project.slug}/adjudicate/?item=1").content.decode()
    assert all(f'name="{name}"' in page for name in sent)
    post(researcher_client, project, 1, **sent)
    assert Annotation.objects.get(kind="adjudicated").value == stored
    assert researcher_client.get(f"/label/{project.slug}/adjudicate/?item=1").status_code == 200


def post(client: Client, project: LabelProject, number: int, **fields: str) -> Any:
    sent = {"client_id": str(uuid.uuid4()), "comment": "it is right", "seconds": "3.5", "why": "all"} | fields
    return client.post(f"/label/{project.slug}/adjudicate/{number}/", sent)


def test_deciding_leads_to_the_next_item_and_can_be_undone(researcher_client: Client) -> None:
    project = disputed()
    first = researcher_client.get(f"/label/{project.slug}/adjudicate/").content.decode()
    assert "Item 3" in first
    assert "1 of 2" in first
    response = post(researcher_client, project, 3, choice="left_clearly")
    assert response["Location"] == f"/label/{project.slug}/adjudicate/?why=all&item=2"
    text = researcher_client.get(response["Location"]).content.decode()
    assert "Item 3 is decided." in text
    made = Annotation.objects.get(kind="adjudicated")
    assert f'name="decision" value="{made.pk}"' in text
    response = researcher_client.post(
        f"/label/{project.slug}/adjudicate/3/withdraw/", {"decision": made.pk, "why": "all"}
    )
    assert "withdrawn; its row stays" in researcher_client.get(response["Location"]).content.decode()
    assert "1 earlier decision" in researcher_client.get(response["Location"]).content.decode()
    post(researcher_client, project, 3, choice="left_clearly")
    post(researcher_client, project, 2, choice="tie")
    done = researcher_client.get(f"/label/{project.slug}/adjudicate/").content.decode()
    assert "Nothing left to decide" in done
    assert "No disputes here" not in done


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"client_id": "x", "choice": "tie"}, "valid client_id"), ({"choice": "tie", "comment": ""}, "Say in the comment"),
     ({}, "not answered yet"), ({"choice": "both"}, "cannot be read")],
)  # fmt: skip
def test_forms_that_make_no_sense_are_answered_in_words(researcher_client: Client, fields, words) -> None:
    response = post(researcher_client, disputed(), 2, **fields)
    assert response.status_code == 400
    assert words in response.content.decode()


def test_the_page_shows_what_was_said_and_escapes_it(researcher_client: Client, viewer: User) -> None:
    drafts = [
        ItemDraft(HOSTILE, [ResponseDraft(f"{HOSTILE}{k}", f"wrote-{k}{HOSTILE}", k == 0, 0.25 + k) for k in range(2)])
    ]
    project = labeled_project(1, lambda item, who: SECOND if who else FIRST, drafts=drafts, seconds=lambda who: 1.0)
    row = Annotation.objects.latest("pk")
    Annotation.objects.filter(pk=row.pk).update(comment=HOSTILE)
    Flag.objects.create(assignment=row.assignment, reason="unsafe", comment=HOSTILE)
    address = f"/label/{project.slug}/adjudicate/"
    text = researcher_client.get(address).content.decode()
    assert HOSTILE not in text
    for words in (
        "labeler0",
        "A clearly better",
        "B clearly better",
        "⚑ Unsafe",
        "⚡ too fast",
        "wrote-1",
        "✓ right",
        "1.25",
    ):
        assert words in text, words
    researcher_client.force_login(viewer)
    text = researcher_client.get(address).content.decode()
    for words in ("labeler0", "wrote-1", "✓ right", "1.25", "<textarea"):
        assert words not in text, words
    assert "needs the role researcher" in text


def test_addresses_of_no_item(researcher_client: Client) -> None:
    project = disputed()
    address = f"/label/{project.slug}/adjudicate/"
    assert researcher_client.get(address, {"item": "99"}).status_code == 404
    assert researcher_client.get(address, {"item": "two"}).status_code == 400
    assert researcher_client.get(address, {"why": "no such", "item": "1"}).status_code == 200
    assert "No disputes here" in researcher_client.get(
        f"/label/{labeled_project(1, lambda item, who: FIRST).slug}/adjudicate/"
    ).content.decode()  # fmt: skip


def test_rollouts_and_labels_are_linked_both_ways(researcher_client: Client) -> None:
    run = make_run()
    group = make_group(run, step=3, index=2, rewards=(1.0, 0.0))
    drafts = [
        ItemDraft("p", [
            ResponseDraft(f"r{k}", run_id=run.pk, step=3, split="train", group_index=2, rollout_index=k)
            for k in range(2)
        ]),
        ItemDraft("p", [ResponseDraft("gone", run_id=run.pk, step=9, split="train", group_index=0, rollout_index=0),
                        ResponseDraft("typed")]),
    ]  # fmt: skip
    project = labeled_project(2, lambda item, who: SECOND if who else FIRST, drafts=drafts)
    address = f"/label/{project.slug}/adjudicate/"
    text = researcher_client.get(address, {"item": "1"}).content.decode()
    for rollout in group.rollouts.all():
        assert f'href="/rollouts/{rollout.pk}/"' in text
        page = researcher_client.get(f"/rollouts/{rollout.pk}/").content.decode()
        assert f'href="{address}?item=1"' in page
    text = researcher_client.get(address, {"item": "2"}).content.decode()
    assert "(no longer there)" in text
    assert "/rollouts/" not in text


@pytest.mark.django_db(transaction=True)
def test_of_decisions_at_once_one_is_stored(researcher: User) -> None:
    project = disputed()
    users = [researcher, *(User.objects.create_user(f"r{k}", role=Role.RESEARCHER) for k in range(3))]

    def attempt(user: User) -> bool:
        try:
            decided(project, 2, user)
        except UserError:
            return False
        return True

    assert sum(in_threads(attempt, users)) == 1
    same = uuid.uuid4()
    sent = in_threads(
        lambda _: adjudication.decide(item_of(project, 3), researcher, same, {"choice": "tie"}, "w").pk, [1] * 4
    )
    assert len(set(sent)) == 1
