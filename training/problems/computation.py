"""Arithmetic on numbers too large for the head: products, powers and remainders that one line of Python gives.

For responses that call tools. As with the other built-in levels, the split of a problem is a function of its expression
alone; every answer is a non-negative integer.
"""

import hashlib
import operator
import random
from collections.abc import Callable
from dataclasses import dataclass

from training.problems.arithmetic import ATTEMPTS_PER_PROBLEM, split_of_text
from training.problems.types import Problem, Split

TOOLS_LEVEL = "tools"

_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod, "**": operator.pow,
}  # fmt: skip
_STRENGTH = {"+": 1, "-": 1, "*": 2, "%": 2, "**": 3}
_NUMBER = 4
_WORDS = {
    "+": "Add {}.",
    "-": "Subtract {}.",
    "*": "Multiply by {}.",
    "%": "Take the remainder by {}.",
    "**": "Raise to the power {}.",
}


@dataclass(frozen=True, slots=True)
class Computation:
    """A number, and what is done to it one after the other; a power comes first."""

    start: int
    steps: tuple[tuple[str, int], ...]
    """Operator, as Python writes it, and number."""

    @property
    def value(self) -> int:
        """What comes out."""
        value = self.start
        for name, number in self.steps:
            value = _OPERATIONS[name](value, number)
        return value

    def __str__(self) -> str:
        """A Python expression, with the fewest brackets."""
        text, strength = str(self.start), _NUMBER
        for name, number in self.steps:
            if strength < _STRENGTH[name]:
                text = f"({text})"
            text, strength = f"{text}{name}{number}", _STRENGTH[name]
        return text

    def in_words(self) -> str:
        """As sentences: `Start with 4271. Multiply by 389. Add 56.`"""
        return " ".join([f"Start with {self.start}.", *(_WORDS[name].format(number) for name, number in self.steps)])


def generate_computations(count: int, split: Split, seed: int) -> list[Problem]:
    """Draw `count` different problems of one split; the same arguments give the same list, on every machine.

    Raises:
        ValueError: negative count, or more problems asked for than there are.
    """
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    rng = random.Random(f"{TOOLS_LEVEL}/{split}/{seed}")
    problems: dict[str, Problem] = {}
    for _ in range(ATTEMPTS_PER_PROBLEM * count):
        if len(problems) == count:
            break
        computation, words = rng.choice(_SHAPES)(rng), rng.random() < 0.5
        if computation.value >= 0 and split_of_text(str(computation)) == split:
            problem = _problem(computation, split, words)
            problems.setdefault(problem.prompt, problem)
    if len(problems) < count:
        raise ValueError(f"there are only {len(problems)} different {split} problems of {count}; ask for fewer")
    return list(problems.values())


def _product(rng: random.Random) -> Computation:
    return Computation(rng.randint(100, 9999), (("*", rng.randint(101, 999)),))


def _product_and_more(rng: random.Random) -> Computation:
    more = (rng.choice("+-"), rng.randint(100, 9999))
    return Computation(rng.randint(100, 9999), (("*", rng.randint(101, 999)), more))


def _sum_times(rng: random.Random) -> Computation:
    return Computation(rng.randint(100, 9999), (("+", rng.randint(100, 9999)), ("*", rng.randint(101, 999))))


def _remainder(rng: random.Random) -> Computation:
    return Computation(rng.randint(100, 9999), (("*", rng.randint(101, 999)), ("%", rng.randint(101, 999))))


def _power(rng: random.Random) -> Computation:
    return Computation(rng.randint(12, 99), (("**", rng.randint(4, 5)), ("-", rng.randint(100, 9999))))


def _power_remainder(rng: random.Random) -> Computation:
    return Computation(rng.randint(3, 99), (("**", rng.randint(11, 60)), ("%", rng.randint(101, 999))))


_SHAPES = (_product, _product_and_more, _sum_times, _remainder, _power, _power_remainder)


def _problem(computation: Computation, split: Split, words: bool) -> Problem:
    prompt = computation.in_words() if words else f"{computation}=?"
    return Problem(
        id=f"arithmetic-{TOOLS_LEVEL}-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        answer=str(computation.value),
        solution=None,
        split=split,
        level=TOOLS_LEVEL,
        meta={"expression": str(computation), "form": "words" if words else "symbols"},
    )
