"""The filter of system calls that a program is held to, as classic BPF written by hand: an allow-list.

What is not named here does not exist for a program (ENOSYS). A few calls are looked at: fork, but not into namespaces;
socket pairs, but no sockets; signals, where nothing else keeps them in, to oneself alone. Calls by another machine's
numbers (i386, x32) end the program, since they would be other calls.
"""

import ctypes
import errno
import struct
from dataclasses import dataclass, field

from training.sandbox.kernel import (
    MACHINE,
    NEWCGROUP,
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWPID,
    NEWUSER,
    NEWUTS,
    PR_SET_SECCOMP,
    check,
    libc,
)
from training.sandbox.syscalls import NUMBERS

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_CLONE_THREAD = 0x00010000

_ABSENT = "clone3 openat2 faccessat2 fchmodat2 memfd_create"
"""ENOSYS, on which libraries fall back: to clone, whose flags can be looked at; to openat, whose flags can."""
_PRETENDED = "chmod fchmod fchmodat chown fchown lchown fchownat utime utimes futimesat utimensat"
"""Succeed without effect: Landlock does not cover them, and programs that copy files want them to work."""
_ATTRIBUTES = (
    "setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr "
    "lremovexattr fremovexattr"
)
_REFUSED = "truncate"
_PROCESSES = "fork vfork execve execveat setsid setpgid"
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_PRCTLS = (3, 15, 16, 23, 27, 39, 0x53564D41)
"""Reads, names of threads, and names of memory."""
_ARCH_PRCTLS = (0x1001, 0x1002, 0x1003, 0x1004, 0x1021, 0x1022, 0x1023)
"""Bases of segments, which a starting program sets, and the wide registers that linear algebra asks for."""
_FCNTLS = (8, 10, 15, 1026)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX, F_NOTIFY: each sends signals that no rule for kill would see."""
_AF_UNIX, _SOCK_TYPE, _STREAMS = 1, 0xF, (1, 5)
"""SOCK_STREAM and SOCK_SEQPACKET. SOCK_RAW would be datagrams by another name."""
_O_TRUNC, _O_ACCMODE = 0o1000, 0o3

Instruction = tuple[int, int, int, int]


@dataclass(slots=True)
class _Assembler:
    """Collects instructions. Every rule is a block that either returns or goes on with what follows."""

    code: list[Instruction] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    """Instructions that compare with the process's own id, which is known late."""

    def add(self, operation: int, constant: int, hit: int = 0, miss: int = 0) -> None:
        self.code.append((operation, hit, miss, constant & 0xFFFFFFFF))

    def verdict(self, number: int, verdict: int) -> None:
        """Return at once for this call."""
        self.add(_EQUAL, number, miss=1)
        self.add(_RETURN, verdict)

    def argument(self, place: int) -> None:
        self.add(_LOAD, _ARGUMENTS_AT + 8 * place)

    def block(self, number: int, rule: "_Assembler") -> None:
        """Rules of one call, which must end in a return."""
        self.add(_EQUAL, number, miss=len(rule.code))
        self.pids += [len(self.code) + place for place in rule.pids]
        self.code += rule.code

    def one_of(self, place: int, constants: tuple[int, ...], found: int, otherwise: int) -> "_Assembler":
        """Return `found` where an argument is one of these."""
        self.argument(place)
        for constant in constants:
            self.add(_EQUAL, constant, miss=1)
            self.add(_RETURN, found)
        self.add(_RETURN, otherwise)
        return self

    def own_pid(self, place: int) -> "_Assembler":
        self.argument(place)
        self.pids.append(len(self.code))
        self.add(_EQUAL, 0, miss=1)
        self.add(_RETURN, _ALLOW)
        self.add(_RETURN, _refuse(errno.EPERM))
        return self

    def any_bit(self, place: int, bits: int, found: int, otherwise: int) -> "_Assembler":
        self.argument(place)
        self.add(_ANY_BIT, bits, miss=1)
        self.add(_RETURN, found)
        self.add(_RETURN, otherwise)
        return self

    def stream_pair(self, otherwise: int) -> "_Assembler":
        """Pairs whose ends reach each other alone: from a pair for datagrams, letters can be sent to any socket."""
        self.argument(0)
        self.add(_EQUAL, _AF_UNIX, hit=1)
        self.add(_RETURN, otherwise)
        self.argument(1)
        self.add(_AND, _SOCK_TYPE)
        for kind in _STREAMS:
            self.add(_EQUAL, kind, miss=1)
            self.add(_RETURN, _ALLOW)
        self.add(_RETURN, otherwise)
        return self

    def no_hidden_truncation(self, place: int) -> "_Assembler":
        """Opening for reading with O_TRUNC empties a file, which Landlock below version 3 does not see."""
        self.argument(place)
        self.add(_ANY_BIT, _O_TRUNC, miss=3)
        self.add(_AND, _O_ACCMODE)
        self.add(_EQUAL, 0, miss=1)
        self.add(_RETURN, _refuse(errno.EPERM))
        self.add(_RETURN, _ALLOW)
        return self


