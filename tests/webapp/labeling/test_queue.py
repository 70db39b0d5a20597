"""Who is given what: places, reservations, repeats; and that many at once do not get in each other's way."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.webapp.labeling.made import given, in_threads, labelers, overdue, project_of, submit
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import HOLDING, LIVE, AnnotationKind, AssignmentState, SkipReason
from webapp.labeling.counters import recount
from webapp.labeling.models import Annotation, Assignment, LabelItem
from webapp.labeling.projects import change_overlap, choose_labelers
from webapp.labeling.queue import expire, next_assignment, progress


@pytest.mark.django_db
def test_items_are_given_in_order_and_each_to_its_number_of_labelers() -> None:
    project = project_of(2, overlap=2)
    ann, ben, cleo = labelers(3)
    assert given(project, ann).item.number == 1
    assert given(project, ben).item.number == 1
    assert given(project, cleo).item.number == 2  # both places of the first are reserved
    assert given(project, ann).item.number == 1  # their own reservation, again
    submit(given(project, ann))
    assert given(project, ann).item.number == 2
    assert LabelItem.objects.get(number=1).free == 0


@pytest.mark.django_db
def test_nobody_gets_an_item_twice_and_the_end_is_none() -> None:
    project = project_of(2, overlap=3)
    [ann] = labelers(1)
    submit(given(project, ann))
    answers.skip(given(project, ann), ann, SkipReason.TOO_HARD)
    assert next_assignment(project, ann) is None
    assert list(LabelItem.objects.values_list("free", flat=True)) == [2, 3]


@pytest.mark.django_db
def test_an_expired_reservation_goes_to_others_and_back_to_its_owner_only_while_nobody_took_it() -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    first = given(project, ann)
    assert next_assignment(project, ben) is None
    overdue(first)
    assert given(project, ann).pk == first.pk  # back in time
    overdue(first)
    taken = given(project, ben)
    assert (taken.item_id, taken.slot) == (first.item_id, 0)
    first.refresh_from_db()
    assert first.state == AssignmentState.EXPIRED
    assert next_assignment(project, ann) is None
    overdue(taken)
    again = given(project, ann)
    assert (again.item_id, again.attempt) == (first.item_id, 1)


@pytest.mark.django_db
def test_every_third_item_is_an_earlier_one_mirrored() -> None:
    project = project_of(9, mirror_every=3)
    [ann] = labelers(1)
    taken, left = [], []
    for _ in range(6):
        taken.append(given(project, ann))
        left.append(progress(project, ann).left)
        submit(taken[-1])
    assert left == [9, 8, 7, 7, 6, 5], "with the one in hand; a repeat looks like any other item when it comes"
    assert [assignment.item.number for assignment in taken] == [1, 2, 1, 3, 4, 2]
    assert taken[2].order == taken[0].order[::-1]
    assert set(taken[2].handles).isdisjoint(taken[0].handles)
    assert Annotation.objects.get(assignment=taken[2]).kind == AnnotationKind.REPEAT
    item = LabelItem.objects.get(number=1)
    assert (item.submitted, item.free) == (1, 0)
    told = progress(project, ann)
    assert (told.submitted, told.repeats, told.labels, told.wanted) == (4, 2, 4, 9)


@pytest.mark.django_db
@pytest.mark.parametrize("overlap", [1, 2])
def test_what_a_labeler_holds_is_left_for_them(overlap: int) -> None:
    project = project_of(2, overlap=overlap, mirror_every=3)
    ann, ben = labelers(2)
    left = []
    for _ in range(3):
        assignment = given(project, ann)
        left.append(progress(project, ann).left)
        submit(assignment)
    assert left == [2, 1, 1], "the last one is a repeat"
    assert progress(project, ann).left == 0
    assert progress(project, ben).left == 2 * (overlap - 1)


@pytest.mark.django_db
def test_only_those_chosen_label_and_only_while_it_is_open(viewer: User) -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    choose_labelers(project, [ben])
    for user in (ann, viewer):
        with pytest.raises(UserError, match="not among") as refused:
            next_assignment(project, user)
        assert refused.value.status == 403
    assert given(project, ben)
    project.is_open = False
    with pytest.raises(UserError, match="closed"):
        next_assignment(project, ben)


@pytest.mark.django_db
def test_another_overlap_opens_and_closes_places() -> None:
    project = project_of(2)
    ann, ben = labelers(2)
    submit(given(project, ann))
    change_overlap(project, 2)
    assert list(LabelItem.objects.values_list("free", flat=True)) == [1, 2]
    assert given(project, ben).item.number == 1
    change_overlap(project, 1)
    assert list(LabelItem.objects.values_list("free", flat=True)) == [0, 1]


@pytest.mark.django_db
def test_the_queries_do_not_grow_with_items_or_labels() -> None:
    project = project_of(30, overlap=3)
    [ann, *others] = labelers(3)
    counts = set()
    for _ in range(20):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assignment = given(project, ann)
        counts.add(len(queries))
        submit(assignment)
        for other in others:
            submit(given(project, other))
    assert max(counts) <= 18
    assert len(counts) <= 2  # the very first makes the labeler's turn


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_label_everything_once() -> None:
    project = project_of(40, overlap=3)

    def label_all(user: User) -> None:
        while (assignment := next_assignment(project, user)) is not None:
            submit(assignment)

    in_threads(label_all, labelers(8))
    held = Assignment.objects.filter(state__in=HOLDING)
    assert set(Counter(held.values_list("item", flat=True)).values()) == {3}
    assert held.values("item", "annotator").distinct().count() == 120 == Annotation.objects.count()
    assert set(LabelItem.objects.values_list("submitted", "free")) == {(3, 0)}


@pytest.mark.django_db(transaction=True)
def test_requests_of_one_labeler_at_once_get_the_same_item() -> None:
    project = project_of(40, overlap=3)
    [ann] = labelers(1)
    for number in range(1, 6):
        taken = in_threads(lambda _: given(project, ann), list(range(8)))
        assert {assignment.item.number for assignment in taken} == {number}
        submit(taken[0])
    assert Assignment.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_last_item_is_waited_for_while_another_is_being_given_it() -> None:
    project = project_of(1, overlap=2)
    users = labelers(1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            LabelItem.objects.select_for_update().get()
            asked = pool.submit(in_threads, lambda user: next_assignment(project, user), users)
            wait([asked], timeout=0.3)
        assert asked.result() != [None]


@pytest.mark.django_db(transaction=True)
def test_one_overdue_place_is_given_out_once() -> None:
    project = project_of(1)
    ann, *others = labelers(7)
    overdue(given(project, ann))
    taken = in_threads(lambda user: next_assignment(project, user), others)
    assert sum(assignment is not None for assignment in taken) == 1
    assert Assignment.objects.filter(state=AssignmentState.RESERVED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_no_mix_of_acts_at_once_breaks_places_or_counters() -> None:
    project = project_of(25, overlap=2, mirror_every=4)

    def act_at_random(user: User) -> None:
        chance = random.Random(user.username)
        for _ in range(25):
            if (assignment := next_assignment(project, user)) is None:
                continue
            match chance.choice(["submit", "submit", "late", "skip", "undo", "leave"]):
                case "submit":
                    submit(assignment)
                case "late":
                    overdue(assignment)
                    expire(project)
                    submit(assignment)
                case "skip":
                    answers.skip(assignment, user, SkipReason.OTHER)
                case "undo":
                    answers.undo_last(user, project)
                case "leave":
                    overdue(assignment)

    in_threads(act_at_random, labelers(8))
    counters = list(LabelItem.objects.values_list("pk", "submitted", "free"))
    recount([pk for pk, _, _ in counters])
    assert counters == list(LabelItem.objects.values_list("pk", "submitted", "free"))
    held = Assignment.objects.filter(state__in=HOLDING, slot__isnull=False)
    assert max(Counter(held.values_list("item", flat=True)).values()) <= 2
    live = Assignment.objects.filter(state__in=LIVE, repeat_of=None)
    assert max(Counter(live.values_list("item", "annotator")).values()) == 1
    labeled = Annotation.objects.filter(withdrawn_at=None).values_list("assignment__state", flat=True)
    assert set(labeled) == {AssignmentState.SUBMITTED}
