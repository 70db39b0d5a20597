"""Projects and items as they may be, the order responses are shown in, and labels of each mode."""

from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given as drawn
from hypothesis import strategies as st

from tests.webapp.labeling.made import RUBRIC, given, labelers, project_of
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Assignment, LabelItem, LabelProject
from webapp.labeling.ordering import new_handles, shown_order
from webapp.labeling.projects import create_project
from webapp.labeling.values import stored_value


def shown(mode: Mode, order: list[int], rubric: list[dict[str, Any]] | None = None) -> Assignment:
    """An assignment that shows response i as "h<i>"."""
    project = LabelProject(mode=mode, rubric=rubric or [])
    return Assignment(project=project, order=order, handles=[f"h{index}" for index in order])


@drawn(st.integers(1, 9), st.integers(0, 5), st.integers(1, 10**9))
def test_the_order_is_a_permutation_and_always_the_same(count: int, attempt: int, item: int) -> None:
    order = shown_order(1, item, 7, attempt, count)
    assert sorted(order) == list(range(count))
    assert order == shown_order(1, item, 7, attempt, count)


def test_orders_favour_no_side_and_differ_between_annotators() -> None:
    orders = {(item, user): tuple(shown_order(1, item, user, 0, 2)) for item in range(500) for user in (1, 2)}
    assert 430 < Counter(orders.values())[0, 1] < 570
    assert 180 < sum(orders[item, 1] == orders[item, 2] for item in range(500)) < 320


def test_handles_are_distinct_and_drawn_anew() -> None:
    assert len(set(new_handles(9)) | set(new_handles(9))) == 18


@pytest.mark.parametrize(
    ("order", "sent", "stored"),
    [
        ([0, 1], "left_clearly", "first_clearly"),
        ([1, 0], "left_clearly", "second_clearly"),
        ([1, 0], "right_slightly", "first_slightly"),
        ([1, 0], "tie", "tie"),
        ([1, 0], "both_bad", "both_bad"),
        ([0, 1], "both_good", "both_good"),
    ],
)
def test_sides_are_turned_back_into_responses(order: list[int], sent: str, stored: str) -> None:
    assert stored_value(shown(Mode.PAIRWISE, order), {"choice": sent}) == {"choice": stored}


@drawn(st.permutations(range(5)), st.lists(st.integers(1, 5), min_size=5, max_size=5))
def test_ranks_do_not_depend_on_the_order_shown(order: list[int], ranks: list[int]) -> None:
    sent = {f"h{index}": rank for index, rank in enumerate(ranks)}
    stored = stored_value(shown(Mode.RANKING, list(order)), {"ranks": sent})["ranks"]
    for one, other in combinations(range(5), 2):
        assert (ranks[one] < ranks[other]) == (stored[one] < stored[other])
        assert (ranks[one] == ranks[other]) == (stored[one] == stored[other])
    assert set(stored) == set(range(1, len(set(ranks)) + 1))


def test_ratings_and_best_steps_are_stored_by_index() -> None:
    sent = {"h0": {"clear": 4, "right": 0}, "h1": {"clear": 2, "right": 1}}
    stored = stored_value(shown(Mode.RATING, [1, 0], full(RUBRIC)), {"ratings": sent})
    assert stored == {"ratings": [sent["h0"], sent["h1"]]}
    assert stored_value(shown(Mode.TREE_STEP, [2, 0, 1]), {"best": "h1"}) == {"best": 1}
    assert stored_value(shown(Mode.TREE_STEP, [2, 0, 1]), {"best": None}) == {"best": None}


def full(rubric: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"description": "", "lowest": 1, "highest": 5} | criterion for criterion in rubric]


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        (Mode.PAIRWISE, {"choice": "left"}),
        (Mode.PAIRWISE, {"choice": "tie", "more": 1}),
        (Mode.PAIRWISE, "tie"),
        (Mode.PAIRWISE, None),
        (Mode.RANKING, {"ranks": {"h0": 1}}),
        (Mode.RANKING, {"ranks": {"h0": 1, "h1": 2, "h2": 3}}),
        (Mode.RANKING, {"ranks": {"h0": 0, "h1": 1}}),
        (Mode.RANKING, {"ranks": {"h0": 1, "h1": 3}}),
        (Mode.RANKING, {"ranks": {"h0": "1", "h1": 2}}),
        (Mode.RANKING, {"ranks": {"h0": True, "h1": 2}}),
        (Mode.RATING, {"ratings": {"h0": {"clear": 4}, "h1": {"clear": 2, "right": 1}}}),
        (Mode.RATING, {"ratings": {"h0": {"clear": 6, "right": 1}, "h1": {"clear": 2, "right": 1}}}),
        (Mode.TREE_STEP, {"best": "h9"}),
        (Mode.TREE_STEP, {}),
    ],
)
def test_other_labels_are_refused(mode: Mode, sent: object) -> None:
    with pytest.raises(UserError):
        stored_value(shown(mode, [1, 0], full(RUBRIC)), sent)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("rubric", {"mode": Mode.RATING}),
        ("rubric", {"mode": Mode.RANKING, "rubric": RUBRIC}),
        ("same key", {"mode": Mode.RATING, "rubric": [RUBRIC[0], RUBRIC[0]]}),
        ("most points", {"mode": Mode.RATING, "rubric": [RUBRIC[0] | {"lowest": 5}]}),
        ("labels", {"overlap": 0}),
        ("reservation", {"reservation_minutes": 0}),
        ("repeat", {"mirror_every": 1}),
        ("letter", {"name": "…"}),
    ],
)
def test_a_project_that_makes_no_sense_is_refused(researcher: User, said: str, settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=said):
        create_project(**({"name": "A", "mode": Mode.PAIRWISE, "user": researcher} | settings))
    assert not LabelProject.objects.exists()


@pytest.mark.django_db
def test_a_name_is_taken_once(researcher: User) -> None:
    create_project("Proofs", Mode.PAIRWISE, user=researcher)
    with pytest.raises(UserError, match="already"):
        create_project("proofs!", Mode.PAIRWISE, user=researcher)


@pytest.mark.django_db
def test_items_are_added_all_or_none() -> None:
    project = project_of(2, Mode.RANKING, responses=3, overlap=2)
    good = ItemDraft("p", [ResponseDraft("a"), ResponseDraft("b")], wanted=5)
    for bad in (ItemDraft("p", [ResponseDraft("a")]), ItemDraft("p\0", good.responses), ItemDraft(" ", good.responses)):
        with pytest.raises(UserError, match="Item 2"):
            add_items(project, [good, bad])
    assert add_items(project, [good]) == 1
    assert list(LabelItem.objects.values_list("number", "free")) == [(1, 2), (2, 2), (3, 5)]


@pytest.mark.django_db
def test_the_database_itself_refuses_a_place_held_twice() -> None:
    project = project_of(1, overlap=2)
    ann, ben = labelers(2)
    held = given(project, ann)
    now = timezone.now()
    row = {"project": project, "item": held.item, "order": [0, 1], "handles": ["a", "b"]}
    for annotator, slot in ((ben, 0), (ann, 1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Assignment.objects.create(**row, annotator=annotator, slot=slot, reserved_at=now, reserved_until=now)