def _refuse(number: int) -> int:
    return _ERROR | number


class Filter:
    """A filter for programs that may start processes, or threads only.

    `contained`: whether a namespace of processes keeps signals in. Raises OSError on a machine whose calls are not
    known.
    """

    def __init__(self, processes: bool, contained: bool) -> None:
        if MACHINE not in NUMBERS:
            raise OSError(f"the filter of system calls is not written for {MACHINE}")
        assembler = _head()
        _simple(assembler, processes)
        _examined(assembler, processes, contained)
        assembler.add(_RETURN, _refuse(errno.ENOSYS))
        self._pids = assembler.pids
        self._code = bytearray(b"".join(struct.pack("<HBBI", *each) for each in assembler.code))

    def __len__(self) -> int:
        return len(self._code) // 8

    def code(self, pid: int) -> bytes:
        """Instructions for a process, eight bytes each."""
        for place in self._pids:
            struct.pack_into("<I", self._code, 8 * place + 4, pid)
        return bytes(self._code)

    def load(self, pid: int) -> None:
        """Hold this process and all it starts to the filter, for good. `pid` is its own."""
        code = ctypes.create_string_buffer(self.code(pid), len(self._code))
        program = _Program(len(self), ctypes.cast(code, ctypes.c_void_p))
        check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _head() -> _Assembler:
    """Only calls of this machine go on."""
    assembler = _Assembler()
    assembler.add(_LOAD, _ARCHITECTURE_AT)
    assembler.add(_EQUAL, _ARCHITECTURE[MACHINE], hit=1)
    assembler.add(_RETURN, _KILL)
    assembler.add(_LOAD, _NUMBER_AT)
    if MACHINE == "x86_64":
        assembler.add(_AT_LEAST, _X32, miss=1)
        assembler.add(_RETURN, _KILL)
    return assembler


def _simple(assembler: _Assembler, processes: bool) -> None:
    """Calls with one answer."""
    numbers = NUMBERS[MACHINE]
    answers = (
        (_ABSENT, errno.ENOSYS),
        (_PRETENDED, 0),
        (_ATTRIBUTES, errno.ENOTSUP),
        (_REFUSED if processes else f"{_REFUSED} {_PROCESSES}", errno.EPERM),
    )
    for names, number in answers:
        for name in names.split():
            if name in numbers:
                assembler.verdict(numbers[name], _refuse(number))
    answered = {name for names, _ in answers for name in names.split()}
    for name in sorted(numbers.keys() - answered - set(_EXAMINED), key=lambda each: not each.startswith(("re", "wr"))):
        assembler.verdict(numbers[name], _ALLOW)


_EXAMINED = (
    "clone", "ioctl", "prctl", "arch_prctl", "socketpair", "prlimit64", "sched_setaffinity", "fcntl", "open", "openat",
    "kill", "tgkill", "rt_sigqueueinfo",
)  # fmt: skip


def _examined(assembler: _Assembler, processes: bool, contained: bool) -> None:
    """Calls whose arguments matter."""
    no = _refuse(errno.EPERM)
    clone = _Assembler()
    clone.argument(0)
    clone.add(_ANY_BIT, _NAMESPACES, miss=1)
    clone.add(_RETURN, no)
    clone.any_bit(0, _CLONE_THREAD, _ALLOW, _ALLOW if processes else no)
    rules = {
        "clone": clone,
        "ioctl": _Assembler().one_of(1, _IOCTLS, _ALLOW, _refuse(errno.ENOTTY)),
        "prctl": _Assembler().one_of(0, _PRCTLS, _ALLOW, _refuse(errno.EINVAL)),
        "arch_prctl": _Assembler().one_of(0, _ARCH_PRCTLS, _ALLOW, _refuse(errno.EINVAL)),
        "socketpair": _Assembler().stream_pair(no),
        "prlimit64": _of_oneself(contained),
        "sched_setaffinity": _of_oneself(contained),
        "fcntl": _Assembler().one_of(1, _FCNTLS, no, _ALLOW),
        "open": _Assembler().no_hidden_truncation(1),
        "openat": _Assembler().no_hidden_truncation(2),
    }
    for name in ("kill", "tgkill", "rt_sigqueueinfo"):
        rule = _Assembler()
        rule.add(_RETURN, _ALLOW)
        rules[name] = rule if contained else _Assembler().own_pid(0)
    for name, rule in rules.items():
        if name in NUMBERS[MACHINE]:
            assembler.block(NUMBERS[MACHINE][name], rule)


def _of_oneself(contained: bool) -> _Assembler:
    """Only with oneself as the first argument, for which 0 stands; one's own number says the same."""
    rule = _Assembler()
    rule.argument(0)
    rule.add(_EQUAL, 0, miss=1)
    rule.add(_RETURN, _ALLOW)
    if contained:
        rule.add(_RETURN, _refuse(errno.EPERM))
        return rule
    return rule.own_pid(0)
