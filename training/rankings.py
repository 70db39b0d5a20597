"""Files of rankings: what people said of responses, as reward models and DPO learn from it.

A file is JSONL; each line is one label, with ``prompt``, ``responses``, and ``ranks`` (lower is better, equal ranks
tie). What a labeling project exports as `rankings` is such a file; other keys are ignored.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.algorithms.preferences import Ranking
from training.errors import InputError

MARGINS = {1: 1.0, 2: 1 / 3, 4: 1 / 3, 5: 1.0}
"""By point of the scale of five: clearly 1, slightly a third (Llama 2, arXiv 2307.09288, the small margins)."""


class RankingRow(BaseModel):
    """One label: how an annotator ranked the responses to a prompt."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    prompt: str = Field(min_length=1)
    responses: list[Annotated[str, Field(min_length=1)]] = Field(min_length=2)
    ranks: list[float]
    choice: int | None = Field(default=None, ge=1, le=5)
    """Of a choice between two: 1 the first is clearly better, 3 a tie, 5 the second is."""
    annotator: str = ""
    kind: Literal["label", "adjudicated", "repeat"] = "label"
    meta: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_rank_a_response(self) -> Self:
        if len(self.ranks) != len(self.responses):
            raise ValueError(f"{len(self.ranks)} ranks for {len(self.responses)} responses")
        return self

    def ranking(self, margins: bool = False) -> Ranking:
        """For the loss; with `margins`, a clear preference asks for a larger difference than a slight one."""
        margin = MARGINS.get(self.choice or 0) if margins and len(self.ranks) == 2 else None
        if margin is None or self.ranks[0] == self.ranks[1]:
            return Ranking(self.ranks)
        better = 0 if self.ranks[0] < self.ranks[1] else 1
        return Ranking(self.ranks, {(better, 1 - better): margin})

    @property
    def item(self) -> tuple[str, ...]:
        """What labels of the same prompt and responses have in common."""
        return (self.prompt, *self.responses)

    @property
    def project(self) -> str:
        """Short name of the labeling project it was given in; empty where the file does not say."""
        name = self.meta.get("project")
        return name if isinstance(name, str) else ""

    @property
    def item_number(self) -> int | None:
        """Number of the item in its project; None where the file does not say."""
        number = self.meta.get("item")
        return number if self.project and type(number) is int and number > 0 else None


@dataclass(frozen=True, slots=True)
class Rankings:
    """Labels to learn from and labels to be held to; no prompt is in both."""

    train: list[RankingRow]
    heldout: list[RankingRow]
    left_out: int
    """Repeats, and labels that an adjudicated one stands for."""


def load_rankings(path: Path, heldout_share: float, seed: int) -> Rankings:
    """Read and split a file. Raises InputError, with the line, for what is no ranking, and when nothing is left."""
    rankings = split_rankings(list(read_rankings(path)), heldout_share, seed)
    if not rankings.train and not rankings.heldout:
        raise InputError(f"{path} holds no rankings to learn from")
    return rankings


def split_rankings(rows: Sequence[RankingRow], heldout_share: float, seed: int) -> Rankings:
    """The labels that count, in two halves.

    The hash of a prompt and the seed decide where it goes, so that more labels leave the others where they are.
    """
    adjudicated = {row.item for row in rows if row.kind == "adjudicated"}
    standing = [
        row for row in rows if row.kind == "adjudicated" or (row.kind == "label" and row.item not in adjudicated)
    ]
    heldout = [_share(row.prompt, seed) < heldout_share for row in standing]
    return Rankings(
        [row for row, held in zip(standing, heldout, strict=True) if not held],
        [row for row, held in zip(standing, heldout, strict=True) if held],
        len(rows) - len(standing),
    )


def read_rankings(path: Path) -> Iterable[RankingRow]:
    """The labels of a file, one after another. Raises InputError for the first line that is none."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the rankings in {path}: {error}") from error


def _row(line: str, where: str) -> RankingRow:
    try:
        return RankingRow.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: this is no JSON ({error.msg})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {place + ': ' if place else ''}{first['msg']}") from error


def _share(prompt: str, seed: int) -> float:
    """A number in [0, 1) that stands for the prompt."""
    digest = hashlib.blake2b(f"{seed}\n{prompt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
