"""What a call of the sandbox costs: `python -m tests.benchmarks.sandbox`.

Times single calls, compares the rate of calls with that of fresh Python processes side by side, puts tens of thousands
of calls in at once, keeps a steady load, and looks for what a long mixed load leaves behind. Ends with an error when a
budget is broken. `--calls` and `--mixed` make it shorter; `--tier` tries another isolation than the best.
"""

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.training.sandbox.situations import start
from training.sandbox.client import LocalSandbox
from training.sandbox.proof import descendants
from training.sandbox.types import Call, ExecutionResult, Limits

TRIVIAL = "print(1)"
MATH = """
import numpy as np, sympy
x = sympy.symbols("x")
print(np.linalg.solve(np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([9.0, 8.0])))
print(sympy.solve(x**3 - 6 * x**2 + 11 * x - 6, x), sympy.simplify((x**2 - 1) / (x - 1)))
"""
MIXED = (
    TRIVIAL, MATH, "1 / 0", "import os; os._exit(3)", "print('x' * 400_000)", "import os; os.abort()",
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "open('/tmp/left', 'w').write('x' * 100_000)", "x = bytearray(1 << 40)", "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(0.01,)).start()",
)  # fmt: skip
_LIMITS = Limits(wall_s=60, cpu_s=30, queue_s=7_200)
_NUMBERS = itertools.count()
SINGLE, MATH_CALLS, FRESH = 200, 60, 12
LOAD_S, LOAD = 15.0, 0.7
TRIVIAL_MS, MATH_MS, RATIO, P99_S, GROWTH_MB = 10.0, 50.0, 15.0, 0.3, 150.0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: str
    limit: str = ""
    is_fine: bool = True

    def __str__(self) -> str:
        return f"{self.what:<58} {self.value:>26} {self.limit:>12}{'' if self.is_fine else '  over budget'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=45_000)
    parser.add_argument("--mixed", type=int, default=10_000)
    parser.add_argument("--tier", default="ns-root" if os.geteuid() == 0 else "ns-user")
    asked = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} before; isolation {asked.tier}")
    print(f"{'':<58} {'measured':>26} {'budget':>12}")
    broken = 0
    for row in _rows(asked.tier, asked.calls, asked.mixed):
        print(row, flush=True)
        broken += not row.is_fine
    print(f"load {os.getloadavg()[0]:.1f} after: other programs' share is in all figures")
    sys.exit(f"{broken} budgets are broken" if broken else 0)


def _rows(tier: str, calls: int, mixed: int) -> Iterator[Row]:
    with start(tier, zygotes=2) as sandbox:
        yield from _single(sandbox)
        yield from _against_fresh_processes(sandbox)
        yield from _steady(sandbox)
        yield from _all_at_once(sandbox, calls)
        yield from _left_behind(sandbox, mixed)
    for zygotes in (1, 2, 4):
        with start(tier, zygotes=zygotes) as sandbox:
            _ready(sandbox, zygotes)
            yield Row(f"trivial calls, {zygotes} zygotes", f"{_rate(sandbox, TRIVIAL, 800):.0f} calls/s")


def _call(program: str) -> Call:
    return Call(f"benchmark {next(_NUMBERS)}", program, limits=_LIMITS)


def _ready(sandbox: LocalSandbox, zygotes: int) -> None:
    while sandbox.status().zygotes < zygotes:
        time.sleep(0.05)


def _single(sandbox: LocalSandbox) -> Iterator[Row]:
    """Calls one after another, as a caller sees them."""
    _ready(sandbox, 2)
    for what, program, count, budget in (
        ("print(1)", TRIVIAL, SINGLE, TRIVIAL_MS), ("numpy and sympy, imports included", MATH, MATH_CALLS, MATH_MS),
    ):  # fmt: skip
        taken = [_milliseconds(sandbox, program) for _ in range(count)]
        median = statistics.median(taken)
        shown = f"p50 {median:.1f} ms, p95 {sorted(taken)[int(0.95 * count)]:.1f}"
        yield Row(f"one call, warm: {what}", shown, f"{budget:.0f} ms", median <= budget)


def _milliseconds(sandbox: LocalSandbox, program: str) -> float:
    begun = time.perf_counter()
    result = sandbox.submit(_call(program)).result()
    assert result.status == "ok", result
    return 1000 * (time.perf_counter() - begun)


def _rate(sandbox: LocalSandbox, program: str, count: int) -> float:
    begun = time.perf_counter()
    statuses = {result.status for result in sandbox.run(_call(program) for _ in range(count))}
    assert statuses == {"ok"}, statuses
    return count / (time.perf_counter() - begun)


def _fresh_rate(program: str, count: int) -> float:
    """Of processes, two for each core at once."""
    begun = time.perf_counter()
    command = [sys.executable, "-I", "-c", program]
    with ThreadPoolExecutor(2 * len(os.sched_getaffinity(0))) as threads:
        list(threads.map(lambda _: subprocess.run(command, check=True, capture_output=True), range(count)))
    return count / (time.perf_counter() - begun)


def _against_fresh_processes(sandbox: LocalSandbox) -> Iterator[Row]:
    """In turns, so that the machine is as busy for one as for the other."""
    rates: dict[str, list[float]] = {"warm": [], "fresh": []}
    for _ in range(3):
        rates["fresh"].append(_fresh_rate(MATH, FRESH))
        rates["warm"].append(_rate(sandbox, MATH, 10 * FRESH))
    warm, fresh = (statistics.median(rates[name]) for name in ("warm", "fresh"))
    yield Row("numpy and sympy, fresh processes", f"{fresh:.1f} calls/s")
    yield Row("numpy and sympy, sandbox", f"{warm:.1f} calls/s")
    yield Row("the one over the other", f"{warm / fresh:.1f} times", f"{RATIO:.0f} times", warm / fresh >= RATIO)


