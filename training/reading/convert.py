"""Makes problems of rows: accepted, refused with a reason, or repeated; without leakage between the splits.

Two prompts that are the same but for case and white space are one problem. It belongs to one split: where the rows
disagree, it is held out. The share that is held out is chosen by a hash of the prompt, so the same file always splits
the same way, and a problem keeps its split when rows around it come and go.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.problems.types import DemonstratedTurn
from training.reading import cells
from training.reading.cells import CellError
from training.reading.columns import lookup, printable
from training.reading.files import Row, Source, read_rows
from training.reading.plan import SPLIT_NAMES, ImportPlan
from training.reading.transcripts import transcript_of
from training.rewards.compare import compare, shorten
from training.rewards.extract import extract

RAW_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row that became a problem.

    ``split`` is train or heldout; ``solution`` and ``level`` may be empty, and ``answer`` where the plan lets it;
    ``note`` says what is odd, or nothing; ``turns`` are a transcript instead of a solution.
    """

    source: str
    row: int
    prompt: str
    answer: str
    solution: str
    split: str
    level: str
    note: str
    turns: tuple[DemonstratedTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used, why, and its text (shortened)."""

    source: str
    row: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """A row that asks what another one asks; ``leaked`` when that one is held out and this one was to be trained on."""

    source: str
    row: int
    leaked: bool


Outcome = Accepted | Refused | Repeated


def convert(sources: Sequence[Source], plan: ImportPlan) -> Iterator[Outcome]:
    """One outcome for every row, held-out files first. Raises UnreadableFileError for a file that makes no sense."""
    ordered = sorted(sources, key=lambda source: source.role != "heldout")
    return _Converter(plan, _heldout_prompts(ordered, plan)).run(ordered)


class _Converter:
    def __init__(self, plan: ImportPlan, heldout: frozenset[bytes]) -> None:
        self.plan = plan
        self.heldout = heldout
        self.seen: dict[bytes, tuple[int, str, str]] = {}

    def run(self, sources: Sequence[Source]) -> Iterator[Outcome]:
        for source in sources:
            for row in read_rows(source):
                try:
                    yield self.one(source, row)
                except CellError as error:
                    yield Refused(source.name, row.number, str(error), printable(row.shown(RAW_CHARS)))

    def one(self, source: Source, row: Row) -> Outcome:
        if row.error:
            raise CellError(row.error)
        plan, values = self.plan, row.values
        prompt, turns = _asked(values, plan)
        if not prompt:
            raise CellError("no prompt")
        answer = _answer(values, plan)
        solution = "" if turns else _solution(values, plan)
        if not answer and not solution and not turns:
            raise CellError("neither an answer nor a worked solution")
        level = cells.level_of(lookup(values, plan.level)) if plan.level else ""
        key = _key(prompt)
        split = split_of(source, plan, row, key)
        first, known, kept = self.seen.get(key, (0, "", "heldout" if key in self.heldout else split))
        if split == "train" and kept == "heldout":
            return Repeated(source.name, row.number, leaked=True)
        if first:
            _check_agreement(answer, known, first)
            return Repeated(source.name, row.number, leaked=False)
        self.seen[key] = (row.number, answer, split)
        note = _note(solution, answer) if answer else ""
        return Accepted(source.name, row.number, prompt, answer, solution, split, level, note, turns)


def _asked(values: Mapping[str, Any], plan: ImportPlan) -> tuple[str, tuple[DemonstratedTurn, ...]]:
    """The prompt, and the turns of a transcript where there is one, which may begin with the prompt."""
    if not plan.turns:
        return cells.prompt_of(lookup(values, plan.prompt)), ()
    asked, turns = transcript_of(lookup(values, plan.turns))
    return (asked if plan.prompt == plan.turns else cells.prompt_of(lookup(values, plan.prompt))), turns


def _answer(values: Mapping[str, Any], plan: ImportPlan) -> str:
    """The answer; empty where there is none and the plan lets that pass."""
    if not plan.answer:
        return ""
    try:
        return cells.answer_of(lookup(values, plan.answer), plan.answer_rule, plan.answer_marker)
    except CellError:
        if plan.keep_unanswered:
            return ""
        raise


def _solution(values: Mapping[str, Any], plan: ImportPlan) -> str:
    """The worked solution, as the plan wants it."""
    solution = cells.solution_of(lookup(values, plan.solution), plan.strip_calculator) if plan.solution else ""
    if plan.solution_rule != "any" and not solution:
        raise CellError("no worked solution")
    if plan.solution_rule == "numbered":
        cells.numbered_steps(solution)
    return solution


def _note(solution: str, answer: str) -> str:
    """Whether the solution marks another answer than the reference, as far as plain text can tell."""
    marked = extract(solution)
    judgement = compare(marked.text, answer) if marked else None
    if marked and judgement and judgement.correct is False:
        return f"the solution ends in {shorten(marked.text)}, the answer is {shorten(answer)}"
    return ""


def _check_agreement(answer: str, known: str, first: int) -> None:
    same = compare(answer, known)
    if answer and known and answer != known and (same is None or not same.correct):
        raise CellError(f"asks the same as row {first}, but its answer is {answer[:60]!r}, not {known[:60]!r}")


def split_of(source: Source, plan: ImportPlan, row: Row, key: bytes) -> str:
    """The split that file and plan give a row. Raises CellError for a split column that does not say."""
    if source.role == "heldout":
        return "heldout"
    if plan.split_mode == "column":
        value = cells.text_of(lookup(row.values, plan.split), "split")
        if value.lower() not in SPLIT_NAMES:
            raise CellError(f"the split {value!r} is neither train nor one of test, validation, heldout")
        return SPLIT_NAMES[value.lower()]
    if plan.split_mode == "share":
        return "heldout" if int.from_bytes(key[:8], "big") < plan.heldout_share * 2**64 else "train"
    return plan.split_mode


def _heldout_prompts(sources: Sequence[Source], plan: ImportPlan) -> frozenset[bytes]:
    """Prompts that a split column holds out anywhere, so that an earlier train row cannot leak them."""
    if plan.split_mode != "column":
        return frozenset()
    found = set()
    for source in sources:
        for row in read_rows(source):
            try:
                key = _key(_asked(row.values, plan)[0])
                if split_of(source, plan, row, key) == "heldout":
                    found.add(key)
            except CellError:
                continue
    return frozenset(found)


def _key(prompt: str) -> bytes:
    return hashlib.sha256(b"espalier-split:" + cells.normalised(prompt).encode()).digest()[:16]
