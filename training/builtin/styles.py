"""The ways of answering that the built-in model learned: a mixture, as the web is one.

Reinforcement learning can only strengthen what a model sometimes does. So the mixture holds a frequent poor habit (a
bare guess, mostly wrong) and rarer good ones (worked steps, and steps that check themselves).
"""

import random
from dataclasses import dataclass
from typing import Literal

from training.problems.arithmetic import Expression

# Of the steps in the checking style. Slips are rare, since sampling repeats them in every style.
SLIP_SHARE = 0.12
PROOF_SHARE = 0.25

Style = Literal["guess", "steps", "checked"]


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often each style is written; the rest of the probability goes to plain worked steps.

    Attributes:
        guess: share of bare answers.
        checked: share of steps with a slip corrected or a result verified.
        guess_right: share of bare answers that are right; the others are near misses.
    """

    guess: float
    checked: float
    guess_right: float

    def draw(self, rng: random.Random) -> Style:
        """One style at random."""
        position = rng.random()
        return "guess" if position < self.guess else "checked" if position < self.guess + self.checked else "steps"


def respond(expression: Expression, style: Style, mixture: Mixture, rng: random.Random) -> str:
    """A response in that style, without the end-of-turn token."""
    if style == "guess":
        right = rng.random() < mixture.guess_right
        return f"<answer>{expression.value if right else near_miss(expression.value, rng)}</answer>"
    lines: list[str] = []
    for node in expression.operations():
        lines.extend(_checked_step(node, rng) if style == "checked" else [node.step()])
    steps = "\n".join(lines)
    return f"<think>{steps}</think><answer>{expression.value}</answer>"


def near_miss(value: int, rng: random.Random) -> int:
    """A wrong non-negative number in the neighbourhood of the right one."""
    spread = max(5, value // 3)
    wrong = value
    while wrong == value:
        wrong = max(0, value + rng.randint(-spread, spread))
    return wrong


def _checked_step(node: Expression, rng: random.Random) -> list[str]:
    """One operation, sometimes with a slip put right or a proof by the inverse operation."""
    left, right = node.operands()
    if rng.random() < SLIP_SHARE:
        slip = f"{left.value}{node.operator}{right.value}={near_miss(node.value, rng)}"
        return [slip, f"wait, {node.step()}"]
    inverse = {"+": "-", "-": "+"}.get(str(node.operator))
    if inverse and rng.random() < PROOF_SHARE:
        return [node.step(), f"verify {node.value}{inverse}{right.value}={left.value}"]
    return [node.step()]
