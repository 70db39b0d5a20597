"""Demonstrations of tool calls on the built-in computations: the form of a call, not how to reason.

Reinforcement learning can only strengthen what a model sometimes does. So they are a mixture: clean calls, calls that
fail and are corrected, needless ones, guesses without any. What tools say in them is what the tools would say.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from training.agent.parser import CLOSING, OPENING, parse_calls
from training.agent.python_tool import in_one_line
from training.agent.results import ToolResult, could_not_run, result_text
from training.agent.schema import PYTHON
from training.builtin.styles import near_miss
from training.problems.types import DemonstratedTurn, Problem
from training.sandbox.types import ProgramError
from training.seeds import derive_seed

PRINTED, IN_A_VARIABLE, LAST_EXPRESSION = "print({})", "x={}\nprint(x)", "{}"
_CODES = {PRINTED: 0.6, IN_A_VARIABLE: 0.2, LAST_EXPRESSION: 0.2}
"""Ways to have an expression computed and shown, with their shares."""

_MISTAKES = {"name": 0.3, "bracket": 0.3, "tool": 0.25, "quote": 0.08, "brace": 0.07}
"""What goes wrong in failing calls, with shares: a misspelt or missing name, an open bracket, a tool that is not there,
JSON without its last quote or brace."""

OTHER_TOOL = "calculate"


@dataclass(frozen=True, slots=True)
class ToolMixture:
    """How often each style is written; the rest of the probability goes to a single clean call.

    Attributes:
        guess: an answer without any call; wrong.
        corrected: one or two failing calls, then one that works.
        silent: a call that shows nothing, then one that does.
        repeated: the same again, after it worked.
        given_up: a failing call, then a guess.
    """

    guess: float = 0.25
    corrected: float = 0.3
    silent: float = 0.08
    repeated: float = 0.07
    given_up: float = 0.08

    def draw(self, rng: random.Random) -> str:
        """One style at random."""
        shares = {field.name: getattr(self, field.name) for field in fields(self)}
        return _choose(rng, shares | {"clean": 1 - sum(shares.values())})


SECOND_MISTAKE = 0.15
"""Of the corrected ones, the share that fails twice."""


def with_demonstrations(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """The problems, each with a demonstration; the same seed gives the same."""
    mixture = ToolMixture()
    return [
        replace(problem, turns=demonstrate(problem, mixture, random.Random(derive_seed(seed, problem.id))))
        for problem in problems
    ]


def demonstrate(problem: Problem, mixture: ToolMixture, rng: random.Random) -> tuple[DemonstratedTurn, ...]:
    """Turns of the model and the tool that answer a problem of the tools' level; the model has the last."""
    style, expression = mixture.draw(rng), problem.meta["expression"]
    guess = _model(f"<answer>{near_miss(int(problem.answer), rng)}</answer>")
    if style == "guess":
        return (guess,)
    turns: list[DemonstratedTurn] = []
    if style in ("corrected", "given_up"):
        turns += failing_call(expression, rng)
    if style == "given_up":
        return (*turns, guess)
    if style == "corrected" and rng.random() < SECOND_MISTAKE:
        turns += failing_call(expression, rng)
    if style == "silent":
        turns += _call(f"x={expression}", ToolResult("ok"))
    for _ in range(2 if style == "repeated" else 1):
        turns += working_call(expression, problem.answer, rng)
    return (*turns, _model(f"<answer>{problem.answer}</answer>"))


def working_call(expression: str, value: str, rng: random.Random) -> Sequence[DemonstratedTurn]:
    """A call that shows the value, and what it shows."""
    code = _choose(rng, _CODES)
    shown = ToolResult("ok", value=value) if code == LAST_EXPRESSION else ToolResult("ok", stdout=f"{value}\n")
    return _call(code.format(expression), shown)


def failing_call(expression: str, rng: random.Random) -> Sequence[DemonstratedTurn]:
    """A call with a mistake in it, and what comes of it."""
    mistake = _choose(rng, _MISTAKES)
    if mistake == "tool":
        return _call(PRINTED.format(expression), could_not_run("unknown_tool", repr(OTHER_TOOL)), OTHER_TOOL)
    if mistake in ("quote", "brace"):
        call = written_call(PRINTED.format(expression))
        call = call.replace('"}}', "}}" if mistake == "quote" else '"}')
        refusal = parse_calls(call)[0].refusal
        assert refusal is not None, "the call was meant to be unreadable"
        return _model(call), _tool(result_text(refusal))
    if mistake == "bracket":
        line = f"print({expression}"
        return _call(line, _raised(line, "SyntaxError", "'(' was never closed"))
    name = rng.choice(("prin", "display"))
    line = f"{name}({expression})"
    return _call(line, _raised(line, "NameError", f"name '{name}' is not defined"))


def written_call(code: str, tool: str = PYTHON) -> str:
    """A call as the model writes it."""
    return f"{OPENING}{json.dumps({'name': tool, 'arguments': {'code': code}})}{CLOSING}"


def _raised(line: str, kind: str, message: str) -> ToolResult:
    return ToolResult("error", error=in_one_line(ProgramError(kind, message, line=1, text=line)))


def _call(code: str, result: ToolResult, tool: str = PYTHON) -> Sequence[DemonstratedTurn]:
    return _model(written_call(code, tool)), _tool(result_text(result))


def _model(text: str) -> DemonstratedTurn:
    return DemonstratedTurn("model", text)


def _tool(text: str) -> DemonstratedTurn:
    return DemonstratedTurn("tool", text)


def _choose(rng: random.Random, shares: dict[str, float]) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]
