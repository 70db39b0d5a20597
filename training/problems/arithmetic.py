"""Multi-step integer arithmetic in words and symbols, with worked solutions.

The split of a problem is a function of its expression alone (a stable hash), so no seed, level or wording can put one
expression into both train and held-out.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from training.problems.types import Problem, Split

Operator = Literal["+", "-", "*"]

HELDOUT_SHARE = 0.1
ATTEMPTS_PER_PROBLEM = 200

_PRECEDENCE: dict[Operator, int] = {"+": 1, "-": 1, "*": 2}
_WORDS: dict[Operator, str] = {"+": "Add", "-": "Subtract", "*": "Multiply by"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A binary expression tree over non-negative integers; a leaf has no operator."""

    value: int
    operator: Operator | None = None
    left: "Expression | None" = None
    right: "Expression | None" = None

    def __str__(self) -> str:
        """Infix text with the fewest brackets that keep its value under the usual precedence."""
        if self.operator is None:
            return str(self.value)
        left, right = self.operands()
        # The right operand keeps brackets at equal precedence: 9-(4-1) is not 9-4-1.
        bracket_left = left.operator is not None and _PRECEDENCE[left.operator] < _PRECEDENCE[self.operator]
        bracket_right = right.operator is not None and _PRECEDENCE[right.operator] <= _PRECEDENCE[self.operator]
        return f"{_bracket(left, bracket_left)}{self.operator}{_bracket(right, bracket_right)}"

    def operands(self) -> "tuple[Expression, Expression]":
        """Both operands of an inner node."""
        if self.left is None or self.right is None:
            raise ValueError(f"{self.value} is a number and has no operands")
        return self.left, self.right

    def operations(self) -> "Iterator[Expression]":
        """Inner nodes in the order a person works them out: operands first, left before right."""
        if self.operator is not None:
            for operand in self.operands():
                yield from operand.operations()
            yield self

    def step(self) -> str:
        """This one operation worked out, for example `12+7=19`."""
        left, right = self.operands()
        return f"{left.value}{self.operator}{right.value}={self.value}"


@dataclass(frozen=True, slots=True)
class Level:
    """What makes a level difficult.

    Attributes:
        operations: how many operations one problem may have.
        largest_number: largest number in the question.
        largest_value: largest result of any operation; no result is negative.
        brackets: whether the symbol form may need brackets.
    """

    operations: tuple[int, ...]
    largest_number: int
    largest_value: int
    brackets: bool


LEVELS: dict[str, Level] = {
    "easy": Level(operations=(2,), largest_number=20, largest_value=99, brackets=False),
    "middle": Level(operations=(3,), largest_number=50, largest_value=99, brackets=True),
    "hard": Level(operations=(5, 6), largest_number=99, largest_value=999, brackets=True),
}


def generate(level: str, count: int, split: Split, seed: int) -> list[Problem]:
    """Draw `count` different problems of one level and split.

    Args:
        level: a key of `LEVELS`.
        seed: the same arguments give the same list, on every machine.

    Raises:
        ValueError: unknown level, negative count, or more problems asked for than the level has.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; choose one of {', '.join(LEVELS)}")
    return generate_from(LEVELS[level], level, count, split, seed)


def generate_from(spec: Level, name: str, count: int, split: Split, seed: int) -> list[Problem]:
    """Like `generate`, for a level that is described instead of named; `name` becomes the level of the problems."""
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    rng = random.Random(f"{name}/{split}/{seed}")
    problems: dict[str, Problem] = {}
    attempts_left = ATTEMPTS_PER_PROBLEM * count
    while len(problems) < count:
        attempts_left -= 1
        if attempts_left < 0:
            raise ValueError(
                f"level {name} gave only {len(problems)} different {split} problems of {count}; ask for fewer"
            )
        words = rng.random() < 0.5
        expression = _grow(rng, spec, rng.choice(spec.operations), chain=words)
        if expression is None or split_of(expression) != split:
            continue
        if not words and not spec.brackets and "(" in str(expression):
            continue
        problem = _problem(expression, name, split, words)
        problems.setdefault(problem.prompt, problem)
    return list(problems.values())


def split_of(expression: Expression) -> Split:
    """The split an expression belongs to, whatever the seed, level or wording."""
    return split_of_text(str(expression))


def split_of_text(expression: str) -> Split:
    """The same, of an expression's text."""
    return "heldout" if _fraction(expression) < HELDOUT_SHARE else "train"


