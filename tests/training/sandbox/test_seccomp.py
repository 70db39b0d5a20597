"""What the filter of system calls answers, on both machines: its instructions are followed one by one."""

import errno
import struct

import pytest

from training.sandbox import seccomp
from training.sandbox.seccomp import Filter
from training.sandbox.syscalls import NUMBERS

ALLOW, KILL = 0x7FFF0000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OWN = 4_242


def _error(number: int) -> int:
    return 0x00050000 | number


@pytest.fixture(params=sorted(NUMBERS))
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(seccomp, "MACHINE", request.param)
    return str(request.param)


def _answer(code: bytes, machine: str, number: int, *arguments: int, architecture: int = 0) -> int:
    """What the kernel would do, by the rules of classic BPF."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *padded)
    place, value = 0, 0
    while True:
        operation, hit, miss, constant = struct.unpack_from("<HBBI", code, 8 * place)
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            value &= constant
        elif operation == 0x06:
            return int(constant)
        else:
            met = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[operation]
            place += hit if met else miss


class Answers:
    """A filter, asked by names."""

    def __init__(self, machine: str, processes: bool = True, contained: bool = True) -> None:
        made = Filter(processes=processes, contained=contained)
        self._code = made.code(OWN)
        self._machine = machine

    def __call__(self, name: str, *arguments: int) -> int:
        return _answer(self._code, self._machine, NUMBERS[self._machine][name], *arguments)

    def number(self, number: int, architecture: int = 0) -> int:
        return _answer(self._code, self._machine, number, architecture=architecture)


def test_another_machines_numbers_end_the_program(machine: str) -> None:
    answers = Answers(machine)
    for architecture in (0x40000003, 0x40000028, 0xC0000016):
        assert answers.number(20, architecture) == KILL
    other = next(each for name, each in ARCHITECTURES.items() if name != machine)
    assert answers.number(20, other) == KILL
    if machine == "x86_64":
        assert answers.number(0x40000000 | 39) == KILL


def test_what_is_not_named_does_not_exist(machine: str) -> None:
    answers = Answers(machine)
    known = set(NUMBERS[machine].values())
    for number in range(600):
        if number not in known:
            assert answers.number(number) == _error(errno.ENOSYS), number


@pytest.mark.parametrize("name", ["clone3", "openat2", "memfd_create"])
def test_what_has_a_form_that_can_be_looked_at_is_absent(machine: str, name: str) -> None:
    assert Answers(machine)(name) == _error(errno.ENOSYS)


def test_no_process_is_made_into_namespaces(machine: str) -> None:
    answers = Answers(machine)
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answers("clone", bit | 17) == _error(errno.EPERM)
    assert answers("clone", 17) == ALLOW


def test_without_a_way_to_end_processes_there_are_only_threads(machine: str) -> None:
    answers = Answers(machine, processes=False, contained=False)
    assert answers("clone", 17) == _error(errno.EPERM)
    assert answers("clone", 0x3D0F00) == ALLOW
    for name in ("execve", "execveat", "setsid", "setpgid"):
        assert answers(name) == _error(errno.EPERM)


def test_signals_reach_oneself_alone_where_no_namespace_keeps_them_in(machine: str) -> None:
    answers = Answers(machine, contained=False)
    for name in ("kill", "tgkill", "rt_sigqueueinfo"):
        assert answers(name, OWN) == ALLOW
        for other in (0, 1, 0xFFFFFFFF, OWN + 1):
            assert answers(name, other) == _error(errno.EPERM)
        assert Answers(machine)(name, 7) == ALLOW


@pytest.mark.parametrize("name", ["prlimit64", "sched_setaffinity"])
def test_only_oneself_is_changed(machine: str, name: str) -> None:
    for contained in (True, False):
        answers = Answers(machine, contained=contained)
        assert answers(name, 0) == ALLOW
        assert answers(name, 1) == _error(errno.EPERM)


def test_pairs_of_sockets_are_streams(machine: str) -> None:
    answers = Answers(machine)
    for kind in (1, 5, 1 | 0o2000000, 5 | 0o4000):
        assert answers("socketpair", 1, kind) == ALLOW
    for family, kind in ((1, 2), (1, 3), (2, 1), (16, 2), (1, 2 | 0o4000), (40, 1)):
        assert answers("socketpair", family, kind) == _error(errno.EPERM)


def test_files_are_not_emptied_by_opening_them_to_read(machine: str) -> None:
    answers = Answers(machine)
    assert answers("openat", 0, 0, 0o1000) == _error(errno.EPERM)
    assert answers("openat", 0, 0, 0o1001) == ALLOW
    assert answers("openat", 0, 0, 0o0) == ALLOW


@pytest.mark.parametrize("command", [8, 10, 15, 1026])
def test_files_send_no_signals(machine: str, command: int) -> None:
    assert Answers(machine)("fcntl", 1, command) == _error(errno.EPERM)
    assert Answers(machine)("fcntl", 1, 1) == ALLOW


def test_terminals_and_devices_are_not_controlled(machine: str) -> None:
    answers = Answers(machine)
    assert answers("ioctl", 1, 0x5401) == ALLOW
    for request in (0x5412, 0x540E, 0x541C, 0x8901, 0x4008AE6A):
        assert answers("ioctl", 1, request) == _error(errno.ENOTTY)


def test_there_is_no_filter_for_a_machine_whose_calls_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "MACHINE", "riscv64")
    with pytest.raises(OSError, match="riscv64"):
        Filter(processes=True, contained=True)
