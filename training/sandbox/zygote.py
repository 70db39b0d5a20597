"""The fork server: a warm Python process that becomes one confined process for each call.

    python -I -S -c "..." FOLDER DESCRIPTOR     of this package, and of the manager's socket

Started by exec with an empty environment. It never holds a program: the text comes as a descriptor that only the child
reads, so that no other call's memory can have it.
"""

import array
import fcntl
import heapq
import json
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from training.sandbox.child import Confinement, close_from, readable_rules
from training.sandbox.kernel import (
    NEWIPC,
    NEWNS,
    NEWPID,
    NEWUSER,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    clone,
    prctl,
)
from training.sandbox.namespaces import enter_namespaces
from training.sandbox.program import REPORT_BYTES, run_program
from training.sandbox.seccomp import Filter
from training.sandbox.setup import ENDED, REPORT, TIMED_OUT, TOLD_TO, Order, Setup
from training.sandbox.warm import become_interpreter, warm_up

CONTROL = 3
_PROGRAM, _RULES = 4, 5


def main(descriptor: int) -> None:
    """Enter isolation, warm up, and serve until the manager's end of the socket closes."""
    if descriptor != CONTROL:
        os.dup2(descriptor, CONTROL, inheritable=False)
        os.close(descriptor)
    control = socket.socket(fileno=CONTROL)
    setup = Setup.load(control.recv(1 << 16))
    if not setup.sweeps:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # short of memory, the kernel takes programs first
        Path("/proc/self/oom_score_adj").write_text("1000")
    if setup.become:
        os.setgroups([])
        os.setresgid(setup.become, setup.become, setup.become)
        os.setresuid(setup.become, setup.become, setup.become)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_DUMPABLE, 1)
    proc = enter_namespaces(setup, control) if setup.namespaces else None
    become_interpreter(setup)
    warm_up()
    if not setup.namespaces:
        # All that programs may import is; its folder may hold more, which they could find there and not read.
        sys.path.remove(setup.packages)
    rules = -1 if setup.namespaces else readable_rules(setup)
    prctl(PR_SET_DUMPABLE, 0)  # nobody of the same user may trace it or read its memory
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE if _has_proc() else 512 << 20
    system_calls = Filter(processes=setup.processes, contained=setup.namespaces)
    control.send(json.dumps({"ready": True, "proc": proc}).encode())
    Zygote(setup, control, Confinement(setup, system_calls, rules, proc, size)).serve()


def _has_proc() -> bool:
    return Path("/proc/self/statm").exists()


