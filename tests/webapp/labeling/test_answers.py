"""Labels given, sent twice, too late, taken back; skips, flags and drafts."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webapp.labeling.made import given, in_threads, labelers, overdue, project_of, submit
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import AssignmentState, FlagReason, SkipReason
from webapp.labeling.models import Annotation, Assignment, Draft, Flag, LabelItem
from webapp.labeling.projects import choose_labelers
from webapp.labeling.queue import expire, next_assignment


@pytest.mark.django_db
def test_the_same_label_sent_twice_is_one_row() -> None:
    project = project_of(2)
    [ann] = labelers(1)
    assignment, client_id = given(project, ann), uuid.uuid4()
    first = submit(assignment, client_id=client_id, comment=" since\0 it is ")
    assert submit(assignment, "tie", client_id=client_id).pk == first.pk
    assert Annotation.objects.get().comment == "since it is"
    with pytest.raises(UserError, match="labeled already") as refused:
        submit(assignment)
    assert refused.value.status == 409
    with pytest.raises(UserError, match="another item"):
        submit(given(project, ann), client_id=client_id)


@pytest.mark.django_db(transaction=True)
def test_the_same_label_sent_by_two_requests_at_once_is_one_row() -> None:
    project = project_of(10)
    [ann] = labelers(1)
    for _ in range(10):
        assignment, client_id = given(project, ann), uuid.uuid4()
        sent = in_threads(lambda _, a=assignment, c=client_id: submit(a, client_id=c).pk, [1, 2])
        assert len(set(sent)) == 1
    assert Annotation.objects.count() == 10
    assert set(LabelItem.objects.values_list("submitted", "free")) == {(1, 0)}


@pytest.mark.django_db
def test_nobody_answers_for_another() -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    assignment = given(project, ann)
    for act in (
        lambda: answers.submit(assignment, ben, uuid.uuid4(), {"choice": "tie"}, 9.0),
        lambda: answers.skip(assignment, ben, SkipReason.OTHER),
        lambda: answers.flag(assignment, ben, FlagReason.UNSAFE),
        lambda: answers.save_draft(assignment, ben, {}),
    ):
        with pytest.raises(UserError) as refused:
            act()
        assert refused.value.status == 403


@pytest.mark.django_db
def test_a_late_label_takes_the_free_place_else_it_is_one_more() -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    late = given(project, ann)
    overdue(late)
    expire(project)
    assert LabelItem.objects.get().free == 1
    submit(late)
    late.refresh_from_db()
    assert (late.state, late.slot, LabelItem.objects.get().free) == (AssignmentState.SUBMITTED, 0, 0)

    answers.undo_last(ann, project)
    late = given(project, ann)
    overdue(late)
    other = given(project, ben)
    submit(late)
    submit(other)
    late.refresh_from_db()
    item = LabelItem.objects.get()
    assert (late.slot, item.submitted, item.free) == (None, 2, 0)


@pytest.mark.django_db
def test_a_late_label_stands_for_the_newer_reservation_of_the_same_item() -> None:
    project = project_of(1)
    [ann] = labelers(1)
    late = given(project, ann)
    overdue(late)
    expire(project)
    newer = given(project, ann)
    assert newer.pk != late.pk
    submit(late)
    newer.refresh_from_db()
    assert newer.state == AssignmentState.EXPIRED
    with pytest.raises(UserError, match="since"):
        submit(newer)
    assert (LabelItem.objects.get().submitted, Annotation.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_undo_gives_the_item_back_as_it_was() -> None:
    project = project_of(3)
    [ann] = labelers(1)
    first = given(project, ann)
    answers.save_draft(first, ann, {"choice": "tie"})
    label = submit(first, "tie")
    waiting = given(project, ann)
    again = answers.undo_last(ann, project)
    assert again is not None
    assert (again.item_id, again.order, again.handles) == (first.item_id, first.order, first.handles)
    assert Draft.objects.get().assignment_id == again.pk
    label.refresh_from_db()
    assert label.withdrawn_at is not None
    assert given(project, ann).pk == again.pk
    submit(again)
    assert given(project, ann).pk == waiting.pk
    assert LabelItem.objects.get(number=1).submitted == 1
    project.is_open = False
    with pytest.raises(UserError, match="closed"):
        answers.undo_last(ann, project)
    project.is_open = True
    answers.undo_last(ann, project)
    assert answers.undo_last(ann, project) is None  # no label of theirs is left


@pytest.mark.django_db
def test_who_may_not_label_any_more_takes_nothing_back() -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    label = submit(given(project, ann))
    choose_labelers(project, [ben])
    with pytest.raises(UserError, match="not among those") as refused:
        answers.undo_last(ann, project)
    assert refused.value.status == 403
    label.refresh_from_db()
    assert label.withdrawn_at is None


@pytest.mark.django_db
def test_a_skipped_item_goes_to_others() -> None:
    project = project_of(1)
    ann, ben = labelers(2)
    skipped = given(project, ann)
    answers.skip(skipped, ann, SkipReason.TOO_HARD, "integrals")
    answers.skip(skipped, ann, SkipReason.OTHER)  # sent twice
    skipped.refresh_from_db()
    assert (skipped.skip_reason, skipped.skip_comment) == ("too_hard", "integrals")
    assert next_assignment(project, ann) is None
    assert given(project, ben).item_id == skipped.item_id
    with pytest.raises(UserError, match="skipped already"):
        submit(skipped)


@pytest.mark.django_db
def test_a_flag_is_kept_once_a_reason_and_ends_nothing() -> None:
    project = project_of(1)
    [ann] = labelers(1)
    assignment = given(project, ann)
    answers.flag(assignment, ann, FlagReason.TRUNCATED, "no end")
    answers.flag(assignment, ann, FlagReason.TRUNCATED, "no end at all")
    assert Flag.objects.get().comment == "no end at all"
    assert submit(assignment)


@pytest.mark.django_db
def test_a_draft_is_kept_and_lengthens_the_reservation() -> None:
    project = project_of(1)
    [ann] = labelers(1)
    assignment = given(project, ann)
    overdue(assignment)
    answers.save_draft(assignment, ann, {"choice": "tie"})
    answers.save_draft(assignment, ann, {"choice": "left_clearly"})
    assert Draft.objects.get().value == {"choice": "left_clearly"}
    assert Assignment.objects.get().reserved_until > timezone.now() + timedelta(minutes=14)
    for bad in ({"note": "\0"}, {"note": "\ud800"}, {"note": float("nan")}, {"note": "x" * 100_000}):
        with pytest.raises(UserError, match="draft"):
            answers.save_draft(assignment, ann, bad)
    submit(assignment)
    with pytest.raises(UserError, match="labeled already"):
        answers.save_draft(assignment, ann, {})
