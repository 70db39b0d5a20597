"""How the process of one call confines itself, in an order in which each step still has what it needs."""

import ctypes
import os
import resource
import signal
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from training.sandbox import landlock
from training.sandbox.kernel import (
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    check,
    drop_capabilities,
    libc,
    map_ids,
    mount,
    prctl,
)
from training.sandbox.root import mount_proc
from training.sandbox.seccomp import Filter
from training.sandbox.setup import Order, Setup

MIB = 1 << 20
NOBODY = 65_534
_CLOSE_RANGE = 436
_OTHERS = 256
"""Processes that a user may have besides a call's threads, where calls run as that user: they are counted together."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What all calls of a zygote have in common, made once."""

    setup: Setup
    filter: Filter
    rules: int
    """Descriptor of Landlock's rules; -1 where namespaces do their work."""
    proc: str | None
    """Options with which /proc can be mounted."""
    base_bytes: int
    """Address space of the zygote, which a call begins with."""

    def enter(self, order: Order) -> None:
        """Hold this process to its limits. Raises OSError at what could not be done, before any program ran."""
        _leave_the_zygote()
        prctl(PR_SET_DUMPABLE, 1)  # or /proc/self belongs to root, and no user can be mapped
        if self.setup.namespaces:
            self._furnish(order)
        else:
            os.chdir("/")
        os.umask(0o077)
        self._limit(order)
        if self.setup.privileged:
            user = self.setup.first_user + order.slot
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        # After the change of user: root is exempt, and each user's processes are counted apart.
        own = order.processes if self.setup.processes else order.processes + _OTHERS
        resource.setrlimit(resource.RLIMIT_NPROC, (own, own))
        if self.setup.processes:
            drop_capabilities()
        prctl(PR_SET_DUMPABLE, 1)
        if not self.setup.namespaces:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        check(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
        if self.rules >= 0:
            landlock.restrict(self.rules)
            os.close(self.rules)
        self.filter.load(os.getpid())

    def _furnish(self, order: Order) -> None:
        if not self.setup.privileged:
            map_ids("self", NOBODY, 0)
        flags = MS_NOSUID | MS_NODEV
        mount("tmp", "/tmp", "tmpfs", flags, f"size={2 * order.file_mb}m,nr_inodes=4096,mode=1777")  # noqa: S108
        mount("shm", "/dev/shm", "tmpfs", flags | MS_NOEXEC, f"size={order.file_mb}m,nr_inodes=256,mode=1777")  # noqa: S108
        if self.proc is not None and mount_proc("/proc", self.proc) is None:
            raise OSError("/proc could not be mounted")
        os.chdir("/tmp")  # noqa: S108

    def _limit(self, order: Order) -> None:
        memory, file = order.memory_mb * MIB, order.file_mb * MIB
        limits = {
            resource.RLIMIT_CPU: (order.cpu_s, order.cpu_s + 1),
            resource.RLIMIT_AS: (self.base_bytes + memory,) * 2,
            resource.RLIMIT_DATA: (memory + 256 * MIB,) * 2,
            resource.RLIMIT_FSIZE: (file, file),
            resource.RLIMIT_NOFILE: (128, 128),
            resource.RLIMIT_CORE: (0, 0),
            resource.RLIMIT_MEMLOCK: (0, 0),
            resource.RLIMIT_MSGQUEUE: (0, 0),
            resource.RLIMIT_SIGPENDING: (256, 256),
            resource.RLIMIT_STACK: (8 * MIB, 64 * MIB),
            resource.RLIMIT_NICE: (0, 0),
            resource.RLIMIT_RTPRIO: (0, 0),
        }
        list(starmap(resource.setrlimit, limits.items()))


def readable_rules(setup: Setup) -> int:
    """Descriptor of the rules for all calls of a zygote, made while it may still open what they name."""
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
    readable = [source for source, _ in setup.binds if source]
    hidden = [target for source, target in setup.binds if not source]
    shown = [path for path in [*readable, *devices] if Path(path).exists()]
    return landlock.ruleset(shown, hidden, setup.newest_landlock)


def close_from(first: int) -> None:
    """Close all descriptors from this one on."""
    if libc.syscall(_CLOSE_RANGE, first, ctypes.c_uint(0xFFFFFFFF), 0) != 0:
        os.closerange(first, 65_536)


def _leave_the_zygote() -> None:
    """A session of its own, since a signal to one's process group would reach the zygote; and handlers as at first."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
