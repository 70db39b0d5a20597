"""A real Redis and real sandbox workers, which stay for a module's tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.workers.sandbox.fleet import Fleet
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker

QUICK = {"SANDBOX_LEASE_SECONDS": "1", "SANDBOX_SLOTS": "4"}


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="espalier-fleet-"))
    place = connection.settings_dict
    # Host and socket folder alike may stand in the query; a password, if there is one, in its place.
    login = f"{place['USER']}:{place['PASSWORD']}" if place["PASSWORD"] else place["USER"]
    port = f":{place['PORT']}" if place["PORT"] else ""
    fleet = Fleet(folder, f"postgresql://{login}@{port}/{place['NAME']}?host={place['HOST']}", **QUICK)
    fleet.start("one@test", "two@test")
    yield fleet
    fleet.stop()
    shutil.rmtree(folder)
    with django_db_blocker.unblock():
        for table in (SandboxWorker, SandboxSample, ConsoleCall):
            table.objects.all().delete()
