"""An expert's way through a generated repository: look, read, edit, run the tests. What tools say is what they say.

Each turn thinks aloud in a few words before it calls; the words of the one that edits say what is wrong.
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
    turns = _call("look", "read", {}, read_file(files, ""))
    for path in dict.fromkeys((task.entry, task.path)):  # the fault may lie in what the tested module imports
        turns += _call(f"see {path}", "read", {"path": path}, read_file(files, path))
    _, shown = edit_file(files, task.path, fault.wrong, fault.right)
    change = {"path": task.path, "old": fault.wrong, "new": fault.right}
    turns += _call(f"{fault.wrong} must be {fault.right}", "edit", change, shown)
    turns += _call("test", "run_tests", {}, ToolResult("ok", stdout=Outcome(passed=1).text))
    return (*turns, DemonstratedTurn("model", "<think>it works</think>done"))


def _call(thought: str, tool: str, arguments: dict[str, str], result: ToolResult) -> list[DemonstratedTurn]:
    call = f"{OPENING}{json.dumps({'name': tool, 'arguments': arguments})}{CLOSING}"
    turn = DemonstratedTurn("model", f"<think>{thought}</think>{call}")
    return [turn, DemonstratedTurn("tool", result_text(result))]
