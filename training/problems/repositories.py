"""Tiny Python repositories with one fault each and tests that fail because of it, for agents that read, edit and test.

A function's name says what it is to do. Neither the faulty function of a problem nor its prompt is ever found in the
other split, whatever the seed: both belong to one, by a stable hash.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from training.problems.arithmetic import ATTEMPTS_PER_PROBLEM, split_of_text
from training.problems.repository import Files, as_meta
from training.problems.types import Problem, Split

REPOSITORIES_LEVEL = "repositories"
TESTS = 3
"""Assertions in each repository."""
ATTEMPTS_PER_ISSUE = 20
MOST_ARGUMENT = 19
"""Enough different issues of each fault."""

_BINARY = {
    "add": "{}+{}", "sub": "{}-{}", "mul": "{}*{}", "rem": "{}%{}", "div": "{}//{}",
    "more": "{}>{}", "less": "{}<{}", "same": "{}=={}",
}  # fmt: skip
_SYMMETRIC = ("add", "mul", "same")
_BY_NUMBER = {"plus": "{}+{}", "minus": "{}-{}", "times": "{}*{}", "mod": "{}%{}"}
_OF_LIST = {
    "first": "{}[0]", "second": "{}[1]", "last": "{}[-1]",
    "top": "max({})", "low": "min({})", "total": "sum({})", "size": "len({})",
}  # fmt: skip
_RANGES = {"upto": "sum(range({}+1))", "below": "sum(range({}))"}
_PAIR, _NUMBER, _LIST = ("a", "b"), "n", "s"
"""Few names of variables and files: a small model copies a name that it has seen often, and no other."""
_TESTED, _IMPORTED = "lib", "ops"
_WRAPPERS = ("use", "get")


@dataclass(frozen=True, slots=True)
class Fault:
    """A function of one expression, as it should be and as it is."""

    name: str
    parameters: tuple[str, ...]
    right: str
    wrong: str
    kind: str
    """operator, constant, order, off-by-one or call: what is wrong."""

    def source(self, expression: str) -> str:
        """The function with that expression."""
        return f"def {self.name}({','.join(self.parameters)}):\n return {expression}\n"

    def value(self, expression: str, arguments: Sequence[Any]) -> Any:
        """What the expression gives for these arguments; the exception where it raises."""
        try:
            # Both are made here, of the templates above.
            return eval(expression, {}, dict(zip(self.parameters, arguments, strict=True)))  # noqa: S307
        except (ArithmeticError, LookupError) as error:
            return error


@dataclass(frozen=True, slots=True)
class Task:
    """A repository with a fault.

    Attributes:
        fault: what is wrong.
        files: as they are found, tests among them.
        path: of the file with the fault.
        entry: of the file that the tests import; an agent looks there first.
        issue: what its user says is wrong.
        failure: the line of the tests that fails first.
    """

    fault: Fault
    files: Files
    path: str
    entry: str
    issue: str
    failure: str

    @property
    def mended(self) -> Files:
        """The files once the fault is mended."""
        return {**self.files, self.path: self.files[self.path].replace(self.fault.wrong, self.fault.right)}


def generate_tasks(count: int, split: Split, seed: int) -> list[Task]:
    """Draw `count` different repositories of one split; the same arguments give the same list, on every machine.

    Raises:
        ValueError: negative count, or more repositories asked for than there are.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    rng = random.Random(f"{REPOSITORIES_LEVEL}/{split}/{seed}")
    tasks: dict[str, Task] = {}
    for _ in range(ATTEMPTS_PER_PROBLEM * count):
        if len(tasks) == count:
            break
        fault = _fault(rng)
        if split_of_text(fault.source(fault.wrong)) == split:
            task = _draw(fault, split, rng)
            if task is not None:
                tasks.setdefault(task.issue, task)
    if len(tasks) < count:
        raise ValueError(f"there are only {len(tasks)} different {split} repositories of {count}; ask for fewer")
    return list(tasks.values())


def problem_of(task: Task, split: Split) -> Problem:
    """The task as a problem without an answer in words: its tests decide."""
    digest = hashlib.sha256("\0".join([task.issue, *task.files.values()]).encode()).hexdigest()[:12]
    return Problem(
        id=f"{REPOSITORIES_LEVEL}-{digest}",
        prompt=task.issue,
        answer="",
        solution=None,
        split=split,
        level=REPOSITORIES_LEVEL,
        meta={"fault": task.fault.kind, "files": str(len(task.files))} | as_meta(task.files),
    )


