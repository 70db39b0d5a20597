"""From the steps of a solution to what a model is asked: the problem and the first steps, and the next one to match."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.problems.types import Problem
from training.srl.steps import RefusedError, Rule, Step, steps_of

INSTRUCTION = (
    "Continue the solution with the very next step. First think inside <think> </think>, as long and as casually as "
    "you like, until you are sure. Then give that single step and nothing else; do not solve the whole problem."
)
"""What a model is asked for beside the problem; in the sense of the paper's prompt (App. B.2.1)."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One step to be predicted.

    Attributes:
        problem: whose solution it is of.
        number: of the step, from 1.
        context: the steps before it.
        target: what the model's action is compared with.
        title: of the step, where it is given away.
    """

    problem: Problem
    number: int
    context: tuple[Step, ...]
    target: str
    title: str = ""

    @property
    def id(self) -> str:
        """Unique where the problem's is."""
        return f"{self.problem.id}/step-{self.number}"

    @property
    def prompt(self) -> str:
        """The user's turn: the problem, the steps so far with what came back, the next title if it is given."""
        parts = [INSTRUCTION, f"Problem:\n{self.problem.prompt}"]
        if self.context:
            done = [f"{step.whole}\n{step.observation}".strip() for step in self.context]
            parts.append("Solution so far:\n" + "\n".join(done))
        if self.title:
            parts.append(f"Title of the next step:\n{self.number}. **{self.title}**")
        return "\n\n".join(parts)


class Refused(NamedTuple):
    """A problem that gives no instance."""

    problem: Problem
    reason: str


class Prepared(NamedTuple):
    """What a set of problems gives."""

    instances: list[Instance]
    refused: list[Refused]


def instances_of(problem: Problem, steps: Sequence[Step], title: bool = False, last: bool = False) -> list[Instance]:
    """N - 1 instances of N steps, with 0 to N - 2 steps of context; the last step is never a target (arXiv 2510.25992).

    With `last` it is, so that there are N, as some published code has it. With `title` the title of the step is given
    and no part of the target.
    """
    count = len(steps) if last else len(steps) - 1
    return [
        Instance(
            problem,
            place + 1,
            tuple(steps[:place]),
            steps[place].text if title else steps[place].whole,
            steps[place].title if title else "",
        )
        for place in range(count)
    ]


def prepare(
    problems: Iterable[Problem], rule: Rule, pattern: str = "", title: bool = False, last: bool = False
) -> Prepared:
    """The instances of all problems, in order, and those that give none with the reason.

    Raises ValueError where `pattern` is needed and is no regular expression.
    """
    instances: list[Instance] = []
    refused: list[Refused] = []
    for problem in problems:
        try:
            found = instances_of(problem, steps_of(problem, rule, pattern), title, last)
        except RefusedError as error:
            refused.append(Refused(problem, str(error)))
            continue
        if not found:
            refused.append(Refused(problem, "it has one step only, and the last step is no target"))
        instances += found
    return Prepared(instances, refused)
