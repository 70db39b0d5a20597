"""Demonstrations of tool calls: a mixture of ways, and nothing in them that a tool would not say."""

import io
import json
import mmap
import random
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import pytest

from training.agent.parser import parse_calls
from training.agent.python_tool import read_result
from training.agent.results import could_not_run, result_text
from training.agent.schema import PYTHON
from training.builtin.tool_styles import OTHER_TOOL, ToolMixture, demonstrate, failing_call, with_demonstrations
from training.config import AgenticConfig
from training.problems import Problem
from training.problems.computation import generate_computations
from training.sandbox.program import REPORT_BYTES, _execute, read_report
from training.sandbox.types import ExecutionResult

NONE = ToolMixture(guess=0, corrected=0, silent=0, repeated=0, given_up=0)


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return with_demonstrations(generate_computations(1500, "train", 0), 0)


def calls(problem: Problem) -> list[str]:
    return [turn.text for turn in problem.turns if "<tool_call>" in turn.text]


def answer(problem: Problem) -> str:
    return problem.turns[-1].text.removeprefix("<answer>").removesuffix("</answer>")


def failed(text: str) -> bool:
    return "Error" in text or "Failed" in text


def test_turns_alternate_and_only_the_last_answers(problems: list[Problem]) -> None:
    for problem in problems:
        roles = [turn.role for turn in problem.turns]
        assert roles == ["model", "tool"] * (len(roles) // 2) + ["model"]
        assert [place for place, turn in enumerate(problem.turns) if "<answer>" in turn.text] == [len(roles) - 1]


def test_whoever_has_seen_the_value_gives_it_and_nobody_else_does(problems: list[Problem]) -> None:
    for problem in problems:
        seen = any(turn.text == problem.answer for turn in problem.turns if turn.role == "tool")
        assert (answer(problem) == problem.answer) == seen


def test_all_styles_come_up_about_as_often_as_the_mixture_says(problems: list[Problem]) -> None:
    kinds: Counter[str] = Counter()
    for problem in problems:
        results = [turn.text for turn in problem.turns if turn.role == "tool"]
        bad = sum(map(failed, results))
        right = answer(problem) == problem.answer
        kinds["guess"] += not results
        kinds["corrected"] += bad > 0 and right
        kinds["given_up"] += bad > 0 and not right
        kinds["silent"] += "(no output)" in results
        kinds["repeated"] += results.count(problem.answer) == 2
    mixture = ToolMixture()
    for style, count in kinds.items():
        assert count / len(problems) == pytest.approx(getattr(mixture, style), abs=0.04), style


def test_calls_have_several_shapes_and_most_can_be_read(problems: list[Problem]) -> None:
    requests = [request for problem in problems for call in calls(problem) for request in parse_calls(call)]
    readable = [request for request in requests if request.refusal is None]
    assert 0.85 < len(readable) / len(requests) < 0.98
    codes = [request.arguments["code"] for request in readable]
    assert sum(code.startswith("print(") for code in codes) > sum("\n" in code for code in codes) > 100
    assert sum(code[0].isdigit() or code[0] == "(" for code in codes) > 100
    assert 0 < sum(request.name == OTHER_TOOL for request in readable) < len(readable) / 5


def test_what_is_said_of_unreadable_calls_is_what_the_parser_says() -> None:
    problem = generate_computations(1, "train", 0)[0]
    refused = 0
    for seed in range(60):
        call, said = failing_call(problem.meta["expression"], random.Random(seed))
        (request,) = parse_calls(call.text)
        if request.refusal is not None:
            refused += 1
            assert said.text == result_text(request.refusal)
    assert refused > 3


def test_results_are_short_enough_to_be_shown_whole(problems: list[Problem]) -> None:
    longest = max(len(turn.text) for problem in problems for turn in problem.turns if turn.role == "tool")
    assert longest <= AgenticConfig().result_characters


def test_one_style_alone_can_be_asked_for() -> None:
    problem = generate_computations(1, "train", 0)[0]
    clean = demonstrate(problem, NONE, random.Random(0))
    assert [turn.role for turn in clean] == ["model", "tool", "model"]
    assert json.loads(clean[0].text[len("<tool_call>") : -len("</tool_call>")])["name"] == "python"
    assert len(demonstrate(problem, replace(NONE, guess=1.0), random.Random(0))) == 1


def test_the_seed_decides_everything(problems: list[Problem]) -> None:
    again = with_demonstrations(generate_computations(50, "train", 0), 0)
    assert again[:50] == problems[:50]
    assert with_demonstrations(generate_computations(50, "train", 0), 1) != again


def executed(program: str) -> ExecutionResult:
    """The result of a harmless program, run here by the sandbox's own code."""
    report, out = mmap.mmap(-1, REPORT_BYTES), io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        code = _execute(program, {}, report)
    noted: dict[str, Any] = dict(read_report(report[:]))
    values = {"id": "", "status": "error" if code else "ok", "stdout": out.getvalue()}
    return ExecutionResult.from_dict(values | noted)


def test_tools_say_what_they_would_say(problems: list[Problem]) -> None:
    seen: Counter[str] = Counter()
    for problem in problems:
        for call, said in zip(problem.turns[:-1:2], problem.turns[1::2], strict=True):
            (request,) = parse_calls(call.text)
            if request.refusal is not None:
                result = request.refusal
            elif request.name != PYTHON:
                result = could_not_run("unknown_tool", repr(request.name))
            else:
                result = read_result(executed(request.arguments["code"]), 4)
            seen[result.status] += 1
            assert said.text == result_text(result)
    assert min(seen[kind] for kind in ("ok", "error", "malformed", "unknown_tool")) > 30