def _steady(sandbox: LocalSandbox) -> Iterator[Row]:
    """Calls that come at random at a share of what the sandbox can do."""
    rate = LOAD * _rate(sandbox, MATH, 150)
    taken: list[float] = []
    waiting: list[Future[ExecutionResult]] = []
    chance, end = random.Random(1), time.perf_counter() + LOAD_S
    while (now := time.perf_counter()) < end:
        future = sandbox.submit(_call(MATH))
        future.add_done_callback(lambda _, since=now: taken.append(time.perf_counter() - since))
        waiting.append(future)
        time.sleep(chance.expovariate(rate))
    assert all(future.result().status == "ok" for future in waiting)
    p50, p99 = (sorted(taken)[int(share * len(taken))] for share in (0.5, 0.99))
    shown = f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
    yield Row(f"steady {rate:.0f} calls/s, {LOAD:.0%} of capacity", shown, f"{1000 * P99_S:.0f} ms", p99 <= P99_S)


def _all_at_once(sandbox: LocalSandbox, count: int) -> Iterator[Row]:
    """All submitted before the first is waited for; a tenth fails."""
    before = _memory_mb(sandbox)
    calls = [_call("1 / 0" if number % 10 == 0 else TRIVIAL) for number in range(count)]
    peak, done = [before], threading.Event()
    watch = threading.Thread(target=_watch, args=(sandbox, peak, done))
    watch.start()
    begun = time.perf_counter()
    futures = [sandbox.submit(call) for call in calls]
    submitted = time.perf_counter() - begun
    status = sandbox.status()
    results = [future.result() for future in futures]
    seconds = time.perf_counter() - begun
    done.set()
    watch.join()
    wrong = sum(
        (result.id, result.status) != (call.id, "ok" if "print" in call.program else "error")
        for call, result in zip(calls, results, strict=True)
    )
    ids = Counter(result.id for result in results)
    is_whole = wrong == 0 and len(ids) == count and sandbox.status().queued == 0
    yield Row(f"{count:,} calls at once", f"{count / seconds:.0f} calls/s, {seconds:.0f} s")
    yield Row("  until all were submitted", f"{submitted:.2f} s, {status.queued:,} queued there", "5 s", submitted < 5)
    yield Row("  lost, doubled or wrong", str(wrong + count - len(ids)), "0", is_whole)
    growth = max(peak) - before
    yield Row(
        "  most memory of the service beyond the start", f"{growth:.0f} MB", f"{GROWTH_MB:.0f} MB", growth < GROWTH_MB
    )
    clean = _rate(sandbox, TRIVIAL, 600)
    failing = _mixed_rate(sandbox, 600)
    yield Row("rate with a failing tenth, against none", f"{failing / clean:.2f}", "0.7", failing / clean >= 0.7)


def _mixed_rate(sandbox: LocalSandbox, count: int) -> float:
    begun = time.perf_counter()
    list(sandbox.run(_call("1 / 0" if number % 10 == 0 else TRIVIAL) for number in range(count)))
    return count / (time.perf_counter() - begun)


def _watch(sandbox: LocalSandbox, peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.5):
        peak.append(_memory_mb(sandbox))


def _memory_mb(sandbox: LocalSandbox) -> float:
    """Resident memory of sandboxd."""
    return int(Path(f"/proc/{sandbox.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _left_behind(sandbox: LocalSandbox, count: int) -> Iterator[Row]:
    """Processes, open files, mounts and memory after many calls of all kinds, against before."""
    list(sandbox.run(_call(MIXED[number % len(MIXED)]) for number in range(5 * len(MIXED))))
    before, memory = _traces(sandbox), _memory_mb(sandbox)
    begun = time.perf_counter()
    outcomes = Counter(result.status for result in sandbox.run(_call(MIXED[n % len(MIXED)]) for n in range(count)))
    seconds = time.perf_counter() - begun
    after = _traces(sandbox)
    for _ in range(100):
        if after == before:
            break
        time.sleep(0.05)
        after = _traces(sandbox)
    told = ", ".join(f"{number:,} {status}" for status, number in sorted(outcomes.items()))
    infrastructure = sum(outcomes[each] for each in ("sandbox_error", "sandbox_died", "queue_timeout"))
    yield Row(f"{count:,} mixed calls", f"{count / seconds:.0f} calls/s")
    yield Row(f"  {told}", f"{infrastructure} of the service", "0", infrastructure == 0)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    yield Row("  processes, files or mounts left behind", ", ".join(changed) or "none", "none", not changed)
    yield Row(
        "  memory of the service", f"{_memory_mb(sandbox) - memory:+.1f} MB", "20 MB", _memory_mb(sandbox) - memory < 20
    )


def _traces(sandbox: LocalSandbox) -> dict[str, object]:
    family = [sandbox.pid, *descendants(sandbox.pid)]
    found: dict[str, object] = {"processes": len(family)}
    for pid in family:
        try:
            found[f"files of {pid}"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            found[f"mounts of {pid}"] = Path(f"/proc/{pid}/mountinfo").read_text().count("\n")
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
