"""An item taken out of the queue: nobody is given it, nothing is lost, and it can be put back."""

import pytest

from tests.webapp.labeling.made import given, labelers, overdue, project_of, submit
from webapp.core.errors import UserError
from webapp.labeling import queue
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items, last_number, set_aside
from webapp.labeling.models import LabelItem
from webapp.labeling.projects import change_overlap
from webapp.labeling.stored_labels import labeled_items
from webapp.labeling.training_labels import label_facts, project_names

pytestmark = pytest.mark.django_db


def free(item: LabelItem) -> int:
    item.refresh_from_db()
    return item.free


def test_it_is_given_to_nobody_until_it_is_back() -> None:
    project = project_of(2)
    [user] = labelers(1)
    first = project.items.get(number=1)
    set_aside(first, True)
    submit(given(project, user))
    assert queue.next_assignment(project, user) is None
    change_overlap(project, 2)
    assert (free(first), queue.next_assignment(project, user)) == (0, None)
    set_aside(first, False)
    assert free(first) == 2
    assert given(project, user).item == first


def test_whoever_has_it_in_hand_may_finish_and_nobody_gets_the_place_they_leave() -> None:
    project = project_of(1, overlap=2)
    one, other = labelers(2)
    held, left = given(project, one), given(project, other)
    set_aside(held.item, True)
    submit(held)
    overdue(left)
    queue.expire(project)
    assert free(held.item) == 0
    submit(left)
    assert held.item.annotations.count() == 2


def test_its_labels_count_nowhere_meanwhile() -> None:
    project = project_of(2)
    [user] = labelers(1)
    item = submit(given(project, user)).item
    assert queue.progress(project, user).complete == 1
    set_aside(item, True)
    progress = queue.progress(project, user)
    assert (progress.items, progress.complete, progress.wanted) == (1, 0, 1)
    assert list(labeled_items(project)) == []
    assert "no labels yet" in label_facts(project.slug).error  # type: ignore[union-attr]
    assert project_names() == {}


def test_it_is_not_repeated() -> None:
    project = project_of(4, mirror_every=2)
    [user] = labelers(1)
    set_aside(submit(given(project, user)).item, True)
    assert given(project, user).repeat_of is None


def test_items_that_were_looked_at_are_added_once() -> None:
    project = project_of(3)
    drafts = [ItemDraft("p", [ResponseDraft("a"), ResponseDraft("b")])]
    seen = last_number(project)
    assert add_items(project, drafts, after=seen) == 1
    with pytest.raises(UserError, match="meanwhile") as error:
        add_items(project, drafts, after=seen)
    assert error.value.status == 409
    assert last_number(project) == 4


def test_its_reservations_promise_no_place() -> None:
    project = project_of(1)
    one, other = labelers(2)
    item = given(project, one).item
    assert queue.next_free_at(project, other)
    set_aside(item, True)
    assert queue.next_free_at(project, other) is None