class Zygote:
    """Forks for orders, keeps their time limits, and says how they ended."""

    def __init__(self, setup: Setup, control: socket.socket, confinement: Confinement) -> None:
        self._setup = setup
        self._control = control
        self._confinement = confinement
        self._modules = _forget_this_package()
        self._flags = 0
        if setup.namespaces:
            self._flags = NEWPID | NEWIPC | NEWNS | (0 if setup.privileged else NEWUSER)
        self._live: dict[int, Order] = {}
        self._pids: dict[int, int] = {}
        self._why: dict[int, int] = {}
        self._deadlines: list[tuple[float, int]] = []

    def serve(self) -> None:
        """Until the manager goes."""
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a call leaves behind becomes this one's, not the machine's
        self._sweep_all()  # what a zygote before this one may have left
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(CONTROL, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            events = dict(poll.poll(self._end_overdue()))
            if woken in events:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            if CONTROL in events:
                self._obey()

    def _obey(self) -> None:
        message, ancillary, _, _ = self._control.recvmsg(4096, socket.CMSG_LEN(8 * 4))
        if not message:
            self._sweep_all()
            os._exit(0)
        values: dict[str, Any] = json.loads(message)
        if "kill" in values:
            self._kill(values["kill"], TOLD_TO)
            return
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        order = Order.load(values)
        try:
            pid = clone(self._flags)
        except OSError as error:
            self._failed(order.number, f"fork: {error}")
            pid = -1
        if pid == 0:
            self._become_call(order, descriptors.tolist())
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            self._live[pid] = order
            self._pids[order.number] = pid
            heapq.heappush(self._deadlines, (time.monotonic() + order.wall_s, order.number))

    def _become_call(self, order: Order, descriptors: list[int]) -> None:
        """Never returns."""
        entered = False
        code = 1
        try:
            program, stdin, stdout, stderr, noted = descriptors
            report = mmap.mmap(noted, REPORT_BYTES)
            confinement = self._arrange(program, stdin, stdout, stderr)
            confinement.enter(order)
            entered = True
            self._control.detach()
            os.close(CONTROL)  # nothing of the service is open any more
            _reseed()
            code = run_program(_PROGRAM, report)
        except BaseException as error:
            if not entered:
                self._failed(order.number, repr(error))
        os._exit(code)

    def _arrange(self, program: int, stdin: int, stdout: int, stderr: int) -> Confinement:
        """Put the descriptors where they belong, and close all others."""
        rules = self._confinement.rules
        # Above all places first, so that none is overwritten before it is moved.
        high = [_above(each) for each in (stdin, stdout, stderr, program, *([rules] if rules >= 0 else []))]
        for source, target in zip(high, (0, 1, 2, _PROGRAM, _RULES), strict=False):
            os.dup2(source, target, inheritable=target < CONTROL)
        close_from(_PROGRAM + len(high) - 3)
        kept = self._confinement
        return Confinement(kept.setup, kept.filter, _RULES if rules >= 0 else -1, kept.proc, kept.base_bytes)

    def _failed(self, number: int, what: str) -> None:
        self._control.send(json.dumps({"number": number, "failed": what[:2000]}).encode())

    def _end_overdue(self) -> int | None:
        """Kill what has passed its time; milliseconds until the next, None for ever."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            self._kill(heapq.heappop(self._deadlines)[1], TIMED_OUT)
        return max(1, int(1000 * (self._deadlines[0][0] - now)) + 1) if self._deadlines else None

    def _kill(self, number: int, why: int) -> None:
        pid = self._pids.get(number)
        if pid is not None:
            self._why[number] = why
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            order = self._live.pop(pid, None)
            if order is not None:
                del self._pids[order.number]
                self._end_relatives(pid, order.slot)
                self._tell(order.number, status, used)

    def _tell(self, number: int, status: int, used: resource.struct_rusage) -> None:
        why = self._why.pop(number, ENDED)
        self._control.send(REPORT.pack(0, number, status, why, used.ru_utime, used.ru_stime, used.ru_maxrss))

    def _end_relatives(self, pid: int, slot: int) -> None:
        """Processes that a call started: its namespace has ended them; else they have its group or its user."""
        if self._setup.namespaces:
            return
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        if self._setup.sweeps:
            self._sweep(slot)

    def _sweep_all(self) -> None:
        if self._setup.sweeps:
            for slot in range(self._setup.slots):
                self._sweep(slot)

    def _sweep(self, slot: int) -> None:
        """Kill all that runs as the slot's user, whatever sessions it has made."""
        user = self._setup.first_user + slot
        pid = os.fork()
        if pid == 0:
            with suppress(OSError):
                os.setresuid(user, user, user)
                os.kill(-1, signal.SIGKILL)
            os._exit(0)
        os.waitpid(pid, 0)


def _above(descriptor: int) -> int:
    """A copy of a descriptor, above all that have fixed places."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)


def _forget_this_package() -> list[ModuleType]:
    """Leave programs an interpreter as it comes; returns the modules, to be kept.

    Once, not in each call: to look through all names would write to memory that calls share.
    """
    own = [name for name in sys.modules if name == "training" or name.startswith("training.")]
    return [sys.modules.pop(name) for name in own]


def _reseed() -> None:
    """Random numbers that differ from call to call; the standard library's do so by themselves."""
    sys.modules["numpy"].random.seed(int.from_bytes(os.urandom(4), "little"))
