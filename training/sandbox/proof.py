"""Shows that a zygote's isolation holds, by programs that try to break it: what a kernel offers is no evidence.

(A kernel may let a process make a namespace and then refuse all mounts in it; a container may let Landlock through and
not its newest rules.)
"""

import asyncio
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from training.sandbox.types import Call, ExecutionResult, Limits
from training.sandbox.worker import Worker

_PROGRAM = Path(__file__).with_name("canary.py")
_ENVIRONMENT = "ESPALIER_SANDBOX_CANARY"
_LIMITS = Limits(wall_s=15.0, cpu_s=10, memory_mb=1024)
_BRIEF = Limits(wall_s=0.2)
_FLOOD = 'while True: print("x" * 5000)'
_SPIN = """
import contextlib, signal
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError): signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass
"""
_SLOW_S, _LATE_S = 30.0, 5.0
_LEAST_TRIED = 16


class Runs(Protocol):
    """What runs a call on one zygote."""

    async def run_on(self, worker: Worker, call: Call) -> ExecutionResult:
        """The result."""


async def prove(pool: Runs, worker: Worker) -> list[str]:
    """What did not hold; nothing when all did."""
    with _bait(worker) as bait:
        canary = _PROGRAM.read_text().replace("BAIT: dict[str, Any] = {}", f"BAIT = {bait!r}")
        calls = (
            Call("canary", canary, limits=_LIMITS),
            Call("flood", _FLOOD, limits=_LIMITS),
            Call("spin", _SPIN, limits=_BRIEF),
        )
        try:
            tried, flood, spin = [await asyncio.wait_for(pool.run_on(worker, call), _SLOW_S) for call in calls]
        except TimeoutError:
            return ["a program outlived its time limit"]
        left = await _left_over(worker)
    return [*_judge(tried), *_judge_limits(flood, spin), *left]


def _judge(tried: ExecutionResult) -> list[str]:
    if tried.is_infrastructure:
        return [tried.detail]
    try:
        held: dict[str, bool] = json.loads(tried.stdout)
    except ValueError:
        return [f"the canary ended with {tried.status}: {tried.stderr.strip()[-200:]}"]
    broken = [f"not so: {what}" for what, holds in held.items() if holds is not True]
    if tried.status != "ok" or len(held) < _LEAST_TRIED:
        broken.append(f"the canary ended with {tried.status} and {len(held)} results")
    return broken


def _judge_limits(flood: ExecutionResult, spin: ExecutionResult) -> list[str]:
    broken = []
    if flood.status != "output_limit" or len(flood.stdout) > _LIMITS.output_bytes:
        broken.append(f"endless output ended with {flood.status}")
    if spin.status != "timeout" or spin.wall_s > _BRIEF.wall_s + _LATE_S:
        broken.append(f"a program that ignores signals ended with {spin.status} after {spin.wall_s:.1f} s")
    return broken


async def _left_over(worker: Worker) -> list[str]:
    """Processes below the zygote that are not its own."""
    for _ in range(20):
        if not (found := _strangers(worker.pid)):
            return []
        await asyncio.sleep(0.02)
    return [f"{len(found)} processes outlived their call"]


def _strangers(zygote: int) -> list[int]:
    """Processes of other sessions below the zygote, which leads its own: each call makes one."""
    return [pid for pid in descendants(zygote) if _session(pid) not in {zygote, 0}]


def _session(pid: int) -> int:
    """0 for a process that has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if state == "Z" else int(fields[2])


def descendants(pid: int) -> list[int]:
    """Processes below a process, as the kernel lists them."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []
    for child in children:
        found += [child, *descendants(child)]
    return found


@contextmanager
def _bait(worker: Worker) -> Iterator[dict[str, object]]:
    """Secrets and listeners that lie open to every process of the machine."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-bait-")))
        folder.chmod(0o777)
        (folder / "secret").write_text("secret")
        (folder / "secret").chmod(0o666)
        canary, abstract = secrets.token_hex(8), f"sandbox-bait-{secrets.token_hex(8)}"
        os.environ[_ENVIRONMENT] = canary
        stack.callback(os.environ.pop, _ENVIRONMENT, None)
        port = 0
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, str(folder / "socket")),
            (socket.AF_UNIX, b"\0" + abstract.encode()),
        ):
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.bind(address)
            listener.listen(4)
            if family == socket.AF_INET:
                port = listener.getsockname()[1]
        letters = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        letters.bind(str(folder / "letters"))
        for name in ("socket", "letters"):
            (folder / name).chmod(0o777)
        yield {
            "folder": str(folder),
            "port": port,
            "abstract": abstract,
            "canary": canary,
            "manager": os.getpid(),
            "zygote": worker.pid,
        }
