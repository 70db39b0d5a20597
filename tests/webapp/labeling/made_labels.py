"""Projects with labels in them, for the tests of what labels say together."""

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone

from webapp.accounts.models import Role, User
from webapp.labeling.choices import AnnotationKind, AssignmentState, Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, LabelItem, LabelProject
from webapp.labeling.projects import create_project

Value = dict[str, Any]
Choose = Callable[[int, int], Value]
"""What an annotator says of an item, both by number; the item's from 1, the annotator's from 0."""

HOSTILE = "<script>alert(1)</script>"


def annotators(count: int) -> list[User]:
    return [
        User.objects.get_or_create(username=f"labeler{number}", defaults={"role": Role.LABELER})[0]
        for number in range(count)
    ]


def labeled_project(
    items: int,
    choose: Choose,
    *,
    mode: Mode = Mode.PAIRWISE,
    of: int = 3,
    drafts: Sequence[ItemDraft] = (),
    sources: Sequence[str] = ("small", "large"),
    seconds: Callable[[int], float] = lambda annotator: 9.0 + annotator,
    **settings: Any,
) -> LabelProject:
    """A project of which every item is labeled by the first ``of`` annotators, as ``choose`` says.

    Of the responses of an item the first is right and has the higher reward, unless ``drafts`` say otherwise.
    """
    author, _ = User.objects.get_or_create(username="author", defaults={"role": Role.RESEARCHER})
    project = create_project(f"Labels {LabelProject.objects.count()}", mode, user=author, overlap=of, **settings)
    made = list(drafts) or [
        ItemDraft(
            f"What is {number} + {number}?",
            [
                ResponseDraft(f"{'I think ' * place}it is {2 * number + place}.", name, place == 0, 1.0 - place, 5)
                for place, name in enumerate(sources)
            ],
            str(2 * number),
            {"file": "sums.jsonl", "lines": [number]},
        )
        for number in range(1, items + 1)
    ]
    add_items(project, made)
    for place, user in enumerate(annotators(of)):
        for item in project.items.all():
            label(item, user, choose(item.number, place), seconds=seconds(place), slot=place)
    return project


def label(
    item: LabelItem,
    user: User,
    value: Value,
    *,
    seconds: float = 9.0,
    slot: int | None = None,
    repeat_of: Assignment | None = None,
    comment: str = "",
) -> Annotation:
    """A label as it is stored, in an order drawn for it."""
    count = item.responses.count()
    order = (
        list(repeat_of.order[::-1])
        if repeat_of
        else random.Random(item.number * 31 + user.pk).sample(range(count), count)
    )
    assignment = Assignment.objects.create(
        project=item.project, item=item, annotator=user, slot=slot, order=order, repeat_of=repeat_of,
        handles=[f"h{place}" for place in range(count)], state=AssignmentState.SUBMITTED,
        reserved_at=timezone.now(), reserved_until=timezone.now(),
    )  # fmt: skip
    return Annotation.objects.create(
        item=item, assignment=assignment, annotator=user, client_id=uuid.uuid4(), value=value, seconds=seconds,
        kind=AnnotationKind.REPEAT if repeat_of else AnnotationKind.LABEL, comment=comment,
    )  # fmt: skip


def many_rankings(items: int, of: int, responses: int) -> LabelProject:
    """A large project in few statements."""
    maker = random.Random(1)
    author, _ = User.objects.get_or_create(username="author", defaults={"role": Role.RESEARCHER})
    project = create_project("Many rankings", Mode.RANKING, user=author, overlap=of)
    add_items(
        project,
        [
            ItemDraft(f"p{number}", [ResponseDraft(f"{k}", f"model {k}", k < 2, -float(k)) for k in range(responses)])
            for number in range(items)
        ],
    )
    users, now = annotators(of), timezone.now()
    rows = [
        Assignment(
            project=project, item=item, annotator=user, slot=slot, order=maker.sample(range(responses), responses),
            handles=[f"h{k}" for k in range(responses)], state=AssignmentState.SUBMITTED, reserved_at=now,
            reserved_until=now,
        )
        for item in project.items.all() for slot, user in enumerate(users)
    ]  # fmt: skip
    Assignment.objects.bulk_create(rows)
    Annotation.objects.bulk_create(
        Annotation(
            item=row.item, assignment=row, annotator=row.annotator, client_id=uuid.uuid4(),
            seconds=maker.expovariate(0.05),
            value={"ranks": [max(1, min(responses, k + 1 + maker.randint(-1, 1))) for k in range(responses)]},
        )
        for row in rows
    )  # fmt: skip
    return project
