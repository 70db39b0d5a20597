"""Transcripts of agents as demonstrations in turns: what is asked, what the model says and calls, what tools answer.

Read are lists of messages with tool calls as chat services give them (``tool_calls``, answered by the role ``tool``),
calls written into the text (``<tool_call>``, ``<function=…>``), whose answers may come as the user's, and lists with
``from`` and ``value``. A list may also stand in a cell as JSON text. Every failure is a CellError in the user's words.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from training.problems.types import DemonstratedTurn
from training.reading.cells import CellError, clean
from training.reading.columns import as_chat
from training.srl.steps import CALL

_ROLES = {
    **dict.fromkeys(["system", "developer"], "system"),
    **dict.fromkeys(["user", "human"], "user"),
    **dict.fromkeys(["assistant", "gpt", "model", "ai"], "model"),
    "function_call": "call",
    **dict.fromkeys(["tool", "function", "observation", "ipython", "function_response"], "tool"),
}
_OPENINGS = ("<tool_call>", "<function=", "<function_call>")


class Transcript(NamedTuple):
    """What was asked, and the turns that follow, the model's first and last."""

    prompt: str
    turns: tuple[DemonstratedTurn, ...]


@dataclass(slots=True)
class _Reader:
    """The state between two messages."""

    asked: list[str]
    turns: list[DemonstratedTurn]
    open_calls: int = 0
    """Calls of the last turn of the model."""
    open_ids: frozenset[str] = frozenset()


def transcript_of(value: Any) -> Transcript:
    """The transcript in a cell. What tools say after the model's last turn is left out."""
    messages = _messages(value)
    reader = _Reader([], [])
    for number, message in enumerate(messages, start=1):
        given = str(message.get("role", message.get("from", ""))).lower()
        role = _ROLES.get(given)
        if role is None:
            raise CellError(f"message {number} of the transcript has the role {given!r}, which is none")
        _READERS[role](reader, message, number)
    while reader.turns and reader.turns[-1].role == "tool":
        reader.turns.pop()
    if not reader.turns:
        raise CellError("in the transcript the assistant says nothing")
    return Transcript("\n\n".join(filter(None, reader.asked)), tuple(reader.turns))


def _messages(value: Any) -> Sequence[Mapping[str, Any]]:
    if value is None or value == "" or value == []:
        raise CellError("no transcript")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise CellError(f"the transcript is not JSON: {error.msg.lower()} at character {error.pos + 1}") from error
        except (ValueError, RecursionError) as error:
            raise CellError("the transcript is JSON nested too deeply, or has a number of too many digits") from error
    chat = as_chat(value)
    if chat is None:
        raise CellError("the transcript is no list of messages, each with a role")
    return chat


def _read_system(reader: _Reader, message: Mapping[str, Any], number: int) -> None:
    if reader.turns or reader.asked:
        raise CellError(f"message {number} of the transcript is the system's, which may only come first")


def _read_user(reader: _Reader, message: Mapping[str, Any], number: int) -> None:
    """What is asked, until the model speaks; then the answer to a call that was written into the text."""
    if not reader.turns:
        reader.asked.append(_text(message, number))
    elif reader.open_calls:
        _read_tool(reader, message, number)
    else:
        raise CellError(f"in message {number} of the transcript the user speaks again, though no call awaits an answer")


def _read_model(reader: _Reader, message: Mapping[str, Any], number: int) -> None:
    if not reader.asked and not reader.turns:
        raise CellError(f"message {number} of the transcript is the assistant's, before anything is asked")
    if reader.turns and reader.turns[-1].role == "model":
        raise CellError(f"in message {number} of the transcript the assistant speaks twice in a row")
    said = _text(message, number)
    if sum(said.count(opening) for opening in _OPENINGS) > len(CALL.findall(said)):
        raise CellError(f"message {number} of the transcript has a call that does not end")
    calls = _calls(message.get("tool_calls") or message.get("function_call"), number)
    text = "\n".join(filter(None, [said, *(call for call, _ in calls)]))
    if not text:
        raise CellError(f"message {number} of the transcript is the assistant's and empty")
    reader.turns.append(DemonstratedTurn("model", text))
    reader.open_calls = len(calls) + len(CALL.findall(said))
    reader.open_ids = frozenset(name for _, name in calls if name)


def _read_call(reader: _Reader, message: Mapping[str, Any], number: int) -> None:
    """A call as a message of its own; it belongs to what the model said just before."""
    [(call, _)] = _calls(_json(_text(message, number), f"the call in message {number}"), number)
    if reader.turns and reader.turns[-1].role == "model":
        call = f"{reader.turns.pop().text}\n{call}"
    reader.turns.append(DemonstratedTurn("model", call))
    reader.open_calls, reader.open_ids = reader.open_calls + 1, frozenset()


def _read_tool(reader: _Reader, message: Mapping[str, Any], number: int) -> None:
    if not reader.turns or not reader.open_calls:
        raise CellError(f"in message {number} of the transcript a tool answers, though the assistant called none")
    answered = message.get("tool_call_id")
    if answered and reader.open_ids and answered not in reader.open_ids:
        raise CellError(f"message {number} of the transcript answers the call {answered!r}, which was not made")
    reader.turns.append(DemonstratedTurn("tool", _text(message, number)))


_READERS = {"system": _read_system, "user": _read_user, "model": _read_model, "call": _read_call, "tool": _read_tool}


def _calls(given: Any, number: int) -> list[tuple[str, str]]:
    """Each call as the model would write it, with its id."""
    if not given:
        return []
    found = []
    for call in given if isinstance(given, list) else [given]:
        function = call.get("function", call) if isinstance(call, Mapping) else {}
        if not isinstance(function, Mapping) or not isinstance(name := function.get("name"), str) or not name:
            raise CellError(f"message {number} of the transcript has a call without a name")
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            arguments = _json(arguments or "{}", f"the arguments of {name!r} in message {number}")
        written = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
        found.append((f"<tool_call>{clean(written, 'transcript')}</tool_call>", str(call.get("id") or "")))
    return found


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CellError(f"{what} of the transcript is not JSON") from error


def _text(message: Mapping[str, Any], number: int) -> str:
    """What a message says; parts of it are put together, those that are no text left out."""
    content = message.get("content", message.get("value"))
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in content)
    if content is not None and not isinstance(content, str):
        raise CellError(f"what message {number} of the transcript says is no text")
    return clean(content or "", "transcript")
