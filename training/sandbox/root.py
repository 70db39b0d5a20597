"""The file system that a call sees where namespaces are to be had: the interpreter, some packages, and nothing else.

It is read-only and lies in memory, with parts of the machine's own files bound into it. Each call mounts an empty /tmp
and a /proc of its own over it.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from training.sandbox.kernel import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    detach,
    mount,
    pivot_root,
)

_STAGE, _OLD, _NEW = "/tmp", "/old", "/new"  # noqa: S108  # any folder that every machine has
_DEVICES = ("null", "zero", "full", "random", "urandom")
PROC_FORMS = ("subset=pid,hidepid=invisible", "subset=pid", "")
"""How /proc can be mounted, from what shows least; older kernels know less of it."""


def build_root(binds: Sequence[tuple[str, str]], proc: str | None) -> str | None:
    """Make this process's root a new one, with each of `binds`' sources at its target. Needs a mount namespace.

    An empty source is an empty folder, which hides what another bind has there.
    `proc`: mount options to try first for /proc, None for none. Returns those that worked, None if none did: /proc
    can only be mounted while an old one is visible.
    """
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("sandbox", _STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=755")
    os.umask(0o022)
    for folder in (_OLD, _NEW):
        Path(_STAGE + folder).mkdir()
    pivot_root(_STAGE, f"{_STAGE}{_OLD}")
    os.chdir("/")
    mount(_NEW, _NEW, None, MS_BIND | MS_REC)
    for source, target in binds:
        if source:
            _bind(_OLD + source, _NEW + target)
        else:
            mount("hidden", _NEW + target, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,mode=755")
    _furnish()
    mounted = None if proc is None else mount_proc(f"{_NEW}/proc", proc)
    detach(_OLD)
    os.chdir(_NEW)
    pivot_root(".", ".")
    detach(".")
    os.chdir("/")
    mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    return mounted


def mount_proc(target: str, first: str = PROC_FORMS[0]) -> str | None:
    """Mount /proc of this process's namespace, showing as little as can be; returns the options that worked."""
    for options in PROC_FORMS[PROC_FORMS.index(first) :]:
        with suppress(OSError):
            mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options or None)
            return options
    return None


def _bind(source: str, target: str) -> None:
    """Show a file or folder read-only; a link stays a link, whose goal is bound by itself."""
    there = Path(target)
    there.parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_symlink():
        with suppress(FileExistsError):
            there.symlink_to(Path(source).readlink())
        return
    if Path(source).is_dir():
        there.mkdir(exist_ok=True)
    else:
        there.touch()
    mount(source, target, None, MS_BIND | MS_REC)
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV
    try:
        mount(None, target, None, flags)
    except OSError:
        # A flag that the machine's own mount has cannot be taken off in a user namespace.
        mount(None, target, None, flags | MS_NOEXEC)


def _furnish() -> None:
    """Devices, and the folders and files that programs expect."""
    for folder in ("dev/shm", "tmp", "proc", "etc"):
        Path(_NEW, folder).mkdir(parents=True, exist_ok=True)
    for device in _DEVICES:
        Path(_NEW, "dev", device).touch()
        mount(f"{_OLD}/dev/{device}", f"{_NEW}/dev/{device}", None, MS_BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        Path(_NEW, "dev", name).symlink_to(f"/proc/self/fd/{number}")
    Path(_NEW, "dev/fd").symlink_to("/proc/self/fd")
    Path(_NEW, "etc/passwd").write_text("sandbox:x:65534:65534::/tmp:/bin/false\n")
