"""Settings that change while people label."""

import uuid
from threading import Barrier
from typing import Any

import pytest

from tests.webapp.labeling.made import given, in_threads, labelers, project_of, submit
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import FlagReason, Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, LabelerTurn, LabelItem, LabelProject
from webapp.labeling.projects import change_project, delete_project

SETTINGS: dict[str, Any] = {
    "name": "x", "instructions": "", "reservation_minutes": 15, "mirror_every": 0, "reveal": "never",
    "too_fast_seconds": 3.0,
}  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_label_and_another_mode_never_pass_each_other() -> None:
    users = labelers(6)
    for number, user in enumerate(users):
        project = project_of(1)
        held = given(project, user)

        def act(what: str, project: LabelProject = project, held: Any = held, user: Any = user) -> bool:
            try:
                if what == "label":
                    answers.submit(held, user, uuid.uuid4(), {"choice": "tie"}, 1.0)
                else:
                    change_project(project, rubric=[], labelers=None, mode=Mode.RANKING, overlap=1, **SETTINGS)
            except UserError:
                return False
            return True

        done = in_threads(act, ["label", "mode"] if number % 2 else ["mode", "label"])
        assert sum(done) == 1
        item = LabelItem.objects.get(project=project)
        assert (item.submitted, item.project.mode) in ((1, Mode.PAIRWISE), (0, Mode.RANKING))


@pytest.mark.django_db(transaction=True)
def test_items_added_while_the_overlap_changes_want_as_many_labels() -> None:
    project = project_of(30)
    draft = ItemDraft("p", [ResponseDraft("a"), ResponseDraft("b")])

    def act(what: str) -> None:
        if what == "add":
            add_items(LabelProject.objects.get(pk=project.pk), [draft] * 30)
        else:
            own = LabelProject.objects.get(pk=project.pk)
            change_project(own, rubric=[], labelers=None, mode=Mode.PAIRWISE, overlap=3, **SETTINGS)

    in_threads(act, ["add", "overlap", "add"])
    assert set(project.items.values_list("free", flat=True)) == {3}
    assert project.items.count() == 90


@pytest.mark.django_db
def test_items_fit_the_mode_that_the_project_has_by_now() -> None:
    project = project_of(0, Mode.RANKING)
    draft = ItemDraft("p", [ResponseDraft("a"), ResponseDraft("b"), ResponseDraft("c")])
    own = LabelProject.objects.get(pk=project.pk)
    change_project(own, rubric=[], labelers=None, mode=Mode.PAIRWISE, overlap=1, **SETTINGS)
    with pytest.raises(UserError, match="3 responses, where 2 are wanted"):
        add_items(project, [draft])


@pytest.mark.django_db(transaction=True)
def test_a_project_can_be_deleted_while_people_label() -> None:
    project = project_of(200, overlap=3)
    users = labelers(3)
    begun = Barrier(len(users) + 1)

    def act(user: Any) -> str:
        if user is None:
            begun.wait(timeout=20)
            delete_project(LabelProject.objects.get(pk=project.pk), project.name)
            return "deleted"
        own = LabelProject.objects.get(pk=project.pk)
        submit(given(own, user))
        begun.wait(timeout=20)
        while True:
            try:
                held = given(own, user)
                answers.flag(held, user, FlagReason.UNSAFE)
                submit(held)
            except UserError as error:
                return error.message

    gone = f"{project.name} was deleted meanwhile."
    assert in_threads(act, [None, *users]) == ["deleted", gone, gone, gone]
    assert not any(model.objects.exists() for model in (LabelProject, LabelItem, Assignment, Annotation, LabelerTurn))
