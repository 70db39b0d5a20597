"""Says in words why a trainer ended: its exit code or signal, and the last it wrote."""

import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from training.launch import LOST

LAST_LINES = 40
LAST_BYTES = 8_192
BAD_INPUT = 2
"""Exit code of a trainer whose config, model or problems have to be put right."""
OUT_OF_MEMORY = 3
"""Exit code of a trainer that ran out of memory and could still say so."""
NEARLY_FULL = 0.9
"""Share of the machine's memory in use just before, at which a killed trainer was most likely killed for it."""
SIGNAL_BASE = 128
"""A trainer of several processes exits with this plus the number of the signal that killed one of them."""
VMSTAT = Path("/proc/vmstat")
_LOST = re.compile(LOST.format(rank=r"(?P<rank>\d+)", count=r"(?P<count>\d+)"))
"""How a launcher says which of several processes failed."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of process is called, what helps it where memory is short, and how its work goes on."""

    who: str
    smaller: str
    again: str


TRAINER = Words(
    "The trainer",
    "Smaller batches (optimisation.micro_batch_tokens, method.sampling.max_rows) need less",
    "the run can be resumed from its last checkpoint.",
)
GENERATION = Words(
    "The process of the models", "A smaller model or max_tokens needs less", "going on keeps what it has."
)
CHAT = replace(GENERATION, again="the question can be asked again.")


def explain(code: int, log: Path, begin: int, out_of_memory: bool, words: Words = TRAINER) -> str:
    """What happened to a process that ended with `code`. `begin` is where its part of the log starts, in bytes."""
    lines = _last_lines(log, begin)
    if lines and (lost := _LOST.fullmatch(lines[-1])):  # a launcher's last word
        lines.pop()
        words = replace(words, who=f"Rank {lost['rank']} of the {lost['count']} processes of the run")
    if code in {BAD_INPUT, OUT_OF_MEMORY}:
        errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        if errors:
            return "\n".join(lines[errors[-1] :]).removeprefix("error: ")
    error = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
    return "\n\n".join(filter(None, [_exit_words(code, out_of_memory, words, error), "\n".join(lines)]))


def for_memory(code: int, kernel_killed: bool, fullest: float) -> bool:
    """Whether an exit code of a trainer means that memory ran out.

    ``kernel_killed``: the machine's kernel killed something for want of memory meanwhile; ``fullest``: share of the
    machine's memory in use at the last looks.
    """
    killed = abs(code) % SIGNAL_BASE == signal.SIGKILL and not 0 < code < SIGNAL_BASE
    return code == OUT_OF_MEMORY or (killed and (kernel_killed or fullest >= NEARLY_FULL))


def kernel_kills() -> int:
    """How often this machine's kernel has killed a process for want of memory since it started; 0 where unknown."""
    try:
        counts = dict(line.split() for line in VMSTAT.read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0


def _exit_words(code: int, out_of_memory: bool, words: Words, error: str) -> str:
    """``error`` is what the process itself said of its failure, where it said something."""
    if code == 0:
        return f"{words.who} exited without saying that it was done."
    if 0 < code < SIGNAL_BASE:
        return f"{words.who} failed (exit code {code}){f': {error}' if error else '. Its last words:'}"
    number = abs(code) % SIGNAL_BASE
    name = next((each.name for each in signal.Signals if each == number), "unknown")
    killed = f"{words.who} was killed by signal {number} ({name})"
    if number != signal.SIGKILL:
        return f"{killed}."
    if out_of_memory:
        return f"{killed}: the machine ran out of memory. {words.smaller}; {words.again}"
    return f"{killed} (out of memory? or somebody killed it). {words.again[:1].upper()}{words.again[1:]}"


def _last_lines(log: Path, begin: int) -> list[str]:
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(begin, size - LAST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    # A progress bar draws over itself; only what it showed last counts.
    lines = [line.rsplit("\r", 1)[-1].rstrip().replace("\x00", "\ufffd") for line in text.splitlines() if line.strip()]
    return lines[-LAST_LINES:]
