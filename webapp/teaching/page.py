"""What the page of a teaching shows: its figures, its latest solutions and refused answers, the end of its log."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from training.config.teach import EndpointTeacher, TeachConfig, name_of, problems_name
from training.teaching.lines import REFUSALS, Line, Written, shown_reason, written_of
from webapp.runs.logfile import lines_before, size_of
from webapp.teaching.models import TeachingJob

SHOWN = 5
"""Examples of each kind."""
TAIL_BYTES = 512 << 10
MOST_OPENING_BYTES = 16 << 20
"""Of the file's opening, which holds the prompts; those of later problems are not looked up."""
LOG_LINES = 60
LOG_FILE = "log.txt"


@dataclass(frozen=True, slots=True)
class Example:
    """An answer or rewrite as it was written, its problem, and why it was refused (empty when it was kept)."""

    written: Written
    prompt: str
    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """A teaching, for its page."""

    job: TeachingJob

    @property
    def config(self) -> TeachConfig:
        return self.job.parsed

    @property
    def teacher(self) -> str:
        return name_of(self.config.teacher)

    @property
    def rewriter(self) -> str:
        return name_of(self.config.rewriter) if self.config.rewriter else ""

    @property
    def problems(self) -> str:
        return problems_name(self.config.problems)

    @property
    def refusals(self) -> list[tuple[str, int]]:
        """Why answers and rewrites were refused, with their numbers, the most frequent first."""
        told = self.job.report
        groups = [told.get("refused", {}), told.get("rewrites_refused", {})]
        found = [(REFUSALS.get(name, name), count) for group in groups for name, count in group.items()]
        return sorted(found, key=lambda pair: -pair[1])

    @property
    def rewritten(self) -> int:
        """Solutions that the rewriter has come back with, refused ones too."""
        told = self.job.report
        refused: dict[str, int] = told.get("rewrites_refused", {})
        return int(told.get("rewritten", 0)) + sum(refused.values())

    @property
    def has_no_price(self) -> bool:
        """Whether an endpoint is asked of which no price was given."""
        endpoints = [each for each in (self.config.teacher, self.config.rewriter) if isinstance(each, EndpointTeacher)]
        return any(not each.price_in and not each.price_out for each in endpoints)

    @property
    def log(self) -> str:
        """The last lines of the process that asks."""
        path = self.job.folder / LOG_FILE
        return "\n".join(lines_before(path, size_of(path)).text.splitlines()[-LOG_LINES:])

    @property
    def version(self) -> str:
        """Changes with whatever the page shows."""
        files = (self.job.lines_file, self.job.folder / LOG_FILE)
        sizes = [path.stat().st_size if path.exists() else 0 for path in files]
        silent = self.job.state == "running" and self.job.is_silent
        return "-".join(map(str, [self.job.state, self.job.stop_requested, silent, self.job.attempt, *sizes]))

    def examples(self) -> tuple[list[Example], list[Example]]:
        """The latest that were kept, and the latest that were refused, newest first."""
        latest = list(_latest(self.job.lines_file))
        final = "rewrite" if self.config.rewriter else "answer"
        kept = list(islice((each for each in latest if not each.refused and each.kind == final), SHOWN))
        refused = list(islice((each for each in latest if each.refused), SHOWN))
        asked = _problem_lines(self.job.lines_file, {each.problem for each in (*kept, *refused)})
        return [_example(each, asked) for each in kept], [_example(each, asked) for each in refused]


def _example(written: Written, asked: dict[int, Line]) -> Example:
    line = asked.get(written.problem, {})
    prompt = line.get("prompt", f"Problem {written.problem + 1}")
    return Example(written, prompt, line.get("answer", ""), shown_reason(written))


def _latest(path: Path) -> Iterator[Written]:
    """Answers and rewrites from the end of the file, newest first."""
    if not path.exists():
        return
    with path.open("rb") as file:
        begin = max(path.stat().st_size - TAIL_BYTES, 0)
        file.seek(begin)
        lines = file.read().split(b"\n")
    for raw in reversed(lines[bool(begin) : -1]):  # the first may be a part of one, the last is unfinished or empty
        if written := written_of(json.loads(raw)):
            yield written


def _problem_lines(path: Path, numbers: Iterable[int]) -> dict[int, Line]:
    """The opening's lines of these problems, which stand there in order."""
    wanted, found = set(numbers), {}
    if not wanted:
        return {}
    with path.open("rb") as file:
        for place, raw in enumerate(file):
            if place - 1 in wanted:
                found[place - 1] = json.loads(raw)
            if place > max(wanted) or file.tell() > MOST_OPENING_BYTES:
                break
    return found
