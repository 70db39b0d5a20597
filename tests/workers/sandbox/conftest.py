"""A real Redis and real sandbox workers, which stay for a module's tests."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.workers.stack import ROOT, until
from webapp.core.embedded import Embedded
from webapp.core.stack.redis_server import is_redis_up, redis_command
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker

LEASE_S = 1.0


class Fleet:
    """Workers on one broker, and on the database of the tests."""

    def __init__(self, folder: Path, database: str) -> None:
        self.embedded = Embedded(folder)
        for path in (self.embedded.run_dir, self.embedded.redis_dir):
            path.mkdir(parents=True)
        self.url = self.embedded.broker_url
        self.idle_url = f"{self.url}?virtual_host=1"
        """Of a broker that no worker listens to."""
        self.environment = os.environ | {
            "ESPALIER_DATA": str(folder), "BROKER_URL": self.url, "DATABASE_URL": database,
            "SANDBOX_LEASE_SECONDS": str(LEASE_S), "SANDBOX_SLOTS": "4", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self._redis = subprocess.Popen(redis_command(self.embedded), stdout=subprocess.DEVNULL)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        until(lambda: is_redis_up(self.embedded), 20, lambda: "no Redis")

    def start(self, *names: str) -> None:
        """Workers of these names, until they take calls."""
        command = [sys.executable, "-m", "celery", "--app", "workers.sandbox.app", "worker", "--loglevel", "INFO"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        for name in names:
            with (self.embedded.data / f"{name}.log").open("wb") as log:
                self._workers[name] = subprocess.Popen(
                    [*command, *quiet, "--hostname", name], cwd=ROOT, env=self.environment, stdout=log, stderr=log
                )
        until(lambda: all("ready." in self.said(name) for name in names), 60, lambda: "".join(map(self.said, names)))

    def said(self, name: str) -> str:
        """Its log."""
        return (self.embedded.data / f"{name}.log").read_text()

    def kill(self, name: str) -> None:
        """SIGKILL; returns when nothing of it is left, its sandbox included."""
        process = self._workers.pop(name)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        psutil.wait_procs(family, timeout=20)

    def stop(self) -> None:
        """All, as a service manager does."""
        for process in self._workers.values():
            process.send_signal(signal.SIGTERM)
        for process in self._workers.values():
            process.wait(40)
        self._redis.terminate()
        self._redis.wait(20)


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="espalier-fleet-"))
    place = connection.settings_dict
    # Host and socket folder alike may stand in the query; a password, if there is one, in its place.
    login = f"{place['USER']}:{place['PASSWORD']}" if place["PASSWORD"] else place["USER"]
    port = f":{place['PORT']}" if place["PORT"] else ""
    fleet = Fleet(folder, f"postgresql://{login}@{port}/{place['NAME']}?host={place['HOST']}")
    fleet.start("one@test", "two@test")
    yield fleet
    fleet.stop()
    shutil.rmtree(folder)
    with django_db_blocker.unblock():
        for table in (SandboxWorker, SandboxSample, ConsoleCall):
            table.objects.all().delete()
