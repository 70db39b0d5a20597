"""How fast pages are when there is much to show: `python -m tests.benchmarks.web_scale [repeats]`.

Makes 1,000 runs, over a million metric points with their rollups, and 200,000 rollouts in a scratch database, then asks
for every list, chart and live address as a logged-in user and prints the median and the 95th percentile of the server's
time, and the number of queries. Ends with an error when a budget is broken.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tests.environment  # noqa: F401  # starts the server and sets the environment

if TYPE_CHECKING:
    from django.test import Client

P95_MS = 150.0
QUERIES = 15
REPEATS = 25


@dataclass(frozen=True)
class Measured:
    """One address: milliseconds of each request, queries and bytes of the last."""

    name: str
    times: list[float]
    queries: int
    size: int

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times, n=20, method="inclusive")[-1]

    @property
    def is_fine(self) -> bool:
        return self.p95 <= P95_MS and self.queries <= QUERIES

    def __str__(self) -> str:
        mark = "" if self.is_fine else "  over budget"
        median = statistics.median(self.times)
        return f"{self.name:<58} {median:8.1f} {self.p95:8.1f} {self.queries:8d} {self.size / 1024:9.0f}{mark}"


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        broken = measure_all(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)
    finally:
        teardown_databases(databases, verbosity=0)
    sys.exit(f"{broken} addresses are over budget" if broken else 0)


def measure_all(repeats: int) -> int:
    """Fill the database, measure every address; returns how many are over budget."""
    from django.test import Client

    from tests.benchmarks.web_scale_data import Plan, make_all
    from webapp.accounts.models import Role, User

    user = User.objects.create_user("scale", password="scale-scale-scale", role=Role.RESEARCHER)
    started = time.monotonic()
    make_all(Plan(), user.pk)
    print(f"filled in {time.monotonic() - started:.0f} s: {', '.join(counts())}\n")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return measure(client, addresses(), repeats)


def measure(client: "Client", asked: Iterable[tuple[str, str]], repeats: int) -> int:
    """Ask for every address, print a table; returns how many are over budget."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    print(
        f"{'address':<58} {'median':>8} {'p95':>8} {'queries':>8} {'KiB':>9}   (ms of the server, {repeats} requests)"
    )
    broken = 0
    for name, address in asked:
        with CaptureQueriesContext(connection) as captured:
            size = len(_get(client, address))
        queries = len(captured)
        times = []
        for _ in range(repeats):
            begun = time.perf_counter()
            _get(client, address)
            times.append(1000 * (time.perf_counter() - begun))
        measured = Measured(name, times, queries, size)
        broken += not measured.is_fine
        print(measured, flush=True)
    return broken


def counts() -> Iterator[str]:
    from webapp.inspection.models import Rollout
    from webapp.runs.models import MetricPoint, MetricRollup, Run

    for model in (Run, MetricPoint, MetricRollup, Rollout):
        yield f"{model.objects.count():,} {model._meta.verbose_name_plural}"


def addresses() -> Iterator[tuple[str, str]]:
    """Everything that lists or draws, for the longest run, an ordinary one and one that moves."""
    from webapp.inspection.models import Rollout, RolloutGroup

    long, plain, moving = 1, 4, 2
    yield from (
        ("runs, newest first", "/runs/"),
        ("runs, by score", "/runs/?sort=-score"),
        ("runs, by duration, page 15", "/runs/?sort=duration&page=15"),
        ("runs, text, status and method", "/runs/?q=arith&status=failed&status=lost&method=grpo"),
        ("runs, grouped", "/runs/?by=group"),
        ("runs, rows that move", "/runs/rows?ids=" + ",".join(str(2 + 20 * n) for n in range(50))),
    )
    for name, run in (("longest", long), ("ordinary", plain), ("moving", moving)):
        yield f"run page, {name}", f"/runs/{run}/"
        yield f"reasoning growth, {name}", f"/runs/{run}/reasoning/"
    for tab in ("checkpoints", "health", "log", "config"):
        yield tab, f"/runs/{moving}/{tab}/"
    yield from _chart_addresses(long, plain, moving)
    group = RolloutGroup.objects.filter(run=long).order_by("step")[500]
    rollout = Rollout.objects.filter(group=group).first()
    assert rollout is not None
    yield from (
        ("rollouts of a run", f"/runs/{long}/rollouts/"),
        ("rollouts, by reward, right ones", f"/runs/{long}/rollouts/?sort=reward&correct=true"),
        ("rollouts, text search", f"/runs/{long}/rollouts/?q=wait"),
        ("step behind a point", f"/runs/{long}/steps/{group.step}/"),
        ("group", f"/groups/{group.pk}/"),
        ("rollout", f"/rollouts/{rollout.pk}/"),
    )


def _chart_addresses(long: int, plain: int, moving: int) -> Iterator[tuple[str, str]]:
    few = "heldout/pass_at_1,reward/mean,response/length_mean,optim/loss"
    first = "reward/mean,reward/accuracy,reward/format,response/length_mean,response/truncated_share"
    many = f"{first},heldout/pass_at_1,heldout/pass_at_1_low,heldout/pass_at_1_high,heldout/greedy,policy/entropy"
    most = f"{many},policy/kl,policy/clip_low_share,policy/clip_high_share,optim/loss,optim/grad_norm,tokens/step"
    eight = "4,6,7,8,9,11,12,13"
    yield from (
        ("curves, 16 of the longest run", f"/runs/curves?runs={long}&names={most}&points=1000"),
        ("curves, 16 over time", f"/runs/curves?runs={long}&names={most}&points=1000&x=time"),
        ("curves, a window in single steps", f"/runs/curves?runs={long}&names={most}&from=2000&to=2999&points=1000"),
        ("curves, 16 of an ordinary run", f"/runs/curves?runs={plain}&names={most}&points=1000"),
        ("curves, 4 of 8 runs", f"/runs/curves?runs={eight}&names={few}&points=1000"),
        ("curves, 4 of 8 runs over tokens, with means", f"/runs/curves?runs={eight}&names={few}&x=tokens&mean=1"),
        ("curves, 16 of 8 runs", f"/runs/curves?runs={eight}&names={most}&points=1000"),
        ("live, nothing new", f"/runs/{moving}/live?cursor=0.9999&level=0&names={most}"),
        ("live, 100 steps are new", f"/runs/{moving}/live?cursor=0.200&level=0&names={most}"),
        ("table of a chart", f"/runs/{long}/charts/reward/table"),
        ("comparison of 8 runs", f"/runs/compare/?runs={eight}"),
    )


def _get(client: "Client", address: str) -> bytes:
    response = client.get(address)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    return b"".join(response.streaming_content) if response.streaming else response.content


if __name__ == "__main__":
    main()
