"""What a cell means as a prompt, an answer, a solution or a label. Every failure is a CellError in the user's words."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from training.problems.types import Problem
from training.reading.columns import as_chat, is_chat, is_missing
from training.rewards.compare import is_blank
from training.rewards.extract import extract, final_marks
from training.srl.steps import RefusedError, steps_of

MAX_TEXT = 200_000
MAX_ANSWER = 1000
"""The verifier compares no longer answers."""

MAX_LEVEL = 40
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
_USER, _ASSISTANT = {"user", "human"}, {"assistant", "gpt"}


class CellError(ValueError):
    """Why a row cannot become a problem."""


def text_of(value: Any, name: str) -> str:
    """A scalar as text: ``27.0`` → ``"27"``, a list of one is its element. Raises CellError for anything else."""
    if isinstance(value, list) and len(value) == 1 and not is_chat(value):
        return text_of(value[0], name)
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, str | int | float):
        return clean(str(value), name)
    what = f"a list of {len(value)}" if isinstance(value, list) else "an object"
    raise CellError(f"the {name} is {what}, not one value")


def prompt_of(value: Any) -> str:
    """The question: the text itself, or what the user says in a chat of one question."""
    chat = as_chat(value)
    if chat is None:
        return text_of(value, "prompt")
    asked = [turn for turn in chat if _role(turn) in _USER]
    if len(asked) > 1:
        raise CellError(f"the chat has {len(asked)} questions; only chats of one can be used")
    return _content(asked[0], "prompt") if asked else ""


def solution_of(value: Any, strip_calculator: bool) -> str:
    """The worked solution: the text itself, or the last thing that the assistant says in a chat."""
    if (chat := as_chat(value)) is not None:
        said = [turn for turn in chat if _role(turn) in _ASSISTANT]
        text = _content(said[-1], "solution") if said else ""
    else:
        text = text_of(value, "solution")
    return _CALCULATOR.sub("", text) if strip_calculator else text


def answer_of(value: Any, rule: str, marker: str) -> str:
    r"""The reference answer.

    Rules: ``plain`` takes the cell as it stands (but unwraps one ``\boxed{}`` around it); ``marked`` the last
    ``\boxed{}``, ``<answer>`` or ``####``, found as the verifier finds it in responses; ``after`` the first line that
    follows the last ``marker``.
    """
    text = text_of(value, "answer") if as_chat(value) is None else solution_of(value, strip_calculator=False)
    if not text:
        raise CellError("no answer")
    if rule == "after":
        _, found, rest = text.rpartition(marker)
        if not found:
            raise CellError(f"no {marker!r} in the answer column")
        answer = rest.strip().split("\n", 1)[0].strip()
    else:
        marked = extract(text)
        if rule == "marked" and marked is None:
            raise CellError(r"no \boxed{}, <answer> or #### in the answer column")
        answer = marked.text if marked and (rule == "marked" or _is_one_mark(text)) else text
    if is_blank(answer):
        raise CellError("no answer")
    if len(answer) > MAX_ANSWER:
        raise CellError(f"the answer has {len(answer):,} characters; the verifier compares at most {MAX_ANSWER:,}")
    return answer


def numbered_steps(solution: str) -> None:
    """Raises CellError where a worked solution is not steps numbered like ``1. **Title**``, saying what is wrong."""
    try:
        steps_of(Problem("", "", "", solution, "train", ""), "numbered")
    except RefusedError as error:
        raise CellError(f"the worked solution is no list of numbered steps: {error}") from None


def level_of(value: Any) -> str:
    """A short difficulty label; longer ones are cut."""
    return text_of(value, "level")[:MAX_LEVEL]


def normalised(prompt: str) -> str:
    """The prompt as far as two that ask the same must agree: without case, accents of form, and white space."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def clean(text: str, name: str) -> str:
    """``text`` without outer white space. Raises CellError for what cannot be stored or is absurdly long."""
    if "\x00" in text:
        raise CellError(f"the {name} has a NUL character, which is no text")
    if len(text) > MAX_TEXT:
        raise CellError(f"the {name} has {len(text):,} characters; at most {MAX_TEXT:,} are taken")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CellError(f"the {name} has half a character (a lone surrogate)") from None
    return text.replace("\r\n", "\n").strip()


def _is_one_mark(text: str) -> bool:
    marks = final_marks(text)
    return len(marks) == 1 and (marks[0].start, marks[0].end) == (0, len(text))


def _role(turn: Mapping[str, Any]) -> str:
    return str(turn.get("role", turn.get("from", ""))).lower()


def _content(turn: Mapping[str, Any], name: str) -> str:
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return text_of(content, name)
