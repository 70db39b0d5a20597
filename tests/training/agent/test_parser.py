"""Tool calls as models write them, rightly and in every wrong way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.agent.parser import parse_calls
from training.agent.results import result_text


def test_a_call_is_an_object_between_tags() -> None:
    [call] = parse_calls('so <tool_call>\n{"name": "python", "arguments": {"code": "print(1)"}}\n</tool_call> then')
    assert (call.name, dict(call.arguments), call.refusal) == ("python", {"code": "print(1)"}, None)
    assert json.loads(call.written) == {"code": "print(1)"}


def test_several_calls_come_in_order() -> None:
    calls = parse_calls("".join(f'<tool_call>{{"name": "{n}", "arguments": {{}}}}</tool_call>' for n in "abc"))
    assert [call.name for call in calls] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text", ["", "no call", "<tool_call>{", '{"name": "a"}</tool_call>', "</tool_call><tool_call>"]
)
def test_without_both_tags_there_is_no_call(text: str) -> None:
    assert parse_calls(text) == []


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{name: 1}", "Expecting property name enclosed in double quotes"),
        ('{"name": "python" "arguments": {}}', "Expecting ',' delimiter"),
        ('{"name": "a", "arguments": {}} {}', "Extra data"),
        ("", "Expecting value"),
        ('{"arguments": {}}', "'name'"),
        ('{"name": "python"}', "'arguments'"),
        ("[1]", "expected an object"),
        ('{"name": 3, "arguments": {}}', "name must be a string"),
        ("[" * 100_000, "recursion"),
        ('{"name": "a", "arguments": {"code": ' + "9" * 5000 + "}}", "digits"),
    ],
)
def test_what_is_no_call_gets_the_decoders_words_for_an_answer(block: str, said: str) -> None:
    [call] = parse_calls(f"<tool_call>{block}</tool_call>")
    assert call.refusal is not None
    assert call.refusal.status == "malformed"
    assert result_text(call.refusal).startswith("Failed to decode tool call: ")
    assert said in result_text(call.refusal)
    assert call.written == block.strip()


@pytest.mark.parametrize(("arguments", "kind"), [('"print(1)"', "str"), ("[1]", "list"), ("null", "NoneType")])
def test_arguments_that_are_no_object_are_refused_in_the_words_of_the_release(arguments: str, kind: str) -> None:
    [call] = parse_calls(f'<tool_call>{{"name": "python", "arguments": {arguments}}}</tool_call>')
    assert call.refusal is not None
    assert call.refusal.status == "bad_arguments"
    assert result_text(call.refusal) == f"Error when executing tool: '{kind}' object has no attribute 'get'"


def test_half_a_character_does_not_get_further() -> None:
    [call] = parse_calls('<tool_call>{"name": "a\\ud800", "arguments": {"code": "\\udfff"}}</tool_call>')
    assert call.name == "a?"
    assert call.written.encode() == b'{"code": "?"}'


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for call in parse_calls(f"<tool_call>{text}</tool_call>"):
        assert call.refusal is not None or call.name is not None
