"""What of a response is the step that is compared, and what is wrong with a response that has none.

Where a response goes on with the expert's text its next step is the first thing it says. Lines of checking before it
(``verify …``), which the expert did not write, are compared as the step, or read over as a monologue would be: the
config says which.
"""

import re
from typing import Any, NamedTuple

import regex

from training.config import SrlMethod, StepsConfig
from training.srl.response import MOST_CHARACTERS, action_of
from training.srl.steps import PATTERN_SECONDS
from training.srl.tasks import Task

NOT_THE_FORM = "not of the form <think>…</think> and a step"
_MARK = r"</(?:think|answer)>"
_ENDS = {
    "line": re.compile(rf"\n|{_MARK}"),
    "paragraph": re.compile(rf"\n[ \t]*\n|{_MARK}"),
    "numbered": re.compile(r"(?=^[ \t]*\d+\.[ \t]*\*\*)", re.MULTILINE),
    "tool_call": re.compile(r"</tool_call>|</function>|</function_call>"),
}
_CHECKS = re.compile(
    r"(?:(?:let me|let's|let us|i|to)[ \t]+)?(?:verif(?:y|ying)|check(?:ing)?|double-check(?:ing)?|confirm(?:ing)?)\b",
    re.IGNORECASE,
)
_CALL_OPENS = re.compile(r"<tool_call>|<function=|<function_call>")


class Reading(NamedTuple):
    """What was made of a response."""

    action: str | None
    """The step; None on a format failure."""
    end: int
    """Characters of the response that count; the model is not to learn from what it said beyond the step."""
    fault: str = ""
    """What is wrong with the form, in words."""


class Reader:
    """Reads responses by the rules of a config."""

    def __init__(self, config: SrlMethod) -> None:
        self._whole = config.granularity == "solution"
        self._continues = config.format == "continuation"
        self._steps = config.steps
        self._end = end_of(config.steps)
        self._reads_over = reads_over(config)
        self._limit = {"timeout": PATTERN_SECONDS} if config.steps.rule == "regex" else {}

    def read(self, response: str, task: Task, ended: bool) -> Reading:
        """`response` is what the model said after what was given; `ended` whether it came to an end of its own."""
        if not self._continues:
            action = action_of(response)
            return Reading(action, len(response), "" if action else NOT_THE_FORM)
        if self._whole:
            fault = "" if ended else "cut before the solution ends"
            return Reading(None if fault else response.strip(), len(response), fault)
        return self._step(response, task, ended)

    def _step(self, response: str, task: Task, ended: bool) -> Reading:
        start = len(response) - len(response.lstrip())
        if task.opening and not response.startswith(task.opening, start):
            return Reading(None, len(response), f"does not begin with {task.opening}")
        start = _behind_space(response, start + len(task.opening))
        if self._reads_over and not _CHECKS.match(task.target):
            start = self._behind_checks(response, start)
        # What begins a step is no end of it: a numbered one begins as the next one does.
        try:
            found = self._end.search(response, start + (self._steps.rule == "numbered"), **self._limit)
        except TimeoutError:
            return Reading(None, len(response), "the pattern takes too long on it")
        if found is None and not (ended and task.is_last):
            fault = "ends before the step does" if ended else "cut before the step ends"
            return Reading(None, len(response), fault)
        end = found.end() if found else len(response)
        action = self._action(response, start, found, end)
        if not action:
            return Reading(None, end, "says nothing before the step ends")
        if len(action) > MOST_CHARACTERS:
            return Reading(None, end, f"longer than {MOST_CHARACTERS:,} characters")
        return Reading(action, end)

    def _behind_checks(self, response: str, start: int) -> int:
        """Where the first line or paragraph begins that checks nothing; a mark that closes the thinking ends them."""
        while _CHECKS.match(response, start):
            found = self._end.search(response, start)
            if found is None or found[0].startswith("</"):
                break
            start = _behind_space(response, found.end())
        return start

    def _action(self, response: str, start: int, found: Any, end: int) -> str:
        """A closing mark belongs to the step, what else parts two steps does not."""
        if self._steps.rule == "tool_call":
            opens = _CALL_OPENS.search(response, start, end)
            return response[opens.start() : end].strip() if opens else ""
        if found is not None and not found[0].startswith("</"):
            end = found.start()
        return response[start:end].strip()


def end_of(steps: StepsConfig) -> Any:
    """Where a step ends in running text: a pattern of the module re or, for a user's own, of the package regex."""
    if steps.rule == "regex":
        return regex.compile(rf"(?:{steps.pattern})|{_MARK}", regex.MULTILINE)
    return _ENDS[steps.rule]


def reads_over(config: SrlMethod) -> bool:
    """Whether checks before the step are no part of it."""
    return config.checking == "aside" and config.steps.rule in ("line", "paragraph")


def _behind_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def may_stop(steps: StepsConfig, token: str) -> bool:
    """Whether a token with this text ends a step wherever it stands, so that sampling can end there.

    Numbered steps, and those cut by a pattern, are seen to end only with what stands around; responses go on, and are
    cut afterwards.
    """
    return steps.rule in ("line", "paragraph", "tool_call") and end_of(steps).search(token) is not None
