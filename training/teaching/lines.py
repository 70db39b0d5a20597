"""The lines of a teaching's file, one JSON object each: how it began, each problem, each answer, each rewrite."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Line = dict[str, Any]
Refusal = Literal[
    "", "failed", "empty", "cut_off", "wrong", "no_verdict", "too_short", "too_long", "repetitive", "mixed_scripts",
    "format", "answer_lost",
]  # fmt: skip
"""Why an answer or a rewrite is not kept; empty when it is."""

WrittenKind = Literal["answer", "rewrite"]

REFUSALS: Mapping[str, str] = {
    "failed": "No answer came",
    "empty": "The answer is empty",
    "cut_off": "Cut off at the longest length",
    "wrong": "Wrong",
    "no_verdict": "The verifier could not tell",
    "too_short": "Too short",
    "too_long": "Too long",
    "repetitive": "Repeats itself",
    "mixed_scripts": "Mixes scripts",
    "format": "Not in numbered steps",
    "answer_lost": "The rewrite lost the answer",
}
"""In words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a teacher said to one question.

    Attributes:
        text: empty where no answer came.
        ended: whether it came to its end by itself; False where it was cut off.
        tokens_in, tokens_out: as the teacher counts; None where an endpoint did not tell.
        failed: why no answer came, in words; empty when one did.
    """

    text: str = ""
    ended: bool = True
    tokens_in: int | None = None
    tokens_out: int | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer (``kind`` answer) or a rewritten one (``kind`` rewrite), with what became of it.

    ``problem`` counts problems and ``sample`` the answers to one, from 0. ``cost`` is in dollars. ``reason`` says more
    of the refusal, or what the verifier says.
    """

    kind: WrittenKind
    problem: int
    sample: int
    text: str
    correct: bool | None
    refused: Refusal
    reason: str
    tokens_in: int | None
    tokens_out: int | None
    cost: float

    def as_line(self) -> Line:
        return asdict(self)


def problems_file(out: Path) -> Path:
    """Where the problem set that a teaching's file makes stands once it is done."""
    return out.with_suffix(".problems.jsonl")


def storable(text: str) -> str:
    """The text with what no file or database can hold replaced."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def written_of(line: Line) -> Written | None:
    """The answer or rewrite that a line holds; None for another line."""
    return Written(**line) if line.get("kind") in ("answer", "rewrite") else None


def shown_reason(written: Written) -> str:
    """Why it was refused, in words."""
    words = REFUSALS.get(written.refused, "")
    return f"{words}: {written.reason}" if words and written.reason else words
