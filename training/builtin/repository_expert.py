"""An expert's way through a generated repository: see the tests fail, read, edit, run the tests again.

What tools say is what they say. It thinks aloud before the edit alone, in which it says what is wrong. It sees the
tests fail before it reads, so that whoever learns from it knows what to do when they fail after an edit: read again.
"""

import json
from dataclasses import replace

from training.agent.parser import CLOSING, OPENING
from training.agent.repository_tests import Outcome
from training.agent.repository_tools import edit_file, read_file
from training.agent.results import ToolResult, result_text
from training.problems.repositories import Task, problem_of
from training.problems.types import DemonstratedTurn, Problem, Split


def demonstrated(task: Task, split: Split) -> Problem:
    """The task as a problem, with the expert's turns."""
    return replace(problem_of(task, split), turns=expert_turns(task))


def expert_turns(task: Task) -> tuple[DemonstratedTurn, ...]:
    """Turns of the expert and the tools that mend the fault; the expert has the last."""
    fault, files = task.fault, task.files
    turns = _call("run_tests", {}, ToolResult("ok", stdout=Outcome(failures=(task.failure,)).text))
    for path in dict.fromkeys((task.entry, task.path)):  # the fault may lie in what the tested module imports
        turns += _call("read", {"path": path}, read_file(files, path))
    _, shown = edit_file(files, task.path, fault.wrong, fault.right)
    change = {"path": task.path, "old": fault.wrong, "new": fault.right}
    turns += _call("edit", change, shown, f"<think>{fault.wrong} must be {fault.right}</think>")
    turns += _call("run_tests", {}, ToolResult("ok", stdout=Outcome(passed=1).text))
    return (*turns, DemonstratedTurn("model", "done"))


def _call(tool: str, arguments: dict[str, str], result: ToolResult, thought: str = "") -> list[DemonstratedTurn]:
    call = f"{OPENING}{json.dumps({'name': tool, 'arguments': arguments})}{CLOSING}"
    return [DemonstratedTurn("model", thought + call), DemonstratedTurn("tool", result_text(result))]
