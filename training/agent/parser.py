"""Reads tool calls off a turn: JSON objects between <tool_call> tags, which a model may get wrong in every way."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.agent.results import ToolResult, could_not_run

OPENING, CLOSING = "<tool_call>", "</tool_call>"

BLOCK = re.compile(rf"{OPENING}(.*?){CLOSING}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call as the model wrote it."""

    name: str
    """Empty where it could not be read."""
    arguments: Mapping[str, Any]
    written: str
    """JSON of the arguments, or the whole call as it stands where it could not be read."""
    refusal: ToolResult | None = None
    """The answer to a call that cannot be run."""


def parse_calls(text: str) -> list[CallRequest]:
    """The calls of a turn, in order. One that is never closed is no call."""
    return [_request(block[1]) for block in BLOCK.finditer(text)]


def _request(block: str) -> CallRequest:
    try:
        call = json.loads(block)
        if not isinstance(call, dict):
            raise ValueError(f"expected an object with name and arguments, got {type(call).__name__}")
        name, arguments = call["name"], call["arguments"]
    except KeyError as error:
        return _refused(block, could_not_run("malformed", str(error)))
    except (ValueError, RecursionError) as error:  # nested too deeply
        return _refused(block, could_not_run("malformed", str(error)))
    if not isinstance(name, str):
        return _refused(block, could_not_run("malformed", f"name must be a string, got {type(name).__name__}"))
    name, written = plain(name), plain(json.dumps(arguments, ensure_ascii=False))
    if not isinstance(arguments, dict):
        kind = type(arguments).__name__
        refusal = could_not_run("bad_arguments", f"'{kind}' object has no attribute 'get'")
        return CallRequest(name, {}, written, refusal)
    return CallRequest(name, arguments, written)


def _refused(block: str, refusal: ToolResult) -> CallRequest:
    return CallRequest("", {}, block.strip(), refusal)


def plain(text: str) -> str:
    """Without halves of characters, which JSON can escape and nothing can store."""
    return text.encode("utf-8", "replace").decode()
