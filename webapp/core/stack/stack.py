"""Starts the parts in their order, watches them, and stops them in the reverse order."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil
from django.conf import settings

from webapp.core.processes import kill_marked, marked
from webapp.core.stack.checks import CannotStart, check_folder, check_port, make_private
from webapp.core.stack.child import Child, GaveUp
from webapp.core.stack.postgres_server import PostgresServer
from webapp.core.stack.redis_server import redis_command, wait_for_redis

MARK = "ESPALIER_STACK"
"""Environment variable that all processes of a stack carry, with its data folder as value."""
WEB_START_S = 60.0
LEFTOVER_S = 5.0
WATCH_S = 0.5


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    demo: bool

    @property
    def address(self) -> str:
        name = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::1", "::"} else self.host  # noqa: S104
        return f"http://{name}:{self.port}"


class Stack:
    """All processes of one data folder. `say` shows a line to the user."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._embedded = settings.EMBEDDED
        self._logs = settings.ESPALIER_DATA / "logs"
        self._postgres = None if settings.DATABASE_URL else PostgresServer(self._embedded)
        self._redis: Child | None = None
        self._children: list[Child] = []
        self.news: list[str] = []
        """What `prepare` had to say, such as the first admin's password."""

    def start(self) -> None:
        """Everything, until the web answers. Raises CannotStart; call `stop` in any case."""
        check_folder(settings.ESPALIER_DATA)
        self._logs.mkdir(exist_ok=True)
        make_private(self._embedded.run_dir)
        make_private(self._embedded.redis_dir)
        self._end_leftovers()
        check_port(self._options.host, self._options.port)
        self._start_servers()
        self._prepare()
        sandboxes = [self._sandbox_worker(number + 1) for number in range(settings.SANDBOX_WORKERS)]
        self._children = [
            self._web(),
            self._worker("gpu", "gpu", 1),
            self._worker("cpu", "cpu,preflight", 2),
            *sandboxes,
        ]
        for child in self._children:
            child.start()
        self._wait_for_web()

    def watch(self) -> None:
        """Keep all alive, for ever. Raises GaveUp or CannotStart when one cannot be."""
        while True:
            time.sleep(WATCH_S)
            if self._postgres and not self._postgres.is_alive():
                self._say("PostgreSQL ended; starting it again")
                self._postgres.start()
            for child in filter(None, [self._redis, *self._children]):
                if news := child.look_after():
                    self._say(news)

    def stop(self) -> None:
        """End everything that was started: first what needs the servers, then the servers."""
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + settings.SHUTDOWN_GRACE_SECONDS + LEFTOVER_S
        while any(child.is_alive() for child in self._children) and time.monotonic() < deadline:
            time.sleep(0.1)
        for child in self._children:
            child.kill()
        if self._redis:
            self._redis.terminate()
            deadline = time.monotonic() + LEFTOVER_S
            while self._redis.is_alive() and time.monotonic() < deadline:
                time.sleep(0.05)
            self._redis.kill()
        if self._postgres:
            self._postgres.stop()

    def _end_leftovers(self) -> None:
        """Processes of a stack whose head was killed were told so by the kernel; some need a moment to save."""
        left = list(marked(MARK, str(settings.ESPALIER_DATA)))
        if left:
            self._say("waiting for processes of an earlier start to end")
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            psutil.wait_procs(left, timeout=settings.SHUTDOWN_GRACE_SECONDS + LEFTOVER_S)
            kill_marked(MARK, str(settings.ESPALIER_DATA))

    def _start_servers(self) -> None:
        if self._postgres:
            self._postgres.start()
        if settings.EMBEDDED_BROKER:
            wait_for_redis(self._embedded, up=False)
            self._redis = self._child("redis", redis_command(self._embedded))
            self._redis.start()
            wait_for_redis(self._embedded)

    def _prepare(self) -> None:
        command = [sys.executable, "manage.py", "prepare", *([] if self._options.demo else ["--no-demo"])]
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotStart(f"The database could not be prepared:\n{(done.stderr or done.stdout).strip()[-2000:]}")
        self.news = done.stdout.splitlines()

    def _web(self) -> Child:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return self._child(
            "web",
            [
                sys.executable, "-m", "gunicorn", "webapp.wsgi", "--config", "python:webapp.serving",
                "--bind", f"{host}:{self._options.port}", "--worker-class", "gthread", "--workers", "2",
                "--threads", "4", "--graceful-timeout", "5", "--no-control-socket",
            ],
        )  # fmt: skip

    def _worker(self, name: str, queues: str, concurrency: int) -> Child:
        return self._child(
            f"worker-{name}",
            [
                sys.executable, "-m", "celery", "--app", "workers.app", "worker", "--queues", queues,
                "--concurrency", str(concurrency), "--hostname", f"{name}@%h", "--loglevel", "INFO",
                "--without-gossip", "--without-mingle", "--without-heartbeat",
            ],
        )  # fmt: skip

    def _sandbox_worker(self, number: int) -> Child:
        name = "sandbox" if number == 1 else f"sandbox{number}"
        return self._child(
            f"worker-{name}",
            [
                sys.executable, "-m", "celery", "--app", "workers.sandbox.app", "worker", "--hostname", f"{name}@%h",
                "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
            ],
        )  # fmt: skip

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(name, command, settings.BASE_DIR, self._logs / f"{name}.log", self._environment())

    def _environment(self) -> dict[str, str]:
        """The servers' addresses are said outright: read from the data folder they could change under a restart."""
        return os.environ | {
            "ESPALIER_DATA": str(settings.ESPALIER_DATA),
            "DATABASE_URL": settings.DATABASE_URL or self._embedded.database_url,
            "BROKER_URL": settings.BROKER_URL,
            "PYTHONUNBUFFERED": "1",
            MARK: str(settings.ESPALIER_DATA),
        }

    def _wait_for_web(self) -> None:
        known = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "localhost"
        host = "127.0.0.1" if self._options.host == "0.0.0.0" else self._options.host  # noqa: S104
        request = urllib.request.Request(  # http, and our own
            f"http://{f'[{host}]' if ':' in host else host}:{self._options.port}/readyz",
            headers={"Host": "localhost" if known.startswith(("*", ".")) else known},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + WEB_START_S
        while time.monotonic() < deadline:
            for child in self._children:
                child.look_after()
            try:
                with direct.open(request, timeout=5):
                    return
            except urllib.error.HTTPError:
                return  # it answers, and its log says what is wrong
            except OSError:
                time.sleep(0.1)
        raise GaveUp(f"The web does not answer. The end of its log:\n{self._children[0].last_words()}")
