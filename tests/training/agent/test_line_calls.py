"""Tool calls in lines: the same calls as in JSON, read back as they were written, and refused in the same ways."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.agent.parts import codec, conversation, drawn
from training.agent.line_calls import in_lines, parse_either
from training.agent.parser import parse_calls
from training.agent.schema import builtin_schemas
from training.config import RunConfig
from training.sources import load_problems

REPOSITORY, PYTHON = builtin_schemas("template", "repository"), builtin_schemas("template")


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


@pytest.mark.parametrize(
    ("lines", "name", "arguments"),
    [
        ("read", "read", {}),
        ("read\na/b.py", "read", {"path": "a/b.py"}),
        ("run_tests", "run_tests", {}),
        ("edit\na.py\nx=1\nx=2\ny=3", "edit", {"path": "a.py", "old": "x=1", "new": "x=2\ny=3"}),
        ("edit\na.py\n  x\n", "edit", {"path": "a.py", "old": "  x"}),
        ("edit\na.py", "edit", {"path": "a.py"}),
        ("find\na.py\nb", "find", {"arguments": "a.py\nb"}),
        ("", "", {}),
    ],
)
def test_each_argument_has_a_line_and_the_last_may_have_more(lines: str, name: str, arguments: dict[str, str]) -> None:
    [read] = parse_either(f"I see.<tool_call>{lines}</tool_call>", REPOSITORY)
    assert (read.name, dict(read.arguments), read.refusal) == (name, arguments, None)
    assert json.loads(read.written) == arguments


def test_a_program_is_all_that_follows_the_name() -> None:
    [read] = parse_either("<tool_call>python\nx=2\nprint(x)</tool_call>", PYTHON)
    assert read.arguments == {"code": "x=2\nprint(x)"}


def test_a_tool_without_arguments_takes_none() -> None:
    [read] = parse_either("<tool_call>run_tests\nall</tool_call>", REPOSITORY)
    assert read.refusal is not None
    assert (read.refusal.status, read.written) == ("bad_arguments", "all")


def test_json_is_understood_too_and_each_call_for_itself() -> None:
    text = f"{call('read', path='a.py')}<tool_call>read\nb.py</tool_call><tool_call>{{</tool_call>"
    read = parse_either(text, REPOSITORY)
    assert [each.arguments for each in read[:2]] == [{"path": "a.py"}, {"path": "b.py"}]
    assert read[2] == parse_calls("<tool_call>{</tool_call>")[0]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(TEXTS, TEXTS, TEXTS)
def test_what_is_put_in_lines_says_the_same_and_what_cannot_be_stays_json(path: str, old: str, new: str) -> None:
    written = call("edit", path=path, old=old, new=new)
    if "</tool_call>" in path + old + new:
        return
    told = in_lines(f"so {written}", REPOSITORY)
    assert told == f"so {written}" or "{" not in told.split("<tool_call>")[1].split("\n")[0]
    [read] = parse_either(told, REPOSITORY)
    assert read.arguments == {"path": path, "old": old, "new": new}


@pytest.mark.parametrize(
    "text",
    [
        call("find", path="a.py"),
        call("edit", path="a.py", new="x"),
        call("edit", path="a.py", old="x\ny", new="z"),
        call("read", path=3),
        "<tool_call>{</tool_call>",
        "no call",
    ],
)
def test_what_lines_cannot_hold_stays(text: str) -> None:
    assert in_lines(text, REPOSITORY) == text


def test_a_conversation_reads_lines_where_the_prompt_says_so() -> None:
    for calls, status in (("lines", None), ("json", "malformed")):
        talk = conversation(500, {"tools": "template", "toolset": "repository", "calls": calls})
        [request] = talk.add_turn(drawn("<tool_call>read\nlib.py</tool_call>"), 1.0)
        assert (request.refusal.status if request.refusal else None) == status


def test_demonstrations_are_loaded_in_the_form_of_the_run() -> None:
    problems = {"kind": "builtin", "level": "repositories", "train_count": 2, "heldout_count": 1}
    prompt = {"tools": "template", "toolset": "repository"}
    config = {"problems": problems, "method": {"kind": "sft"}}
    told = {}
    for calls in ("json", "lines"):
        loaded = load_problems(RunConfig.model_validate(config | {"prompt": prompt | {"calls": calls}}), Path())
        told[calls] = [problem.turns[0].text for half in loaded for problem in half]
    assert told["json"] == [call("run_tests")] * 3
    assert told["lines"] == ["<tool_call>run_tests</tool_call>"] * 3


def test_the_instructions_tell_of_the_form() -> None:
    said = {calls: codec(tools="schema", calls=calls).prompt_text("?") for calls in ("json", "lines")}
    assert '{"name": <function-name>' in said["json"]
    assert '{"name": <function-name>' not in said["lines"]
    assert "on a line of its own" in said["lines"]
