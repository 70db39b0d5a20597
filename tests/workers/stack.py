"""A real ``manage.py up`` on a data folder of its own, with ways to kill its parts."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from training.config import RunConfig
from webapp.core.embedded import Embedded

ROOT = Path(__file__).resolve().parents[2]
START_S = 120
OURS = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "HASHED_STATIC")
TERMINAL = {"succeeded", "stopped", "failed", "lost"}


class RealStack:
    """PostgreSQL, Redis, web, workers and trainers, all real."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.embedded = Embedded(data)
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        ours = {"ESPALIER_DATA": str(data), "PYTHONUNBUFFERED": "1", "SANDBOX_WORKERS": "0"}
        self.environment = kept | ours | settings
        self.said = data / "up.log"
        self._head: psutil.Popen | None = None
        self._commands: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Until the web answers."""
        with self.said.open("w") as output:
            self._head = psutil.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), "--no-demo"],
                cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until(lambda: "is ready" in self.said.read_text() or self.head.poll() is not None, START_S, self.said.read_text)
        assert self.head.poll() is None, self.said.read_text()

    @property
    def head(self) -> psutil.Popen:
        assert self._head is not None
        return self._head

    def stop(self) -> int:
        """As Ctrl-C does; returns the exit code."""
        for command in self._commands:
            command.wait(timeout=90)
        if self.head.poll() is None:
            self.head.send_signal(signal.SIGTERM)
        return int(self.head.wait(timeout=90))

    def find(self, *words: str) -> list[psutil.Process]:
        """Processes below the head whose command line has all these words; the oldest first."""
        found = [
            process
            for process in self.head.children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE and all(word in " ".join(process.cmdline()) for word in words)
        ]
        return sorted(found, key=lambda process: process.create_time())

    def trainer(self) -> list[psutil.Process]:
        """The running trainer."""
        return self.find("-m training run")[:1]

    def worker(self) -> list[psutil.Process]:
        """Main process of the worker that runs trainers."""
        return self.find("celery", "--queues gpu")[:1]

    def supervisor(self) -> list[psutil.Process]:
        """The worker's child that supervises."""
        return self.find("celery", "--queues gpu")[1:2]

    def web(self) -> list[psutil.Process]:
        """Main process of the web."""
        return self.find("gunicorn")[:1]

    def redis(self) -> list[psutil.Process]:
        """The broker."""
        return self.find("redis-server")[:1]

    def postgres(self) -> list[psutil.Process]:
        """Main process of the database; no child of the head."""
        with contextlib.suppress(OSError, IndexError, psutil.NoSuchProcess):
            return [psutil.Process(int((self.embedded.postgres_dir / "postmaster.pid").read_text().split()[0]))]
        return []

    def kill(self, part: Callable[[], list[psutil.Process]]) -> None:
        """SIGKILL to a part, as soon as it is there."""
        until(part, 60, lambda: f"{part.__name__} is not there:\n{self.said.read_text()}")
        for process in part():
            process.kill()

    def manage(self, *arguments: str) -> str:
        """A management command on this stack."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def launch(self, config: RunConfig, name: str) -> int:
        """Queue a run; returns its number as soon as it waits: on a busy machine the command may end long after."""
        file = self.data / f"{name}.json"
        file.write_text(config.model_dump_json())
        [[newest]] = self.ask("SELECT coalesce(max(id), 0) FROM runs_run")
        command = subprocess.Popen(
            [sys.executable, "manage.py", "launch", str(file), "--name", name],
            cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        query = "SELECT id FROM runs_run WHERE id > %s AND name = %s AND queued_at IS NOT NULL"

        def queued() -> bool:
            assert command.poll() in {None, 0}, f"launching {name} ended with {command.returncode}"
            return bool(self.ask(query, newest, name))

        until(queued, 120, lambda: f"{name} is not queued")
        self._commands.append(command)
        return int(self.ask(query, newest, name)[0][0])

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """A query; waits for a database that is away."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(self.embedded.database_url, autocommit=True) as connection:
                    return connection.execute(query, values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def run(self, number: int) -> dict[str, Any]:
        """Some fields of a run."""
        fields = "status", "step", "attempt", "error", "automatic_resumes", "exit_code"
        query = f"SELECT {', '.join(fields)} FROM runs_run WHERE id = %s"  # noqa: S608
        return dict(zip(fields, self.ask(query, number)[0], strict=True))

    def wait_for_step(self, number: int, step: int, seconds: float = 90) -> None:
        """Until the run has come so far (or has ended)."""

        def there() -> bool:
            run = self.run(number)
            return run["step"] >= step or run["status"] in TERMINAL

        until(there, seconds, lambda: self.describe(number))

    def wait_for_end(self, number: int, seconds: float = 120) -> dict[str, Any]:
        """Until the run is over."""
        until(lambda: self.run(number)["status"] in TERMINAL, seconds, lambda: self.describe(number))
        return self.run(number)

    def rows(self, number: int, of: str = "run") -> dict[str, Any]:
        """All rows of a run, or of its searches; see tests.workers.rows."""
        code = (
            "import json; from tests.workers import rows; from webapp.runs.models import Run; "
            f"print(json.dumps(rows.of_{of}(Run.objects.get(pk={number})), default=bytes.hex))"
        )
        return dict(json.loads(self.manage("shell", "--no-imports", "-c", code)))

    def resume(self, number: int) -> None:
        """As the button does."""
        code = (
            "from webapp.runs.services import resume_run; from webapp.runs.models import Run; "
            f"resume_run(Run.objects.get(pk={number}))"
        )
        self.manage("shell", "--no-imports", "-c", code)

    def describe(self, number: int) -> str:
        """For a failed assertion: the run and all logs."""
        logs = [f"== {log}\n{log.read_text(errors='replace')[-3000:]}" for log in (self.data / "logs").glob("*.log")]
        own = self.data / "runs" / str(number) / "log.txt"
        trainer = own.read_text(errors="replace")[-2000:] if own.exists() else "no log"
        return "\n".join([str(self.run(number)), self.said.read_text(), *logs, f"== trainer\n{trainer}"])


def until(condition: Callable[[], object], seconds: float, complaint: Callable[[], str]) -> None:
    """Wait for a condition; fail with the complaint."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {complaint()}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def real_stack(**settings: str) -> Iterator[RealStack]:
    """A started stack, stopped and removed at the end."""
    data = Path(tempfile.mkdtemp(prefix="espalier-stack-"))
    stack = RealStack(data, **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(data, ignore_errors=True)
