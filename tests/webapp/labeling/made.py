"""Projects and items for the tests of labeling."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from webapp.accounts.models import Role, User
from webapp.labeling import answers
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, LabelProject
from webapp.labeling.projects import create_project
from webapp.labeling.queue import next_assignment

RUBRIC = [{"key": "clear", "label": "Clear"}, {"key": "right", "label": "Right", "lowest": 0, "highest": 1}]


def labelers(count: int) -> list[User]:
    return [User.objects.create_user(f"labeler{number}", role=Role.LABELER) for number in range(count)]


def project_of(items: int, mode: Mode = Mode.PAIRWISE, *, responses: int = 2, **settings: Any) -> LabelProject:
    """A project whose item n has the responses "n.0", "n.1", …"""
    author = User.objects.filter(username="author").first() or User.objects.create_user("author", role=Role.RESEARCHER)
    project = create_project(f"Test {LabelProject.objects.count()}", mode, user=author, **settings)
    add_items(
        project,
        [
            ItemDraft(f"prompt {item}", [ResponseDraft(f"{item}.{index}", source="m") for index in range(responses)])
            for item in range(1, items + 1)
        ],
    )
    return project


def submit(assignment: Assignment | None, choice: str = "left_clearly", **sent: Any) -> Annotation:
    """Label a pair as its annotator does."""
    assert assignment is not None
    client_id = sent.pop("client_id", None) or uuid.uuid4()
    return answers.submit(assignment, assignment.annotator, client_id, {"choice": choice}, 9.0, **sent)


def given(project: LabelProject, user: User) -> Assignment:
    assignment = next_assignment(project, user)
    assert assignment is not None
    return assignment


def overdue(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(reserved_until=timezone.now() - timedelta(seconds=1))


def in_threads(work: Callable[[Any], Any], on: list[Any]) -> list[Any]:
    """Do ``work`` on each at once, every thread with a connection of its own."""

    def closing(each: Any) -> Any:
        try:
            return work(each)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(on)) as pool:
        return list(pool.map(closing, on))
