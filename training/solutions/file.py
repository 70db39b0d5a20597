"""The file through which a worker tells a trainer what other runs have found, and what no longer counts.

Only the worker writes it, and only at its end; the trainer reads what is new at each step. Of several lines about one
solution the last holds: one that was withdrawn may be given again.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from training.whole_lines import cut_unfinished_line

logger = logging.getLogger(__name__)

SOLUTIONS_FILE = "solutions.jsonl"
"""Its name in the run's folder."""


class SolutionLine(BaseModel):
    """A solution to use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["solution"] = "solution"
    problem: str
    """``problem_key``"""
    key: str
    """``solution_key``"""
    text: str
    token_ids: list[int]
    """With the end token."""
    logprobs: str
    """float32 base64, little-endian: under the policy that sampled it."""
    tokenizer: str
    """Digest of the tokenizer that the ids are of."""
    verifier: str
    """Version of the verifier that last found it right."""


class InvalidLine(BaseModel):
    """A solution to use no more, whether or not the file gave it before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["invalid"] = "invalid"
    problem: str
    key: str
    reason: str


Line = Annotated[SolutionLine | InvalidLine, Field(discriminator="kind")]
_LINE: TypeAdapter[SolutionLine | InvalidLine] = TypeAdapter(Line)


def append_lines(path: Path, lines: Iterable[SolutionLine | InvalidLine]) -> None:
    """Add whole lines and have them on disk before this returns. What a killed writer left unfinished is cut off."""
    with path.open("ab+") as file:
        cut_unfinished_line(path, file)
        file.writelines(line.model_dump_json().encode() + b"\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def read_new(path: Path, offset: int = 0) -> tuple[list[SolutionLine | InvalidLine], int]:
    """The whole lines from `offset` on, and where to go on next time. A line without its end is left for later.

    No file is an empty one; a file shorter than `offset` is another one, and is read from its start.
    """
    lines: list[SolutionLine | InvalidLine] = []
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return lines, 0
    with file:
        if os.fstat(file.fileno()).st_size < offset:
            offset = 0
        file.seek(offset)
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            offset += len(raw)
            try:
                lines.append(_LINE.validate_json(raw))
            except ValidationError as error:
                logger.warning("%s: a line before byte %s cannot be read: %s", path, offset, error.errors()[0]["msg"])
    return lines, offset
