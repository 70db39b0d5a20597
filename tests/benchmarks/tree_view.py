"""How fast the viewer of a tree is: `python -m tests.benchmarks.tree_view`.

Stores made-up trees of 1,000 and 10,000 nodes, opens their pages in a headless Chromium that draws without a GPU, and
prints what the columns weigh, when the first picture stood, and how long frames took while everything was expanded and
the view was dragged, zoomed and replayed. Ends with an error when a budget is broken.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import tests.environment  # noqa: F401  # starts the server and sets the environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

REPEATS = 5
FRAMES = 120
PAYLOAD_BYTES = 200_000
PAINT_MS = {1_000: 200.0, 10_000: 500.0}
FRAME_MS = 50.0

MOVES = {
    "drag, everything in view": "s.fit(); move = (i) => drag(i % 40 < 20 ? 6 : -6, i % 60 < 30 ? 9 : -9)",
    "zoom, from all to labels": "s.fit(); move = (i) => s.zoom(i < 60 ? 1.12 : 1 / 1.12, 500, 300)",
    "drag, labels in view": "s.camera.zoom(1e3, 400, 300); move = (i) => drag(0, i < 60 ? -40 : 40)",
    "replay, everything in view": "s.fit(); move = (i) => v.go(Math.round(v.replay.last * i / 120))",
    "icicle, zoom": "v.setView('icicle'); move = (i) => s.zoom(i < 60 ? 1.12 : 1 / 1.12, 500, 300)",
}
"""What is done before each frame, in the page: `v` is the viewer, `s` its stage."""

MEASURE = """async ([set, frames]) => {
  const v = document.querySelector("search-tree");
  const s = v.stage;
  const next = () => new Promise(requestAnimationFrame);
  const drag = (x, y) => { s.camera.pan(x, y); s.refresh(); };
  let move;
  eval(set);
  for (let i = 0; i < 5; i++) await next();
  const gaps = [];
  let before = await next();
  for (let i = 0; i < frames; i++) {
    move(i);
    const now = await next();
    gaps.push(now - before);
    before = now;
  }
  return gaps;
}"""


OWN_TIME = """() => {
  const s = document.querySelector("search-tree").stage;
  s.fit();
  const tries = Array.from({ length: 20 }, () => {
    const begun = performance.now();
    s.refresh("layout");
    s.draw();
    return performance.now() - begun;
  });
  return Math.min(...tries);
}"""
"""What a change of structure costs: the least of some tries, for machines that have other things to do."""

PAINTED = "performance.getEntriesByName('search-tree-painted').length"

TIMELINE = """() => performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
  .map((e) => [e.name.split('/').pop().slice(0, 24), e.startTime, e.responseStart, e.responseEnd].map(
    (x) => typeof x === 'number' ? Math.round(x) : x).join(' ')).join('\\n')
  + '\\npainted ' + performance.getEntriesByName('search-tree-painted')[0].startTime"""
"""When everything was asked for and there, for `-v`."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: str
    limit: str
    is_fine: bool

    def __str__(self) -> str:
        return f"{self.what:<52} {self.value:>22} {self.limit:>12}{'' if self.is_fine else '  over budget'}"


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.chromium import open_browser

    databases = setup_databases(verbosity=0, interactive=False)
    browsers = open_browser()
    try:
        with serving() as address:
            rows = list(measure_all(next(browsers), address))
    finally:
        browsers.close()
        drop_sessions()
        teardown_databases(databases, verbosity=0)
    broken = sum(not row.is_fine for row in rows)
    sys.exit(f"{broken} budgets are broken" if broken else 0)


