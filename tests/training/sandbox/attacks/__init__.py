"""Programs that try to break out, break the service, or lie to it. Each says ESCAPE where something worked."""

from dataclasses import dataclass
from typing import Any

from training.sandbox.types import STATUSES, Call, Limits, Status

INNOCENT: tuple[Status, ...] = tuple(each for each in STATUSES if each not in {"sandbox_error", "sandbox_died"})
"""Any end of a program that the service has survived; a busy machine may end it early."""
STOPPED: tuple[Status, ...] = ("timeout", "cpu_limit")
BRIEF = 0.7
"""Seconds that a program gets which would never end."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One program."""

    name: str
    program: str
    statuses: tuple[Status, ...] = INNOCENT
    """How it may end."""
    seconds: float = 6.0
    memory_mb: int = 512
    open: bool = False
    """Works where nothing isolates it, and may be tried there: shows that this program would notice."""

    def call(self, bait: dict[str, Any]) -> Call:
        """The program, told where the bait lies."""
        limits = Limits(wall_s=self.seconds, cpu_s=4, memory_mb=self.memory_mb)
        return Call(self.name, told(self.program, bait), limits=limits)


def told(program: str, bait: dict[str, Any]) -> str:
    """A program after lines that give it names for the bait, and words to say what it could do."""
    names = "\n".join(f"{name} = {value!r}" for name, value in bait.items())
    return f"{names}\n{_WORDS}\n{program}"


_WORDS = '''
import contextlib, ctypes, errno, os, signal, socket, sys, time
LIBC = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"

def refused(what, attempt, *arguments):
    """Say so if what must fail works; returns what came of it."""
    try:
        found = attempt(*arguments)
    except Exception as error:
        print("held:", what, "-", type(error).__name__, str(error)[:60])
        return None
    print("ESCAPE", what, repr(found)[:80], flush=True)
    return found

def system(x86, arm, *arguments):
    """A system call by its number, which raises OSError when the kernel says no."""
    number = arm if ARM else x86
    if number is None:
        raise OSError("not on this machine")
    plain = [each if isinstance(each, (bytes, type(None), ctypes.Array)) else ctypes.c_long(each) for each in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *plain)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 16)

OTHERS = [pid for pid in {os.getppid(), 1, *SERVICE} if pid not in (0, os.getpid())]
'''
