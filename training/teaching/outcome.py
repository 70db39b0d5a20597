"""Makes the new problem set of a teaching's lines: solved problems with their solutions, and held-out ones."""

from collections.abc import Iterable, Iterator

from training.problems.types import Problem
from training.teaching.figures import Short, chosen
from training.teaching.lines import Line, Written, written_of


def solved_problems(lines: Iterable[Line]) -> Iterator[Problem]:
    """The problems that got a solution, in the order in which they were asked, then those taken along.

    With several solutions a problem comes several times, its further ids ending in ``-2`` and so on. ``meta`` tells
    the teacher and, of a solution written again, the rewriter.
    """
    head: Line = {}
    asked: dict[int, Line] = {}
    along: list[Line] = []
    answers: dict[int, dict[int, Written]] = {}
    rewrites: dict[int, dict[int, Written]] = {}
    for line in lines:
        if line["kind"] == "head":
            head = line
        elif line["kind"] == "problem":
            asked[line["problem"]] = line
        elif line["kind"] == "along":
            along.append(line)
        elif written := written_of(line):
            place = answers if written.kind == "answer" else rewrites
            place.setdefault(written.problem, {})[written.sample] = written
    for number in sorted(asked):
        of = answers.get(number, {})
        taken = chosen({sample: Short.of(each) for sample, each in of.items()}, head["keep"])
        if head["rewrites"]:
            again = rewrites.get(number, {})
            solutions = [again[sample] for sample in taken if sample in again and not again[sample].refused]
        else:
            solutions = [of[sample] for sample in taken]
        for count, solution in enumerate(solutions, start=1):
            yield _problem(asked[number], head, solution.text.strip(), count)
    yield from (_problem(line, {}, None, 1) for line in along)


def _problem(line: Line, head: Line, solution: str | None, count: int) -> Problem:
    meta = {name: head[name] for name in ("teacher", "rewriter") if head.get(name)}
    suffix = f"-{count}" if count > 1 else ""
    return Problem(line["id"] + suffix, line["prompt"], line["answer"], solution, line["split"], line["level"], meta)