def _draw(fault: Fault, split: Split, rng: random.Random) -> Task | None:
    """A repository around the fault; None where no tests were found that tell it and an issue of this split."""
    files, path, entry, name = _layout(fault, rng)
    if files[path].count(fault.wrong) != 1:
        return None
    for _ in range(ATTEMPTS_PER_ISSUE):
        cases = [_arguments(fault, rng) for _ in range(TESTS)]
        values, given = ([fault.value(each, case) for case in cases] for each in (fault.right, fault.wrong))
        failing = [place for place in range(TESTS) if given[place] != values[place]]
        if not failing or any(isinstance(value, Exception) for value in values):
            continue
        calls = [f"{name}({','.join(map(_literal, case))})" for case in cases]
        shown = rng.choice(failing)
        issue = f"{calls[shown]} gives {_literal(given[shown])}, not {_literal(values[shown])}."
        if split_of_text(issue) == split:
            test = _test(entry.removesuffix(".py"), name, zip(calls, values, strict=True))
            failure = _assertion(calls[failing[0]], values[failing[0]])
            return Task(fault, dict(sorted((files | test).items())), path, entry, issue, failure)
    return None


def _test(module: str, name: str, cases: Iterable[tuple[str, Any]]) -> dict[str, str]:
    lines = [f" {_assertion(call, value)}" for call, value in cases]
    return {f"test_{module}.py": "\n".join([f"from {module} import {name}", "def test():", *lines, ""])}


def _assertion(call: str, value: Any) -> str:
    return f"assert {call}=={_literal(value)}"


def _layout(fault: Fault, rng: random.Random) -> tuple[dict[str, str], str, str, str]:
    """Sources by path, the path of the fault, that of the module to be tested, and the name of what is tested in it."""
    first, second = _TESTED, _IMPORTED
    broken = fault.source(fault.wrong)
    kind = rng.random()
    if kind < 0.7:
        return {f"{first}.py": broken}, f"{first}.py", f"{first}.py", fault.name
    if kind < 0.85:  # beside a function that is right
        other = _sound(fault.name, rng)
        return {f"{first}.py": "".join(rng.sample([broken, other], 2))}, f"{first}.py", f"{first}.py", fault.name
    wrapper, given = rng.choice(_WRAPPERS), ",".join(fault.parameters)
    around = f"from {second} import {fault.name}\ndef {wrapper}({given}):\n return {fault.name}({given})\n"
    return {f"{first}.py": around, f"{second}.py": broken}, f"{second}.py", f"{first}.py", wrapper


def _sound(taken: str, rng: random.Random) -> str:
    while (other := _fault(rng)).name == taken:
        pass
    return other.source(other.right)


def _binary(rng: random.Random) -> Fault:
    name, names = rng.choice(list(_BINARY)), _PAIR
    right = _BINARY[name].format(*names)
    if name not in _SYMMETRIC and rng.random() < 0.4:
        return Fault(name, names, right, _BINARY[name].format(*reversed(names)), "order")
    other = rng.choice([template for key, template in _BINARY.items() if key != name])
    return Fault(name, names, right, other.format(*names), "operator")


def _by_number(rng: random.Random) -> Fault:
    word, variable, number = rng.choice(list(_BY_NUMBER)), _NUMBER, rng.randint(2, 9)
    template = _BY_NUMBER[word]
    right, kind = template.format(variable, number), rng.choice(("constant", "operator"))
    if kind == "constant":
        wrong = template.format(variable, rng.choice([other for other in range(2, 10) if other != number]))
    else:
        wrong = rng.choice([each for key, each in _BY_NUMBER.items() if key != word]).format(variable, number)
    return Fault(f"{word}{number}", (variable,), right, wrong, kind)


def _of_list(rng: random.Random) -> Fault:
    name, variable = rng.choice(list(_OF_LIST)), _LIST
    is_index = "[" in _OF_LIST[name]
    others = [each for key, each in _OF_LIST.items() if key != name and ("[" in each) == is_index]
    right, wrong = _OF_LIST[name].format(variable), rng.choice(others).format(variable)
    return Fault(name, (variable,), right, wrong, "off-by-one" if is_index else "call")


def _range(rng: random.Random) -> Fault:
    name, variable = rng.choice(list(_RANGES)), _NUMBER
    right = _RANGES[name].format(variable)
    wrong = rng.choice([template.format(variable) for template in _RANGES.values() if template != _RANGES[name]])
    return Fault(name, (variable,), right, wrong, "off-by-one")


_FAULTS: dict[Callable[[random.Random], Fault], float] = {_binary: 0.4, _by_number: 0.45, _of_list: 0.1, _range: 0.05}
"""With shares: kinds of few different faults are drawn rarely, so that no few of them make up a split."""


def _fault(rng: random.Random) -> Fault:
    return rng.choices(list(_FAULTS), list(_FAULTS.values()))[0](rng)


def _arguments(fault: Fault, rng: random.Random) -> list[Any]:
    if fault.name in _OF_LIST:
        return [rng.sample(range(1, 10), 3)]
    return [rng.randint(2, MOST_ARGUMENT) for _ in fault.parameters]


def _literal(value: Any) -> str:
    """As Python writes it, without spaces; of an exception, its name."""
    return type(value).__name__ if isinstance(value, Exception) else repr(value).replace(" ", "")
