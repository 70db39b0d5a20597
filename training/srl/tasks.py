"""What a model is asked for: one step of an expert's solution or the whole of it, in the form that is wanted.

Either the model is told what to do and thinks before it acts (`asked`), or the expert's text so far is put into its
mouth and it goes on (`continued`). How its response is then read says `training.srl.reading`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.config import SrlMethod, StepsConfig
from training.problems.types import DemonstratedTurn, Problem
from training.srl.instances import Instance, Refused, instances_of
from training.srl.steps import CALL, RefusedError, Step, steps_of

SOLVE = (
    "Solve the problem. First think inside <think> </think>, as long and as casually as you like, until you are sure. "
    "Then give the whole solution."
)
"""Asked for where whole solutions are compared."""

THINK = "<think>"
_CLOSING = re.compile(r"[ \t]*</(?:think|answer)>")
"""A mark that ends with the step before it belongs to that step."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to be predicted.

    Attributes:
        problem: whose solution it is of.
        number: of the step, from 1; 0 for a whole solution.
        count: steps of the solution.
        context: the steps before it, as they are shown.
        target: what the model's action is compared with.
        question: the user's turn where it is not an instance's.
        given: what the response is taken to begin with: read by the model, never learned.
        opening: what the response itself must begin with, if anything.
        title: of the step, where it is given away.
        turns: of a demonstration in turns, those before the step, in place of `given`; the response is the next turn.
        instance: whose prompt is the user's turn. It is put together when it is asked for: the prompts of a long
            transcript are many times as long as the transcript.
    """

    problem: Problem
    number: int
    count: int
    context: tuple[str, ...]
    target: str
    question: str
    given: str = ""
    opening: str = ""
    title: str = ""
    turns: tuple[DemonstratedTurn, ...] = ()
    instance: Instance | None = None

    @property
    def prompt(self) -> str:
        """The user's turn."""
        return self.instance.prompt if self.instance else self.question

    @property
    def characters(self) -> int:
        """Of all that the model reads before it responds."""
        return len(self.prompt) + len(self.given) + sum(len(turn.text) for turn in self.turns)

    @property
    def id(self) -> str:
        """Unique where the problem's is; that of the problem where the whole solution is asked for."""
        return f"{self.problem.id}/step-{self.number}" if self.number else self.problem.id

    @property
    def is_last(self) -> bool:
        """Whether the solution ends with it."""
        return self.number in (0, self.count)


class Tasks(NamedTuple):
    """What a set of problems gives."""

    tasks: list[Task]
    refused: list[Refused]


def tasks_of(problems: Iterable[Problem], config: SrlMethod) -> Tasks:
    """The tasks of all problems, in order, and the problems that give none with the reason."""
    make = _maker(config)
    tasks: list[Task] = []
    refused: list[Refused] = []
    for problem in problems:
        try:
            found = make(problem)
        except RefusedError as error:
            refused.append(Refused(problem, str(error)))
            continue
        if not found:
            refused.append(Refused(problem, "it has one step only, and the last step is no target"))
        tasks += found
    return Tasks(tasks, refused)


def _maker(config: SrlMethod) -> Callable[[Problem], list[Task]]:
    rule = config.steps
    if config.granularity == "answer":
        return lambda problem: [_answer(problem)]
    if config.granularity == "solution":
        return lambda problem: [_solution(problem, steps_of(problem, rule.rule, rule.pattern), config.format)]
    if config.format == "continuation":
        return lambda problem: continued(problem, rule)
    return lambda problem: asked(problem, rule)


def asked(problem: Problem, rule: StepsConfig) -> list[Task]:
    """Tasks of the paper's form: the prompt tells the steps so far. Raises RefusedError as `steps_of`."""
    steps = steps_of(problem, rule.rule, rule.pattern)
    shown = tuple(f"{step.whole}\n{step.observation}".strip() for step in steps)
    return [
        Task(
            problem,
            each.number,
            len(steps),
            shown[: each.number - 1],
            each.target.strip(),
            "",
            title=each.title,
            instance=each,
        )
        for each in instances_of(problem, steps, rule.title, rule.last)
    ]


def continued(problem: Problem, rule: StepsConfig) -> list[Task]:
    """Tasks whose response goes on with the expert's text. Raises RefusedError as `steps_of`.

    Whether to think at all is the model's to decide: it opens the thinking itself, where the expert does.
    """
    steps = steps_of(problem, rule.rule, rule.pattern)
    solution = problem.solution
    if solution is None:
        return _in_turns(problem, steps, rule)
    bounds = [_bounds(solution, step, rule.title) for step in steps]
    shown = tuple(solution[begin:end].strip() for begin, end in bounds)
    tasks = []
    for step, (begin, end) in list(zip(steps, bounds, strict=True))[: len(steps) if rule.last else len(steps) - 1]:
        given, opening = solution[:begin], ""
        if step.number == 1 and THINK in given:
            opening, given = given.strip(), ""
        tasks.append(
            Task(
                problem,
                step.number,
                len(steps),
                shown[: step.number - 1],
                solution[begin:end].strip(),
                problem.prompt,
                given.rstrip(" \t"),
                opening,
                step.title if rule.title else "",
            )
        )
    return tasks


def _in_turns(problem: Problem, steps: Sequence[Step], rule: StepsConfig) -> list[Task]:
    """Tasks whose response is the next turn of a conversation with tools; its first call is compared."""
    calling = [
        (place, call[0])
        for place, turn in enumerate(problem.turns)
        if turn.role == "model" and (call := CALL.search(turn.text))
    ]
    shown = tuple(f"{step.text}\n{step.observation}".strip() for step in steps)
    return [
        Task(
            problem,
            step.number,
            len(steps),
            shown[: step.number - 1],
            call,
            problem.prompt,
            turns=problem.turns[:place],
        )
        for step, (place, call) in list(zip(steps, calling, strict=True))[: len(steps) if rule.last else len(steps) - 1]
    ]


def _bounds(solution: str, step: Step, title: bool) -> tuple[int, int]:
    """Where a step stands in the solution, [begin, end): without a title that is given, with a mark that closes it."""
    begin, end = step.place
    if step.title and title:
        begin = end - len(step.text)
    closing = _CLOSING.match(solution, end)
    return begin, closing.end() if closing else end


def _solution(problem: Problem, steps: Sequence[Step], form: str) -> Task:
    """The whole solution is the target."""
    if form == "continuation":
        return Task(problem, 0, len(steps), (), (problem.solution or "").strip(), problem.prompt)
    prompt = f"{SOLVE}\n\nProblem:\n{problem.prompt}"
    return Task(problem, 0, len(steps), (), "\n".join(step.whole for step in steps), prompt)


def _answer(problem: Problem) -> Task:
    if not problem.answer.strip():
        raise RefusedError("it has no answer to check responses by")
    return Task(problem, 0, 0, (), problem.answer, problem.prompt)


def reasons_of(refused: Sequence[Refused]) -> list[str]:
    """Why problems give nothing, in words, most frequent first; numbers within a reason do not make it another."""
    counts: dict[str, int] = {}
    for _, reason in refused:
        kind = re.sub(r"\d[\d,]*", "#", reason)
        counts[kind] = counts.get(kind, 0) + 1
    return [f"{count:,} × {kind}" for kind, count in sorted(counts.items(), key=lambda entry: -entry[1])]
