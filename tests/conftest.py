"""Fixtures for all tests: users of each role, and a client logged in as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
from django.conf import settings
from django.test import Client

from webapp.accounts.models import Role, User

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_configure() -> None:
    # Real password hashes are slow on purpose; the tests make hundreds of users.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # How fast examples are drawn depends on what else the machine does.
    hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What fails in a browser is tried once more, and the summary names it: a busy machine may draw too late."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def researcher(db: None) -> User:
    return User.objects.create_user("alice", password="correct horse battery", role=Role.RESEARCHER)


@pytest.fixture
def viewer(db: None) -> User:
    return User.objects.create_user("victor", password="correct horse battery", role=Role.VIEWER)


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse battery", role=Role.ADMIN)


@pytest.fixture
def researcher_client(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a process."""
    from tests.chromium import open_browser  # the tests of the web alone run where there is no Playwright

    yield from open_browser()
