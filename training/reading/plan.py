"""Which column becomes what, and which rows are held out; with a proposal from what the columns look like."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from training.reading.columns import Column

AnswerRule = Literal["plain", "marked", "after"]
SolutionRule = Literal["any", "required", "numbered"]
SplitMode = Literal["share", "column", "train", "heldout"]

SPLIT_NAMES = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["heldout", "held-out", "held_out", "test", "testing"], "heldout"),
    **dict.fromkeys(["val", "valid", "validation", "dev", "eval", "evaluation"], "heldout"),
}
"""Which split the values of a split column mean."""

_PROMPTS = ("prompt", "problem", "question", "query", "instruction", "input", "messages", "conversations", "text")
_ANSWERS = ("ground_truth", "final_answer", "expected_answer", "answer", "target", "label", "gold", "reference")
_SOLUTIONS = (
    "solution",
    "rationale",
    "reasoning",
    "explanation",
    "generated_solution",
    "response",
    "completion",
    "output",
    "deepseek_attempt",
    "gemini_attempt",
    "attempt",
    "trajectory",
)
_LEVELS = ("level", "difficulty")
_TEST_NAME = re.compile(r"(?<![a-z])(test|val|valid|validation|dev|eval|heldout)(?![a-z])")
_CHATS = ("messages", "conversations")
_TRANSCRIPTS = (*_CHATS, "trajectory", "transcript", "turns", "chat", "history", "trace")


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """How rows become problems. Columns are dotted paths; an empty one means that there is none.

    Attributes:
        answer_rule: ``plain`` (as it stands), ``marked`` (last box, tags or ``####``), ``after`` (``answer_marker``).
        keep_unanswered: take rows without an answer, to be learned from and not to be checked; else they are refused.
        turns: a transcript of an agent, a demonstration in turns instead of ``solution``.
        solution_rule: refuse rows without a solution (``required``), or whose solution is not steps numbered like
            ``1. **Title**`` (``numbered``).
        strip_calculator: remove calculator marks such as ``<<48/2=24>>`` from solutions.
        split_mode: ``share`` (held out by a hash of the prompt), ``column``, or all ``train``, or all ``heldout``.
        heldout_share: share of the prompts held out, in [0, 1); for ``share``.
    """

    prompt: str
    answer: str
    answer_rule: AnswerRule = "plain"
    answer_marker: str = "####"
    keep_unanswered: bool = False
    solution: str = ""
    solution_rule: SolutionRule = "any"
    turns: str = ""
    level: str = ""
    strip_calculator: bool = True
    split_mode: SplitMode = "share"
    split: str = ""
    heldout_share: float = 0.1

    @property
    def is_usable(self) -> bool:
        """Whether it says enough to make problems: a prompt, and something to check or to learn from."""
        return bool(self.prompt and (self.answer or (self.keep_unanswered and (self.solution or self.turns))))

    def as_json(self) -> dict[str, Any]:
        """For storage; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "ImportPlan":
        """The plan that `as_json` stored; names it does not know are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})


def propose(columns: Sequence[Column], name: str = "") -> ImportPlan:
    """The most likely plan; ``prompt`` or ``answer`` is empty where no column looks like one.

    A file whose ``name`` says test or validation is held out as a whole.
    """
    transcript = _best(columns, _TRANSCRIPTS, lambda column: column.kind == "transcript")
    prompt = _best(columns, _PROMPTS, lambda column: column.kind in {"text", "chat"}) or transcript
    rest = [column for column in columns if column.path != prompt or column.path in _CHATS]
    split = _best(rest, ("split",), lambda column: bool(column.values) and column.values <= _split_values(column))
    plan = ImportPlan(
        prompt=prompt,
        answer="",
        level=_best(rest, _LEVELS, lambda column: column.length <= 40 and column.kind not in {"empty", "list"}),
        split_mode="column" if split else "heldout" if _TEST_NAME.search(name.lower()) else "share",
        split=split,
    )
    if transcript:
        return replace(plan, answer=_answer(rest), keep_unanswered=True, turns=transcript)
    steps = _best(rest, _SOLUTIONS, lambda column: column.numbered > 0.5)
    return _with_steps(plan, steps, rest) if steps else _with_solution(plan, rest)


def _with_steps(plan: ImportPlan, steps: str, columns: Sequence[Column]) -> ImportPlan:
    """For solutions in numbered steps; an answer is in a column of its own, or marked in them."""
    others = [column for column in columns if column.path != steps]
    marked = steps if _is_marked(_column(columns, steps)) else ""
    answer = _answer(others) or marked or _best(others, ("solution",), lambda column: column.kind != "empty")
    rule: AnswerRule = "marked" if answer and _is_marked(_column(columns, answer)) else "plain"
    return replace(
        plan, answer=answer, answer_rule=rule, keep_unanswered=True, solution=steps, solution_rule="numbered"
    )


def _with_solution(plan: ImportPlan, columns: Sequence[Column]) -> ImportPlan:
    """For a worked solution of any form, or none; the answer may be marked in it."""
    solution = _best(columns, _SOLUTIONS, lambda column: column.kind == "text" and column.length > 20)
    answer = _answer(columns)
    if not solution:
        worked = answer if answer and _is_marked(_column(columns, answer)) else ""
        solution = worked or (plan.prompt if plan.prompt in _CHATS else "")
    answer = answer or solution
    rule: AnswerRule = "marked" if answer and _is_marked(_column(columns, answer)) else "plain"
    return replace(plan, answer=answer, answer_rule=rule, solution=solution)


def _answer(columns: Sequence[Column]) -> str:
    return _best(columns, _ANSWERS, lambda column: column.kind not in {"empty", "chat", "transcript", "other"})


def _best(columns: Sequence[Column], names: Sequence[str], fits: Callable[[Column], bool]) -> str:
    """The path of the fitting column whose last name stands first in ``names``, the shallower of two; empty when two
    are equally good: then a person must choose.
    """
    found = sorted(
        (names.index(name), column.path.count("."), column.path)
        for column in columns
        if (name := column.path.rpartition(".")[2].lower()) in names and column.filled > 0 and fits(column)
    )
    tied = len(found) > 1 and found[0][:2] == found[1][:2]
    return found[0][2] if found and not tied else ""


def _column(columns: Sequence[Column], path: str) -> Column:
    return next(column for column in columns if column.path == path)


def _is_marked(column: Column) -> bool:
    """Whether the column holds worked text that marks its answer, rather than the answer itself."""
    return column.kind == "chat" or (column.kind == "text" and column.marked > 0.5)


def _split_values(column: Column) -> frozenset[str]:
    return frozenset(value for value in column.values if value.lower() in SPLIT_NAMES)