def worked_solution(expression: Expression) -> str:
    """The reference solution: one operation a line between think tags, then the answer between answer tags."""
    steps = "\n".join(node.step() for node in expression.operations())
    return f"<think>{steps}</think><answer>{expression.value}</answer>"


def in_words(chain: Expression) -> str:
    """A chain (every right operand a number) as sentences: `Start with 12. Add 7. Multiply by 3.`"""
    sentences: list[str] = []
    node = chain
    while node.operator is not None:
        node_left, right = node.operands()
        sentences.append(f"{_WORDS[node.operator]} {right.value}.")
        node = node_left
    sentences.append(f"Start with {node.value}.")
    return " ".join(reversed(sentences))


def parse(text: str) -> Expression:
    """Read the text form of an expression (`str(expression)`) back into its tree.

    Raises:
        ValueError: the text is no expression of integers, `+`, `-`, `*` and brackets.
    """
    expression, rest = _parse_sum(text)
    if rest:
        raise ValueError(f"cannot read {rest!r} in the expression {text!r}")
    return expression


def _parse_sum(text: str) -> tuple[Expression, str]:
    left, text = _parse_product(text)
    while text[:1] in ("+", "-"):
        operator: Operator = "+" if text[0] == "+" else "-"
        right, text = _parse_product(text[1:])
        left = _apply(operator, left, right)
    return left, text


def _parse_product(text: str) -> tuple[Expression, str]:
    left, text = _parse_atom(text)
    while text[:1] == "*":
        right, text = _parse_atom(text[1:])
        left = _apply("*", left, right)
    return left, text


def _parse_atom(text: str) -> tuple[Expression, str]:
    if text[:1] == "(":
        inner, rest = _parse_sum(text[1:])
        if rest[:1] != ")":
            raise ValueError(f"a bracket is not closed before {rest!r}")
        return inner, rest[1:]
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    if not digits:
        raise ValueError(f"expected a number at {text!r}")
    return Expression(int(digits)), text[len(digits) :]


def _apply(operator: Operator, left: Expression, right: Expression) -> Expression:
    a, b = left.value, right.value
    value = a + b if operator == "+" else a - b if operator == "-" else a * b
    return Expression(value, operator, left, right)


def _grow(rng: random.Random, spec: Level, operations: int, chain: bool) -> Expression | None:
    """A random tree with that many operations, or None when a value leaves the level's range."""
    if operations == 0:
        return Expression(rng.randint(2, spec.largest_number))
    on_the_left = operations - 1 if chain or rng.random() < 0.5 else rng.randrange(operations)
    left = _grow(rng, spec, on_the_left, chain)
    right = _grow(rng, spec, operations - 1 - on_the_left, chain)
    if left is None or right is None:
        return None
    operator = rng.choice(tuple(_PRECEDENCE))
    if operator == "*":
        # Multiplication stays a table lookup with carry: one factor has one digit.
        if right.operator is None:
            right = Expression(rng.randint(2, 9))
        elif min(left.value, right.value) > 9:
            return None
    node = _apply(operator, left, right)
    return node if 0 <= node.value <= spec.largest_value else None


def _problem(expression: Expression, level: str, split: Split, words: bool) -> Problem:
    prompt = in_words(expression) if words else f"{expression}=?"
    return Problem(
        id=f"arithmetic-{level}-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}",
        prompt=prompt,
        answer=str(expression.value),
        solution=worked_solution(expression),
        split=split,
        level=level,
        meta={
            "expression": str(expression),
            "form": "words" if words else "symbols",
            "operations": str(sum(1 for _ in expression.operations())),
        },
    )


def _fraction(text: str) -> float:
    """A stable hash of a text as a number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def _bracket(expression: Expression, wanted: bool) -> str:
    return f"({expression})" if wanted else str(expression)
