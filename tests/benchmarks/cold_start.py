"""What the first request of a fresh web process costs: `python -m tests.benchmarks.cold_start [PAGE ...]`.

For each page a web server is started as users start it, but with one process that serves, left alone until it has
nothing to do, and asked for the page three times. Prints the seconds from its start until it was at rest, how long the
requests took and how much of the processor the server used for each, and the memory that its processes take together
(what they share counted once).
"""

import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil

import tests.environment  # noqa: F401  # starts the server and sets the environment

AT_REST_S = 0.4
"""Without using the processor."""
PAGES = (
    "/accounts/login/", "/runs/", "/runs/new/", "/runs/{run}/", "/trees/", "/datasets/", "/label/", "/reports/",
    "/playground/",
)  # fmt: skip


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.benchmarks.tree_view import drop_sessions, log_in
    from tests.factories import make_run

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        run, cookie = make_run(), log_in()
        heads = "".join(f"{head:>19}" for head in ("first, processor", "second", "third"))
        print(f"{'page':<18} {'at rest':>9}{heads} {'memory':>9}")
        for page in sys.argv[1:] or PAGES:
            print(row(page.format(run=run.pk), cookie), flush=True)
    finally:
        drop_sessions()
        teardown_databases(databases, verbosity=0)


def row(page: str, cookie: str) -> str:
    """One line of the table, from a server of its own."""
    began = time.perf_counter()
    with served() as (server, port):
        rest = time.perf_counter() - began - AT_REST_S
        times = []
        for _ in range(3):
            took, used = asked(server, port, page, cookie)
            times.append(f"{1000 * took:.0f} ms, {1000 * used:.0f} ms")
        memory = sum(each.memory_full_info().pss for each in [server, *server.children(recursive=True)])
    return f"{page:<18} {rest:>7.2f} s{''.join(f'{each:>19}' for each in times)} {memory / 2**20:>5.0f} MiB"


def asked(server: psutil.Process, port: int, page: str, cookie: str) -> tuple[float, float]:
    """Seconds until the whole page was read, and seconds of the processor. Raises RuntimeError when it is none."""
    began, used = time.perf_counter(), processor_seconds(server)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", page, headers={"Cookie": f"sessionid={cookie}"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{page}: {answer.status} {body[:200]!r}")
    return time.perf_counter() - began, processor_seconds(server) - used


def processor_seconds(server: psutil.Process) -> float:
    """Of the server and its processes so far."""
    return sum(sum(each.cpu_times()[:2]) for each in [server, *server.children()])


@contextmanager
def served() -> Iterator[tuple[psutil.Process, int]]:
    """A web server of one process, at rest, and its port."""
    from django.db import connection

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = os.environ["DATABASE_URL"]
    name = urlsplit(base).path.strip("/")
    environment = os.environ | {"DATABASE_URL": base.replace(f"/{name}", f"/{connection.settings_dict['NAME']}", 1)}
    command = [
        sys.executable, "-m", "gunicorn", "webapp.wsgi", "--config", "python:webapp.serving", "--bind",
        f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "1", "--threads", "4", "--no-control-socket",
        "--log-level", "error",
    ]  # fmt: skip
    server = psutil.Popen(command, env=environment)
    try:
        wait_until_at_rest(server)
        yield server, port
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_at_rest(server: psutil.Process) -> None:
    """It has begun its process, and none of them does anything."""
    used, since = -1.0, time.perf_counter()
    while time.perf_counter() - since < AT_REST_S:
        time.sleep(0.02)
        now = processor_seconds(server)
        if now > used + 0.01 or not server.children():
            used, since = now, time.perf_counter()


if __name__ == "__main__":
    main()
