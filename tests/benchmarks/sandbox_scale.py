"""How the throughput of the sandbox grows with its workers: python -m tests.benchmarks.sandbox_scale

Two measurements, both through a real Redis and real workers, with 1, 2 and 4 of them, and beside them those of a local
sandbox without any of it:

*Programs that compute*, trivial ones: bounded by the cores of this machine, which all workers share. What is to be seen
is what a call costs with everything around it, and that more workers than cores do no harm.

*A simulation of more machines*: programs that sleep for a second, so that cores are not the limit; each worker has 8
slots, so n workers could end 8 n calls a second. What is to be seen is what the queue, the broker and the client leave
of that. It says nothing about isolation or the cost of computing.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
django.setup()

from tests.workers.sandbox.fleet import Fleet  # noqa: E402  # settings first
from training.sandbox.client import LocalSandbox  # noqa: E402
from training.sandbox.types import Call, Executor  # noqa: E402
from workers.sandbox.remote import RemoteSandbox  # noqa: E402

SLOTS = 8
COMPUTING = "print(sum(range(1000)))"
NO_DATABASE = "postgresql://nobody@/nothing?host=/nowhere"
"""Workers answer without one."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--calls", type=int, default=600, help="programs that compute, for each number of workers")
    asked = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}; {SLOTS} slots a worker")
    print("workers | computing: calls/s | one alone: ms | sleeping 1 s: calls/s | of 8 a worker")
    with LocalSandbox(slots=SLOTS) as sandbox:
        print(_row("none", sandbox, 1, asked.calls), flush=True)
    for count in asked.workers:
        with _fleet(count) as url, RemoteSandbox(url) as remote:
            print(_row(str(count), remote, count, asked.calls), flush=True)


@contextmanager
def _fleet(count: int) -> Iterator[str]:
    """Address of a broker with so many workers."""
    folder = Path(tempfile.mkdtemp(prefix="espalier-scale-"))
    fleet = Fleet(folder, NO_DATABASE, SANDBOX_SLOTS=str(SLOTS), SANDBOX_LEASE_SECONDS="15")
    try:
        fleet.start(*(f"worker{number}@scale" for number in range(count)))
        yield fleet.url
    finally:
        fleet.stop()
        shutil.rmtree(folder)


def _row(name: str, sandbox: Executor, workers: int, calls: int) -> str:
    _seconds(sandbox, "pass", 8 * workers)  # the first call of each zygote is slower
    rate = calls / _seconds(sandbox, COMPUTING, calls)
    alone = median(_seconds(sandbox, COMPUTING, 1) for _ in range(20))
    slots = SLOTS * workers
    slept = 10 * slots / _seconds(sandbox, "import time; time.sleep(1)", 10 * slots)
    return f"{name:>7} | {rate:18.1f} | {1000 * alone:13.1f} | {slept:21.1f} | {slept / slots:13.0%}"


def _seconds(sandbox: Executor, program: str, count: int) -> float:
    """That so many calls take, all asked for at once."""
    began = time.perf_counter()
    results = list(sandbox.run(Call(str(number), program) for number in range(count)))
    seconds = time.perf_counter() - began
    failed = {result.status for result in results} - {"ok"}
    if failed:
        raise SystemExit(f"calls failed: {failed}")
    return seconds


if __name__ == "__main__":
    main()
