"""What a labeler sees, and when they learn more."""

import pytest

from tests.webapp.labeling.made import given, labelers, project_of, submit
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import Mode, Reveal
from webapp.labeling.desk_page import after_label
from webapp.labeling.models import Assignment
from webapp.labeling.showing import cards, identities


@pytest.mark.django_db
def test_cards_stand_in_the_order_of_the_assignment_under_its_handles() -> None:
    [ann] = labelers(1)
    assignment = given(project_of(1, Mode.RANKING, responses=9), ann)
    assert [card.text for card in cards(assignment)] == [f"1.{index}" for index in assignment.order]
    assert [card.handle for card in cards(assignment)] == assignment.handles


@pytest.mark.django_db
def test_who_wrote_what_is_told_after_the_label_only_and_only_where_wanted() -> None:
    [ann] = labelers(1)
    project = project_of(1, reveal=Reveal.AFTER_SUBMIT)
    assignment = given(project, ann)
    with pytest.raises(UserError, match="not told"):
        identities(assignment)
    submit(assignment)
    assignment.refresh_from_db()
    assert [each.source for each in identities(assignment)] == ["m", "m"]
    with pytest.raises(UserError, match="not told"):
        identities(given(project_of(1), ann))


@pytest.mark.django_db
def test_who_was_told_cannot_label_the_item_again() -> None:
    [ann] = labelers(1)
    project = project_of(1, reveal=Reveal.AFTER_SUBMIT)
    label = submit(given(project, ann))
    assert not after_label(Assignment.objects.get(), ann).pace.may_undo  # type: ignore[union-attr]
    with pytest.raises(UserError, match="told"):
        answers.undo_last(ann, project)
    label.refresh_from_db()
    assert label.withdrawn_at is None
