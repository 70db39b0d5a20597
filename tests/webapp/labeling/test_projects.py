"""Pages of label projects: what they show to whom."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.labeling.made import given, labelers, project_of, submit
from webapp.accounts.models import User

pytestmark = pytest.mark.django_db


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


def test_an_empty_list_says_what_projects_are_for(researcher_client: Client) -> None:
    assert "Nothing to label yet" in text(researcher_client.get("/label/"))


def test_the_list_tells_all_labels_and_ones_own(researcher_client: Client, researcher: User) -> None:
    project = project_of(3, overlap=2)
    for user in (researcher, *labelers(2)):
        submit(given(project, user))
    [row] = researcher_client.get("/label/").context["page"].rows
    assert (row.items, row.complete, row.labels, row.wanted, row.own) == (3, 1, 3, 6, 1)


def test_labels_beyond_those_wanted_do_not_make_up_for_missing_ones(researcher_client: Client) -> None:
    project = project_of(2, overlap=2)
    for user in labelers(2):
        submit(given(project, user))
    project.items.filter(number=1).update(wanted=1)
    [row] = researcher_client.get("/label/").context["page"].rows
    assert (row.complete, row.labels, row.wanted) == (1, 1, 3)


def test_the_list_takes_as_many_queries_for_many_projects_as_for_one(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(55):
        project_of(1)
    with django_assert_max_num_queries(7):
        page = researcher_client.get("/label/")
    assert len(page.context["page"].rows) == 50
    following = researcher_client.get("/label/", {"after": page.context["page"].next_cursor})
    assert len(following.context["page"].rows) == 5
