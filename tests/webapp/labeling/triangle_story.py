"""A project that three judges disagree on, for the tests of the triangle: written at once, not through the desk."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from tests.webapp.labeling.made import project_of
from webapp.accounts.models import Role, User
from webapp.labeling.choices import AnnotationKind, AssignmentState, Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, LabelItem, LabelProject, ResponseScore
from webapp.runs.models import Run


def labeler(name: str = "lea") -> User:
    return User.objects.filter(username=name).first() or User.objects.create_user(name, role=Role.LABELER)


def ranking_project(count: int, **drafts: Any) -> LabelProject:
    """A ranking project whose items have a right response, a wrong one and another wrong one."""
    project = project_of(0, Mode.RANKING)
    add_items(
        project,
        [
            ItemDraft(
                f"What is {number} + 1?",
                [
                    ResponseDraft(f"{number}.{index}", source=f"m{index}", correct=index == 0, **drafts)
                    for index in range(3)
                ],
            )
            for number in range(count)
        ],
    )
    return project


def item_of(project: LabelProject, number: int) -> LabelItem:
    return project.items.get(number=number)


def label(
    item: LabelItem,
    said: Sequence[int] | Mapping[str, Any],
    *,
    of: Assignment | None = None,
    kind: str = "",
    by: str = "lea",
) -> Assignment:
    """What somebody said: ranks, or a value of another mode; ``of`` is the assignment that it repeats in reverse."""
    now = timezone.now()
    assignment = Assignment.objects.create(
        project_id=item.project_id, item=item, annotator=labeler(by), order=[0, 1, 2], handles=["a", "b", "c"],
        state=AssignmentState.SUBMITTED, reserved_at=now, reserved_until=now, repeat_of=of,
    )  # fmt: skip
    Annotation.objects.create(
        item=item,
        assignment=assignment,
        annotator=assignment.annotator,
        client_id=uuid.uuid4(),
        seconds=5.0,
        kind=kind or (AnnotationKind.REPEAT if of else AnnotationKind.LABEL),
        value=said if isinstance(said, Mapping) else {"ranks": list(said)},
    )
    return assignment


def score(
    run: Run,
    item: LabelItem,
    rewards: Sequence[float],
    spreads: Mapping[int, float] | None = None,
    step: int = 5,
    heldout: bool = False,
) -> None:
    """What a reward model makes of an item at a step."""
    spread = spreads or {}
    ResponseScore.objects.bulk_create(
        ResponseScore(
            run=run, step=step, item=item, index=index, reward=reward, spread=spread.get(index), heldout=heldout
        )
        for index, reward in enumerate(rewards)
    )
