"""What isolations and outcomes are called on pages."""

from typing import NamedTuple

from training.sandbox.types import Status


class Words(NamedTuple):
    """A name and a sentence."""

    name: str
    meaning: str


TIERS = {
    "ns-root": Words(
        "Namespaces, set up by root",
        "Each call has a file system, process tree and user of its own and no network, in namespaces that root's power "
        "built before it was given up; system calls are filtered.",
    ),
    "ns-user": Words(
        "Namespaces, without root",
        "Each call has a file system and process tree of its own and no network, in namespaces of an ordinary user; "
        "system calls are filtered.",
    ),
    "ll-root": Words(
        "Landlock, set up by root",
        "Without namespaces: Landlock closes all files but Python's, system calls are filtered, each call is a user of "
        "its own. No network; programs write no files.",
    ),
    "ll-user": Words(
        "Landlock, without root",
        "Without namespaces: Landlock closes all files but Python's, system calls are filtered. No network; programs "
        "write no files and start no processes.",
    ),
}
"""By the names of ``training.sandbox.tiers``."""


class Outcome(NamedTuple):
    """How a call's end is shown."""

    sign: str
    name: str
    tone: str
    meaning: str


OUTCOMES: dict[Status, Outcome] = {
    "ok": Outcome("✓", "ok", "good", "It ran to its end with exit code 0."),
    "error": Outcome("✗", "error", "bad", "An exception, or another exit code, ended it."),
    "timeout": Outcome("◷", "out of time", "warn", "It ran longer than it may by the clock, and was ended."),
    "cpu_limit": Outcome("◷", "out of CPU time", "warn", "It used more processor time than it may, and was ended."),
    "output_limit": Outcome("≡", "too much output", "warn", "It wrote far more than is kept, and was ended."),
    "killed": Outcome("†", "killed", "warn", "A signal ended it, such as a crash of the interpreter."),
    "queue_timeout": Outcome("⚠", "never ran", "bad", "It waited too long for a free slot: the service's fault."),
    "sandbox_error": Outcome(
        "⚠", "not isolated", "bad", "It could not be confined, so it never ran: the service's fault."
    ),
    "sandbox_died": Outcome("⚠", "lost", "bad", "The process that ran it was lost: the service's fault."),
}
