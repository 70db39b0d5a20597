"""Landlock: a process gives up the file system, TCP and signals to others, except for what it names.

Needs no privilege, and works where namespaces are closed. Kernels know more of it with each version of its interface
(ABI): files since 1, moves between folders since 2, truncation since 3, TCP since 4, device ioctls since 5, signals and
abstract sockets since 6. What a version lacks is left to the system call filter.
"""

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.sandbox.kernel import check, libc

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_FILES_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3


def version() -> int:
    """Of the interface; 0 where the kernel has none."""
    return max(0, int(libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1)))


def ruleset(readable: Iterable[str], hidden: Sequence[str] = (), newest: int = 99) -> int:
    """Descriptor of rules by which only files under `readable` can be read and executed, and none written.

    Files under `hidden` cannot be read, though their names can be listed: rules only ever add. `newest` bounds the
    version used, for tests. Raises OSError where there is no Landlock.
    """
    known = min(version(), newest)
    if not known:
        raise OSError("this kernel has no Landlock")
    files = (1 << _FILES_OF_ABI.get(known, 16)) - 1
    fields = struct.pack("<QQQ", files, 3 if known >= 4 else 0, 3 if known >= 6 else 0)
    size = 8 if known < 4 else 16 if known < 6 else 24
    rules = check(libc.syscall(_CREATE, ctypes.create_string_buffer(fields, 24), ctypes.c_size_t(size), 0), "landlock")
    for path in readable:
        _show(rules, path, hidden)
    return rules


def _show(rules: int, path: str, hidden: Sequence[str]) -> None:
    """A file, or a folder; where something hidden lies in it, all that lies beside that."""
    if path in hidden:
        return
    if any(each.startswith(f"{path}/") for each in hidden):
        _allow(rules, path, _READ_DIR)
        for entry in os.scandir(path):
            if not entry.is_symlink():  # what it leads to is shown by itself, or not
                _show(rules, entry.path, hidden)
        return
    _allow(rules, path, _READ_FILE | _EXECUTE | (_READ_DIR if Path(path).is_dir() else 0))


def restrict(rules: int) -> None:
    """Hold this process and all it starts to the rules, for good."""
    check(libc.syscall(_RESTRICT, rules, 0), "landlock_restrict_self")


def _allow(rules: int, path: str, access: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("<Qi", access, place), 12)
        check(libc.syscall(_ADD, rules, 1, rule, 0), f"landlock rule for {path}")
    finally:
        os.close(place)
