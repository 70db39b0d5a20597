"""Settings that change while people label."""

import uuid
from typing import Any

import pytest

from tests.webapp.labeling.made import given, in_threads, labelers, project_of
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import LabelItem, LabelProject
from webapp.labeling.projects import change_project

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
