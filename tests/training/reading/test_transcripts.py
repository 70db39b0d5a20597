"""Transcripts of agents in the shapes that they come in, and what is said of broken ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.reading import shapes
from training.agent.parser import parse_calls
from training.problems.types import DemonstratedTurn, Problem, read_problems
from training.reading import Accepted, ImportPlan, Refused, convert, propose, read_rows, sniff
from training.reading.cells import CellError
from training.reading.transcripts import transcript_of
from training.srl.steps import steps_of

Message = dict[str, Any]
ASKED: Message = {"role": "user", "content": "Mend the test."}


def test_calls_become_text_that_the_model_would_write() -> None:
    asked, turns = transcript_of(shapes.transcript(3))
    assert asked == "How large is file 3?"
    assert [turn.role for turn in turns] == ["model", "tool", "model", "tool", "model"]
    assert turns[0].text == 'I look.\n<tool_call>{"name": "bash", "arguments": {"command": "ls 3"}}</tool_call>'
    [call] = parse_calls(turns[0].text)
    assert (call.name, call.arguments) == ("bash", {"command": "ls 3"})
    assert turns[-1].text == "It has 3 bytes."
    demonstrated = Problem("p", asked, "", None, "train", "", turns=turns)
    assert [step.observation for step in steps_of(demonstrated, "tool_call")] == ["out 3", "3 bytes"]


def test_calls_in_the_text_are_answered_by_the_user() -> None:
    messages = [
        {"role": "system", "content": "You are an agent."},
        {"role": "user", "content": [{"type": "text", "text": "Mend it."}]},
        {"role": "assistant", "content": "I look.\n<function=bash>\nls\n</function>"},
        {"role": "user", "content": "OBSERVATION:\na.py"},
        {"role": "assistant", "content": "<function=submit>\n</function>"},
        {"role": "user", "content": "done"},
    ]
    expected = (
        "Mend it.",
        (
            DemonstratedTurn("model", "I look.\n<function=bash>\nls\n</function>"),
            DemonstratedTurn("tool", "OBSERVATION:\na.py"),
            DemonstratedTurn("model", "<function=submit>\n</function>"),
        ),
    )
    assert transcript_of(messages) == expected
    assert transcript_of(json.dumps(messages)) == expected


def test_lists_with_from_and_value() -> None:
    _, turns = transcript_of(
        [
            {"from": "human", "value": "How many?"},
            {"from": "gpt", "value": "I count."},
            {"from": "function_call", "value": '{"name": "count", "arguments": {}}'},
            {"from": "observation", "value": "4"},
            {"from": "gpt", "value": "Four."},
        ]
    )
    assert [(turn.role, turn.text) for turn in turns] == [
        ("model", 'I count.\n<tool_call>{"name": "count", "arguments": {}}</tool_call>'),
        ("tool", "4"),
        ("model", "Four."),
    ]


def said(text: str | None, *calls: Message) -> Message:
    return {"role": "assistant", "content": text, "tool_calls": list(calls)}


def call(arguments: object, name: str = "bash", call_id: str = "c1") -> Message:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


TOOL: Message = {"role": "tool", "content": "a.py"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no transcript"),
        ("[{", "the transcript is not JSON: expecting property name .* at character 3"),
        ("1", "the transcript is no list of messages"),
        ({"role": "user"}, "the transcript is no list of messages"),
        ([ASKED], "the assistant says nothing"),
        ([ASKED, said("I look."), TOOL], "in message 3 .* a tool answers, though the assistant called none"),
        ([ASKED, TOOL, said("x")], "in message 2 .* a tool answers, though the assistant called none"),
        ([ASKED, said(None, call("{}")), {**TOOL, "tool_call_id": "c2"}], "message 3 .* the call 'c2', which was not"),
        ([said("Hello."), ASKED], "message 1 .* the assistant's, before anything is asked"),
        ([ASKED, said("a"), said("b")], "in message 3 .* the assistant speaks twice in a row"),
        ([ASKED, said("a"), ASKED, said("b")], "in message 3 .* the user speaks again"),
        ([ASKED, {"role": "system", "content": "x"}], "message 2 .* the system's, which may only come first"),
        ([ASKED, {"role": "narrator", "content": "x"}], "message 2 .* has the role 'narrator'"),
        ([ASKED, said(None)], "message 2 .* the assistant's and empty"),
        ([ASKED, said(None, call("{'a': 1}"))], "the arguments of 'bash' in message 2 .* not JSON"),
        ([ASKED, said(None, call("{}", name=""))], "message 2 .* a call without a name"),
        ([ASKED, said("<function=bash> ls")], "message 2 .* a call that does not end"),
        ([ASKED, said("<tool_call>{}</tool_call> <tool_call>{")], "message 2 .* a call that does not end"),
        ([ASKED, {"role": "assistant", "content": 3}], "what message 2 .* says is no text"),
        ([ASKED, said("a\x00")], "the transcript has a NUL character"),
    ],
)
def test_a_broken_transcript_is_refused_with_the_message_that_breaks_it(value: Any, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        transcript_of(value)


def test_a_file_of_transcripts_is_recognised_and_its_broken_rows_are_told(tmp_path: Path) -> None:
    broken = [ASKED, said("I look."), TOOL]
    rows = [{"id": number, "messages": shapes.transcript(number)} for number in range(4)]
    source = shapes.jsonl(tmp_path / "a.jsonl", [*rows, {"id": 9, "messages": broken}, {"id": 10}])
    columns = sniff(read_rows(source))
    assert [(column.path, column.kind) for column in columns][1] == ("messages", "transcript")
    plan = propose(columns)
    assert plan == ImportPlan("messages", "", keep_unanswered=True, turns="messages")
    assert plan.is_usable
    made = list(convert([source], plan))
    assert [type(each).__name__ for each in made] == ["Accepted"] * 4 + ["Refused"] * 2
    assert isinstance(made[0], Accepted)
    assert (made[0].prompt, made[0].answer, made[0].solution) == ("How large is file 0?", "", "")
    assert len(made[0].turns) == 5
    assert [(each.row, each.reason[:30]) for each in made if isinstance(each, Refused)] == [
        (5, "in message 3 of the transcript"),
        (6, "no transcript"),
    ]


def test_json_text_in_a_column_beside_a_prompt_and_an_answer(tmp_path: Path) -> None:
    rows = [
        {"problem": f"Q{number}", "trajectory": json.dumps(shapes.transcript(number)), "answer": str(number)}
        for number in range(3)
    ]
    source = shapes.jsonl(tmp_path / "a.jsonl", rows)
    plan = propose(sniff(read_rows(source)))
    assert plan == ImportPlan("problem", "answer", keep_unanswered=True, turns="trajectory")
    first = next(convert([source], plan))
    assert isinstance(first, Accepted)
    assert (first.prompt, first.answer, len(first.turns)) == ("Q0", "0", 5)


def test_every_accepted_transcript_can_be_read_by_a_trainer(tmp_path: Path) -> None:
    asked, turns = transcript_of(shapes.transcript(1))
    record = {"id": "a", "prompt": asked, "answer": "", "split": "train", "level": ""}
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({**record, "turns": [{"role": turn.role, "text": turn.text} for turn in turns]}))
    [problem] = read_problems(path)
    assert problem.turns == turns