def drop_sessions() -> None:
    """Ends what the web server's threads left open: a database in use cannot be dropped."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@contextmanager
def serving() -> Iterator[str]:
    """Address of a web server as users run it: gunicorn, static files hashed and compressed."""
    from django.db import connection

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = os.environ["DATABASE_URL"]
    name = urlsplit(base).path.strip("/")
    scratch = base.replace(f"/{name}", f"/{connection.settings_dict['NAME']}", 1)
    environment = os.environ | {"DATABASE_URL": scratch, "HASHED_STATIC": "1"}
    manage = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0", "-i", "django_htmx/ext*"]
    subprocess.run(manage, env=environment, check=True)
    bind = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "webapp.wsgi", "--bind", bind, "--worker-class", "gthread",
               "--workers", "2", "--threads", "4", "--log-level", "error"]  # fmt: skip
    server = subprocess.Popen(command, env=environment)
    try:
        yield f"http://{bind}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def measure_all(browser: "Browser", address: str) -> Iterator[Row]:
    """Every row, printed as soon as it is known."""
    from tests.factories import make_run
    from tests.made_trees import made_tree, store_made_tree

    run = make_run()
    trees = {size: store_made_tree(run, made_tree(nodes=size, seed=1, index=size)).pk for size in PAINT_MS}
    cookie = log_in()
    print(f"{'':<52} {'measured':>22} {'budget':>12}")
    for row in _rows(browser, address, cookie, trees):
        print(row, flush=True)
        yield row


def _rows(browser: "Browser", address: str, cookie: str, trees: dict[int, int]) -> Iterator[Row]:
    largest = trees[max(trees)]
    weight = payload_bytes(largest)
    yield Row("columns of 10,000 nodes, gzipped", f"{weight / 1000:.0f} kB", "200 kB", weight <= PAYLOAD_BYTES)
    yield Row("CPU time of the server for them", f"{1000 * payload_seconds(largest):.0f} ms", "", True)
    for size, tree in trees.items():
        most = PAINT_MS[size]
        known = next(each for each in trees.values() if each != tree)
        for how, other in (("cold browser", 0), ("scripts known", known)):
            times = [first_paint(browser, address, cookie, tree, other) for _ in range(REPEATS + 1)][1:]
            median = statistics.median(times)
            shown = f"{median:.0f} ms ({min(times):.0f}–{max(times):.0f})"
            yield Row(f"first picture of {size:,} nodes, {how}", shown, f"{most:.0f} ms", median <= most)
    with open_page(browser, address, cookie) as page:
        page.goto(f"/trees/{largest}/?all=1")
        page.wait_for_function(PAINTED)
        own = page.evaluate(OWN_TIME)
        yield Row("layout and drawing of all, script alone, least", f"{own:.1f} ms", "", True)
        for what, how in MOVES.items():
            gaps = page.evaluate(MEASURE, [how, FRAMES])
            shown = f"{statistics.median(gaps):.1f} ms, most {max(gaps):.1f}"
            yield Row(f"frame: {what}", shown, f"{FRAME_MS:.0f} ms", max(gaps) <= FRAME_MS)


def log_in() -> str:
    """The session of a user who may look at trees."""
    from django.test import Client

    from webapp.accounts.models import Role, User

    client = Client()
    client.force_login(User.objects.create_user("viewer", password="viewer-viewer-viewer", role=Role.RESEARCHER))
    return client.cookies["sessionid"].value


def payload_seconds(tree: int) -> float:
    """Least CPU time of a few tries: other programs on the machine do not count."""
    payload_bytes(tree)
    tries = []
    for _ in range(REPEATS):
        begun = time.process_time()
        payload_bytes(tree)
        tries.append(time.process_time() - begun)
    return min(tries)


def payload_bytes(tree: int) -> int:
    from webapp.search.models import SearchTree
    from webapp.search.tree_payload import compressed, payload

    return len(compressed(payload(SearchTree.objects.get(pk=tree))))


class open_page:  # noqa: N801  # reads as a function
    """A page of a browser context of its own, that has seen nothing yet."""

    def __init__(self, browser: "Browser", address: str, cookie: str) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=address, viewport={"width": 1400, "height": 900}, bypass_csp=True
        )
        self.context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])

    def __enter__(self) -> "Page":
        return self.context.new_page()

    def __exit__(self, *_: object) -> None:
        self.context.close()


def first_paint(browser: "Browser", address: str, cookie: str, tree: int, other: int = 0) -> float:
    """Milliseconds from asking for the page to the tree's first picture; ``other`` was seen before."""
    with open_page(browser, address, cookie) as page:
        if other:
            page.goto(f"/trees/{other}/")
            page.wait_for_function(PAINTED)
        page.goto(f"/trees/{tree}/")
        page.wait_for_function(PAINTED)
        if "-v" in sys.argv:
            print(page.evaluate(TIMELINE))
        return float(page.evaluate("performance.getEntriesByName('search-tree-painted')[0].startTime"))


if __name__ == "__main__":
    main()
