"""Real sandbox workers on a real Redis, with ways to kill them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.workers.stack import ROOT, until
from webapp.core.embedded import Embedded
from webapp.core.stack.redis_server import is_redis_up, redis_command


class Fleet:
    """Workers on one broker, and on the database of the tests."""

    def __init__(self, folder: Path, database: str, **settings: str) -> None:
        self.embedded = Embedded(folder)
        for path in (self.embedded.run_dir, self.embedded.redis_dir):
            path.mkdir(parents=True)
        self.url = self.embedded.broker_url
        self.idle_url = f"{self.url}?virtual_host=1"
        """Of a broker that no worker listens to."""
        places = {"ESPALIER_DATA": str(folder), "BROKER_URL": self.url, "DATABASE_URL": database}
        self.environment = os.environ | places | {"OMP_NUM_THREADS": "1"} | settings
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
