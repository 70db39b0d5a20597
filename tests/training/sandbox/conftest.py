"""All attacks and all ordinary programs at once, in every isolation that this machine has."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.sandbox.attacks import Attack
from tests.training.sandbox.attacks.files import FILES
from tests.training.sandbox.attacks.forgery import FORGERY
from tests.training.sandbox.attacks.processes import PROCESSES
from tests.training.sandbox.attacks.resources import RESOURCES
from tests.training.sandbox.attacks.state import CLEAN, HOLDER, POISON, SEEKER
from tests.training.sandbox.attacks.system_calls import SYSTEM_CALLS
from tests.training.sandbox.programs import PROGRAMS
from tests.training.sandbox.situations import TIERS, Bait, bait, start
from training.sandbox.client import LocalSandbox
from training.sandbox.proof import descendants
from training.sandbox.types import Call, ExecutionResult, Limits, SandboxStatus

ATTACKS: tuple[Attack, ...] = (*FILES, *PROCESSES, *SYSTEM_CALLS, *FORGERY, *RESOURCES)
_PATIENT = Limits(wall_s=40, cpu_s=20, memory_mb=768)
"""For ordinary programs beside bombs: whether they run is what counts."""
_RESULT_S = 120.0
_ENDING_S = 10.0
"""How long what was ended may take to be gone on a machine that does much else; less than the programs would take."""
_DAEMON = """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: os.setsid()
except OSError: pass
time.sleep(30)
"""


@dataclass
class Field:
    """What came of all programs under one tier."""

    results: dict[str, ExecutionResult]
    status: SandboxStatus
    processes_left: list[str]
    closed: list[ExecutionResult]
    """Of calls that were under way at the end."""
    outlived: list[int]
    """Processes that were still there after it."""


@dataclass
class Battle:
    """What came of all tiers, and of the bait."""

    fields: dict[str, Field]
    traces: list[str]
    mounts_left: set[str]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[LocalSandbox]:
    """One for tests that do it no harm."""
    with start(TIERS[0]) as started:
        yield started


@pytest.fixture(scope="session")
def battle() -> Iterator[Battle]:
    mounts = _mounts()
    with ExitStack() as stack:
        laid = stack.enter_context(bait())
        with ThreadPoolExecutor(len(TIERS)) as threads:
            sandboxes = dict(zip(TIERS, threads.map(lambda tier: start(tier, slots=8), TIERS), strict=True))
            for sandbox in sandboxes.values():
                stack.callback(sandbox.close)
            fields = dict(zip(TIERS, threads.map(lambda each: _fight(each, laid), sandboxes.values()), strict=True))
        yield Battle(fields, laid.traces(), _mounts() - mounts)


def _fight(sandbox: LocalSandbox, laid: Bait) -> Field:
    before = descendants(sandbox.pid)
    names = laid.names([sandbox.pid, *before, os.getpid()])
    waited: dict[str, ExecutionResult] = {}

    def submit(attack: Attack) -> "Future[ExecutionResult]":
        return sandbox.submit(attack.call(names))

    def wait(futures: "list[Future[ExecutionResult]]") -> None:
        waited.update((result.id, result) for result in (future.result(_RESULT_S) for future in futures))

    wait([submit(each) for each in POISON])
    programs = [Call(each.name, each.program, each.stdin, _PATIENT) for each in PROGRAMS]
    attacks = [submit(each) for each in (HOLDER, SEEKER, CLEAN, *ATTACKS)]
    wait([*attacks, *(sandbox.submit(each) for each in programs)])
    status, strangers = sandbox.status(), _strangers(sandbox.pid, before)
    return Field(waited, status, strangers, *_close(sandbox))


def _close(sandbox: LocalSandbox) -> tuple[list[ExecutionResult], list[int]]:
    """Close it over calls that have, where they can, left a process that no group and no parent would find."""
    futures = [sandbox.submit(Call(f"daemon {number}", _DAEMON, limits=_PATIENT)) for number in range(2 * 8)]
    while sandbox.status().in_flight < 8:
        time.sleep(0.02)
    time.sleep(0.2)
    family = [sandbox.pid, *descendants(sandbox.pid)]
    sandbox.close()
    end = time.monotonic() + _ENDING_S
    while (alive := [pid for pid in family if not _is_dead(pid)]) and time.monotonic() < end:
        time.sleep(0.02)
    return [future.result(_RESULT_S) for future in futures], alive


def _strangers(pid: int, before: list[int]) -> list[str]:
    """Processes that were not there before, once those that end have had a moment to."""
    end = time.monotonic() + _ENDING_S
    while found := [each for each in descendants(pid) if each not in before and not _is_dead(each)]:
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    return [
        subprocess.run(["ps", "-o", "cmd=", "-p", str(each)], capture_output=True, text=True).stdout for each in found
    ]


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _mounts() -> set[str]:
    return set(Path("/proc/self/mounts").read_text().splitlines())
