"""Linux system calls that Python has no functions for: namespaces, mounts, capabilities, and a fork into namespaces."""

import ctypes
import os
import platform
import struct
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
_SIGCHLD, _CHILD_CLEARTID, _CHILD_SETTID = 17, 0x00200000, 0x01000000
_MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_CAP_AMBIENT = 36, 38, 40, 47

MACHINE = platform.machine()
_CLONE, _PIVOT_ROOT = {"x86_64": (56, 155), "aarch64": (220, 41)}.get(MACHINE, (0, 0))

libc = ctypes.CDLL(None, use_errno=True)
_locked = ctypes.PyDLL(None, use_errno=True)
"""The same, keeping the interpreter's lock: between a fork's handlers no other thread may run."""


def check(result: int, what: str) -> int:
    """Raise OSError for the results by which C tells of one."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, argument: int = 0, third: int = 0) -> int:
    """prctl(2), unchecked: a kernel may lack an option."""
    return int(libc.prctl(option, *map(ctypes.c_ulong, (argument, third, 0, 0))))


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    check(libc.unshare(flags), f"unshare({flags:#x})")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    texts = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    check(libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def detach(target: str) -> None:
    """Unmount as soon as nothing uses it any more."""
    check(libc.umount2(target.encode(), _MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and hang the present one up at `old`, which lies in it."""
    check(libc.syscall(_PIVOT_ROOT, new.encode(), old.encode()), "pivot_root")


def drop_capabilities() -> None:
    """Give up all privilege, for this process and for what it may execute."""
    for capability in range(64):
        if prctl(PR_CAPBSET_DROP, capability) != 0:
            break
    prctl(PR_CAP_AMBIENT, 4)  # clear all
    header = ctypes.create_string_buffer(struct.pack("<Ii", 0x20080522, 0), 8)
    check(libc.capset(header, ctypes.create_string_buffer(24)), "capset")


def map_ids(pid: int | str, inside: int, outside: int, count: int = 1, group: int | None = None) -> None:
    """Give users and groups from `inside` on, in a process's namespace of users, the ids from `outside` on.

    `group` is the first group outside where that is another number.
    """
    folder = Path("/proc", str(pid))
    if count == 1:
        _write(folder / "setgroups", "deny")  # without privilege, the kernel wants groups to be given up first
    _write(folder / "uid_map", f"{inside} {outside} {count}")
    _write(folder / "gid_map", f"{inside} {outside if group is None else group} {count}")


def _write(path: Path, text: str) -> None:
    # One write, unbuffered: the kernel takes a map whole or not at all.
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def clone(flags: int) -> int:
    """`os.fork` into new namespaces, with the interpreter's own handlers; 0 in the child. Raises OSError."""
    if not flags:
        return os.fork()
    address = ctypes.c_void_p()
    known = libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) == 0
    place = ctypes.c_void_p(address.value if known else None)
    flags |= _SIGCHLD
    if place.value:
        # glibc keeps the thread's id in memory, which a raw clone would leave that of the parent.
        flags |= _CHILD_SETTID | _CHILD_CLEARTID
    last = (place, None) if MACHINE == "x86_64" else (None, place)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_locked.syscall(_CLONE, ctypes.c_ulong(flags), None, None, *last))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    return check(pid, "clone")
