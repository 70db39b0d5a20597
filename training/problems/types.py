"""A problem with a checkable answer, and its storage as JSON Lines.

Every method trains on a list of `Problem`; every source (built-in generators, imported files) writes this one shape.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

Split = Literal["train", "heldout"]

SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class DemonstratedTurn:
    """What the model, or a tool it called, says in a demonstration."""

    role: Literal["model", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One question for the model.

    Attributes:
        id: unique within its set.
        prompt: the user's question as plain text, without chat template.
        answer: the reference answer as text, for the verifier.
        solution: a worked solution that ends in the answer, or None when there is none.
        split: "train" or "heldout"; held-out problems are never trained on.
        level: difficulty label of the source, for example "middle".
        meta: further facts about the problem, text to text.
        turns: a solution of several turns in place of `solution`: the model's, with what tools said in between.
    """

    id: str
    prompt: str
    answer: str
    solution: str | None
    split: Split
    level: str
    meta: dict[str, str] = field(default_factory=dict)
    turns: tuple[DemonstratedTurn, ...] = ()


class ProblemFileError(ValueError):
    """A problem file that cannot be read; the message names the file, the line and what to change."""


def write_problems(path: Path | str, problems: Iterable[Problem]) -> int:
    """Write one JSON object a line, in the given order; return how many were written."""
    count = 0
    with Path(path).open("w", encoding="utf-8") as file:
        for problem in problems:
            file.write(json.dumps(asdict(problem), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_problems(path: Path | str) -> list[Problem]:
    """Read problems in file order; blank lines are skipped.

    Raises:
        ProblemFileError: a line is no JSON object, lacks a field, has an unknown field or one of the wrong type,
            or repeats an id.
        FileNotFoundError: there is no such file.
    """
    problems: list[Problem] = []
    line_of_id: dict[str, int] = {}
    with Path(path).open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                problem = _parse(raw)
                if problem.id in line_of_id:
                    raise ValueError(f"id {problem.id!r} was already used on line {line_of_id[problem.id]}")
            except ValueError as error:
                raise ProblemFileError(f"{path}, line {number}: {error}") from error
            line_of_id[problem.id] = number
            problems.append(problem)
    return problems


def _parse(raw: bytes) -> Problem:
    try:
        record: Any = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start}); save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno}); expected one object a line") from error
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, got {type(record).__name__}")
    _check_fields(record)
    turns = tuple(DemonstratedTurn(**turn) for turn in record.pop("turns", ()))
    return Problem(**{"solution": None, **record}, turns=turns)


def _check_fields(record: Mapping[str, Any]) -> None:
    required = ("id", "prompt", "answer", "split", "level")
    missing = [name for name in required if name not in record]
    if missing:
        raise ValueError(f"missing {', '.join(missing)}; every problem needs {', '.join(required)}")
    unknown = sorted(set(record) - {*required, "solution", "meta", "turns"})
    if unknown:
        raise ValueError(f"unknown field {', '.join(unknown)}; put extra facts into meta")
    for name in required:
        if not isinstance(record[name], str):
            raise ValueError(f"{name} must be text, got {type(record[name]).__name__}")
    if record["split"] not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {record['split']!r}")
    if not isinstance(record.get("solution"), str | None):
        raise ValueError(f"solution must be text or null, got {type(record['solution']).__name__}")
    meta = record.get("meta", {})
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise ValueError("meta must be an object of texts")
    _check_turns(record.get("turns", []))


def _check_turns(turns: Any) -> None:
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and set(turn) == {"role", "text"} and isinstance(turn["text"], str) for turn in turns
    ):
        raise ValueError("turns must be a list of objects with role and text")
    roles = [turn["role"] for turn in turns]
    if any(role not in ("model", "tool") for role in roles):
        raise ValueError("the role of a turn must be model or tool")
    if turns and (roles[0] != "model" or roles[-1] != "model" or ("model", "model") in pairwise(roles)):
        raise ValueError("turns must begin and end with the model's, and tools must speak between two of them")
