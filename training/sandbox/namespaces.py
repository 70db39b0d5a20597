"""How a zygote leaves the machine's file system, network, processes and users, where it may."""

import os
import signal
import socket
from contextlib import suppress

from training.sandbox.kernel import (
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWPID,
    NEWUSER,
    NEWUTS,
    PR_SET_PDEATHSIG,
    map_ids,
    prctl,
    unshare,
)
from training.sandbox.root import PROC_FORMS, build_root, mount_proc
from training.sandbox.setup import Setup

_FIRST_OUTSIDE_USER, _USERS = 200_000, 65_536


def enter_namespaces(setup: Setup, control: socket.socket) -> str | None:
    """Leave the machine's file system, network, processes and users; returns how /proc can be mounted."""
    proc: str | None
    if setup.privileged:
        told, mapped = _mapped_by_a_helper(control)
        unshare(NEWNS)
        proc = build_root(setup.binds, PROC_FORMS[-1])
        # Only now: no user of the new namespace could have read what root alone may enter.
        unshare(NEWUSER)
        os.write(told, b"x")
        if os.read(mapped, 1) != b"x":
            raise OSError("users could not be mapped")
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        unshare(NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
    else:
        user, group = os.getuid(), os.getgid()
        unshare(NEWUSER | NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
        map_ids("self", 0, user, group=group)
    if (pid := os.fork()) != 0:
        _follow(pid, control)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if setup.privileged:
        return None if proc is None else mount_proc("/proc")
    return build_root(setup.binds, PROC_FORMS[0])


def _follow(pid: int, control: socket.socket) -> None:
    """Stay outside of the namespace of processes, and end with its first one."""
    control.close()
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _mapped_by_a_helper(control: socket.socket) -> tuple[int, int]:
    """A process that maps this one's users from outside: write to the first descriptor, then read the second."""
    asked, told = os.pipe()
    mapped, done = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        # It must hold nothing open by which others see that its parent has ended, and see that itself.
        control.close()
        os.close(told)
        if not os.read(asked, 1):
            os._exit(0)
        with suppress(OSError):
            map_ids(parent, 0, _FIRST_OUTSIDE_USER, _USERS)
            os.write(done, b"x")
        os._exit(0)
    os.close(asked)
    os.close(done)
    return told, mapped
