"""Runs a command as in a container with the usual profile: `python cage.py [--no-landlock] COMMAND...`

System calls that make namespaces, and mounts, are refused, as by Docker's default profile; all else is as it was. The
option leaves Landlock out, as kernels may.
"""

import ctypes
import errno
import os
import struct
import sys

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NAMESPACES = 0x7E020000
_REFUSED = {"x86_64": (165, 166, 272, 308, 155, 161), "aarch64": (40, 39, 97, 268, 41, 51)}
"""mount, umount2, unshare, setns, pivot_root, chroot."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3, _LANDLOCK, _IO_URING, _NEW_MOUNTS = 435, (444, 445, 446), (425, 426, 427), tuple(range(428, 434))


def close(landlock: bool) -> None:
    """Hold this process and all it starts to the profile."""
    machine = os.uname().machine
    code: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, 0)]

    def answer(number: int, error: int) -> None:
        code.extend([(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)])

    for number in (*_REFUSED[machine], *_IO_URING, *_NEW_MOUNTS):
        answer(number, errno.EPERM)
    answer(_CLONE3, errno.ENOSYS)
    for number in () if landlock else _LANDLOCK:
        answer(number, errno.ENOSYS)
    code += [(_EQUAL, 0, 3, _CLONE[machine]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _NAMESPACES)]
    code += [(_RETURN, 0, 0, _ERROR | errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    blob = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *each) for each in code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(code), ctypes.cast(blob, ctypes.c_void_p))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the cage could not be closed")


if __name__ == "__main__":
    command = [each for each in sys.argv[1:] if each != "--no-landlock"]
    close(landlock="--no-landlock" not in sys.argv)
    os.execv(command[0], command)  # noqa: S606
