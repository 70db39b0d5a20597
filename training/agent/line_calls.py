"""Tool calls in lines: the tool's name, then each argument on a line of its own, the last over several if it has them.

The same call as in JSON with a third of the tokens, for small models. Between the same tags; which argument is meant
says its place among those that the tool requires, of one that requires none its place among all.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from training.agent.parser import BLOCK, CLOSING, OPENING, CallRequest, parse_calls, plain
from training.agent.results import could_not_run
from training.agent.schema import Schema
from training.problems.types import Problem


def parse_either(text: str, schemas: Sequence[Schema]) -> list[CallRequest]:
    """The calls of a turn, in order: those that begin with a brace are JSON, others are lines."""
    calls: list[CallRequest] = []
    for block in BLOCK.finditer(text):
        calls += parse_calls(block[0]) if block[1].lstrip().startswith("{") else [_request(block[1], schemas)]
    return calls


def in_lines(text: str, schemas: Sequence[Schema]) -> str:
    """A turn with its calls in lines; those that lines cannot hold, or whose tool is not known, stay as they are."""
    return BLOCK.sub(lambda block: _written(block[0], schemas) or block[0], text)


def problems_in_lines(problems: Iterable[Problem], schemas: Sequence[Schema]) -> list[Problem]:
    """The problems with the calls of their demonstrations in lines."""
    return [
        replace(
            problem,
            turns=tuple(
                replace(turn, text=in_lines(turn.text, schemas)) if turn.role == "model" else turn
                for turn in problem.turns
            ),
        )
        for problem in problems
    ]


def _request(block: str, schemas: Sequence[Schema]) -> CallRequest:
    name, *rest = plain(block.strip("\n")).split("\n", 1)
    name = name.strip()
    names = _places(name, schemas)
    if names == [] and rest:
        refusal = could_not_run("bad_arguments", f"{name} takes no arguments")
        return CallRequest(name, {}, rest[0], refusal)
    values = rest[0].split("\n", len(names) - 1) if rest and names else rest
    # Of a tool that is not known nothing is known of its arguments: the call goes on, and is refused by name.
    arguments = dict(zip(names if names is not None else ["arguments"], values, strict=False))
    return CallRequest(name, arguments, json.dumps(arguments, ensure_ascii=False))


def _written(call: str, schemas: Sequence[Schema]) -> str:
    """A call of JSON in lines; empty where it cannot be, or says another thing when it is read again."""
    [request] = parse_calls(call)
    names = _places(request.name, schemas)
    if request.refusal is not None or names is None:
        return ""
    values = [request.arguments[name] for name in names if name in request.arguments]
    if not all(isinstance(value, str) for value in values):
        return ""
    written = OPENING + "\n".join([request.name, *values]) + CLOSING
    again = parse_either(written, schemas)
    return written if [(each.name, each.arguments) for each in again] == [(request.name, request.arguments)] else ""


def _places(name: str, schemas: Sequence[Schema]) -> list[str] | None:
    """Names of a tool's arguments in the order of their lines; None of a tool that is not known."""
    for schema in schemas:
        function: Mapping[str, Any] = schema["function"]
        if function["name"] == name:
            parameters = function.get("parameters", {})
            return list(parameters.get("required") or parameters.get("properties", {}))
    return None
