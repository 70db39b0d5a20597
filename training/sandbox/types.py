"""Calls of the sandbox and what comes of them."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, Self, get_args

Status = Literal[
    "ok",
    "error",
    "timeout",
    "cpu_limit",
    "output_limit",
    "killed",
    "queue_timeout",
    "sandbox_error",
    "sandbox_died",
]
"""How a call ended.

ok: exit code 0. error: an exception, or another exit code. timeout, cpu_limit, output_limit: a limit was reached.
killed: a signal ended it, a crash of the interpreter for one. The last three are failures of the service, of which the
program is innocent: it waited too long for a free slot, its confinement could not be set up, or the process that ran it
was lost.
"""

STATUSES: tuple[Status, ...] = get_args(Status)
INFRASTRUCTURE: tuple[Status, ...] = ("queue_timeout", "sandbox_error", "sandbox_died")

MOST_PROGRAM_BYTES = 1 << 20
MOST_STDIN_BYTES = 8 << 20
MOST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may use."""

    wall_s: float = 6.0
    """Seconds by the clock, from the start of the program. Twice to three times `cpu_s`, so that a busy machine does
    not make programs fail."""
    cpu_s: int = 3
    """Seconds of processor time of one process."""
    memory_mb: int = 512
    """Address space of one process beyond the interpreter's own, MiB."""
    processes: int = 16
    """Processes and threads at once."""
    file_mb: int = 16
    """Size of one file, MiB; all files together have twice that."""
    output_bytes: int = 65_536
    """Bytes kept of each of stdout and stderr; a program that writes four times as much is ended."""
    queue_s: float = 600.0
    """Seconds that a call may wait for a free slot."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
            if name not in {"wall_s", "queue_s"} and not isinstance(value, int):  # the kernel takes no other
                raise ValueError(f"{name} must be a whole number, not {value}")
        if self.wall_s > MOST_SECONDS or self.cpu_s > MOST_SECONDS:
            raise ValueError("a program may run a day at most")
        if self.processes > 256 or self.memory_mb > 65_536 or self.file_mb > 1024 or self.output_bytes > 16 << 20:
            raise ValueError("more than 256 processes, 64 GiB of memory, 1 GiB of files or 16 MiB of output")


@dataclass(frozen=True, slots=True)
class Call:
    """A program to run. Raises ValueError when it is too large."""

    id: str
    """Chosen by the caller; answers carry it."""
    program: str
    stdin: str = ""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if len(self.program.encode("utf-8", "surrogatepass")) > MOST_PROGRAM_BYTES:
            raise ValueError("a program may have 1 MiB at most")
        if len(self.stdin.encode("utf-8", "surrogatepass")) > MOST_STDIN_BYTES:
            raise ValueError("a program's input may have 8 MiB at most")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `as_dict` gave. Raises TypeError or ValueError."""
        return cls(**{**values, "limits": Limits(**values.get("limits", {}))})


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The exception that ended a program."""

    kind: str
    """Name of its class."""
    message: str
    line: int | None = None
    """Line of the program, from 1; None where it has none."""
    text: str = ""
    """That line, without its indentation."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What came of a call. Outputs are text, with undecodable bytes replaced."""

    id: str
    status: Status
    exit_code: int | None = None
    """None where a signal ended it, or it never ran."""
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    value: str | None = None
    """repr of the last statement where that is an expression whose value is not None, as at a Python prompt."""
    error: ProgramError | None = None
    truncated: bool = False
    """Whether there was more output than was kept."""
    wall_s: float = 0.0
    """Seconds by the clock from the start of the program."""
    queue_s: float = 0.0
    """Seconds before that, waiting for a free slot."""
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    tier: str = ""
    """The isolation it ran under."""
    detail: str = ""
    """Of a failure of the service: what failed."""

    @property
    def is_infrastructure(self) -> bool:
        """Whether the service failed, so that this says nothing about the program."""
        return self.status in INFRASTRUCTURE

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `as_dict` gave. Raises TypeError."""
        error = values.get("error")
        return cls(**{**values, "error": ProgramError(**error) if error else None})


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds, of the latest calls."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of the service."""

    at: float
    """Seconds since the epoch."""
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """The service at a moment."""

    tier: str
    python: str
    zygotes: int
    """Fork servers that take calls."""
    slots: int
    """Calls that may run at once."""
    in_flight: int
    queued: int
    oldest_queue_s: float
    """Age of the call that waits longest."""
    restarts: int
    """Zygotes that were lost and replaced."""
    started: float
    """Seconds since the epoch."""
    outcomes: dict[str, int]
    """Calls so far, by status."""
    wall: Percentiles
    """Of the programs' own time."""
    total: Percentiles
    """Of the time from asking to answering."""
    failures: list[Failure]
    """The latest, newest first."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `as_dict` gave. Raises TypeError."""
        times = {name: Percentiles(**values[name]) for name in ("wall", "total")}
        return cls(**{**values, **times, "failures": [Failure(**each) for each in values["failures"]]})


class SandboxRefusedError(RuntimeError):
    """No isolation could be proven on this machine; the message says which layer is missing and how to get it."""


class Executor(Protocol):
    """Runs calls, wherever: on this machine or on many. All methods may be called from any thread."""

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        """The result to come; of the service's failures too, so that the future itself never fails."""

    def run(self, calls: Iterable[Call]) -> Iterator[ExecutionResult]:
        """Results as they come, each call's once."""

    def status(self) -> SandboxStatus:
        """The service as it is now."""

    def close(self) -> None:
        """Give up what is running and end."""
