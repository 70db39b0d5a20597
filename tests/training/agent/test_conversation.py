"""How a response of several turns grows, is masked, and ends."""

import numpy as np
import pytest

from tests.training.agent.parts import call, codec, conversation, drawn, ids, tokenizer
from training.agent.conversation import Conversation
from training.agent.results import ToolResult


def answer(talk: Conversation, *texts: str, now: float = 1.0) -> bool:
    return talk.add_results([(ToolResult("ok", stdout=text), now) for text in texts], now)


def test_ids_are_appended_and_never_rebuilt() -> None:
    """Also where reading the text again would give other ids: digits drawn as bytes of a word, say."""
    talk = conversation()
    odd = drawn(call())
    odd.token_ids[:0] = ids("w") + ids("a") + ids("it")  # "wait" is one token when it is read
    assert ids("wait") != odd.token_ids[:3]
    odd = type(odd)(odd.token_ids, np.zeros(len(odd.token_ids), np.float32), np.zeros(len(odd.token_ids), np.float32),
                    "stop", 0)  # fmt: skip
    talk.add_turn(odd, 0.5)
    assert answer(talk, "2")
    last = drawn("<answer>2</answer>")
    assert talk.add_turn(last, 2.0) == []
    between = talk.rules.template.between(["2"], tokenizer().eos_token_id).ids
    assert talk.ids == codec(tools="template").prompt_ids("1+1=?") + odd.token_ids + between + last.token_ids


def test_the_mask_is_on_what_the_model_drew_with_its_ends_of_turns_and_nothing_else() -> None:
    talk = conversation(prefix="<think>")
    first, second = drawn("so" + call()), drawn("<answer>2</answer>")
    talk.add_turn(first, 1.0)
    answer(talk, "2")
    talk.add_turn(second, 2.0)
    rollout = talk.rollout()
    assert rollout.mask is not None
    assert rollout.drawn == len(first.token_ids) + len(second.token_ids)
    tokens = np.array(rollout.token_ids)
    assert tokens[rollout.mask].tolist() == first.token_ids + second.token_ids
    given = tokenizer().decode(tokens[~rollout.mask])
    assert given.startswith("\n<|im_start|>user\n<tool_response>\n2\n")
    assert given.endswith("<|im_start|>assistant\n<think>")
    ends = [place for place, token in enumerate(tokens) if token == tokenizer().eos_token_id]
    assert rollout.mask[ends].tolist() == [True, False, True]
    assert (rollout.sampler_logprobs[~rollout.mask] == 0).all()
    assert (rollout.sampler_logprobs[rollout.mask] == -0.5).all()
    rollout.advantage = 2.0
    assert rollout.advantages.tolist() == (2.0 * rollout.mask).tolist()


def test_a_response_of_one_turn_needs_no_mask() -> None:
    talk = conversation()
    assert talk.add_turn(drawn("<answer>2</answer>"), 1.0) == []
    assert talk.rollout().mask is None


@pytest.mark.parametrize("text", ["<answer>2</answer>", "<tool_call>{", '<tool_call>{"name": "python"'])
def test_a_turn_without_a_whole_call_ends_the_response(text: str) -> None:
    talk = conversation()
    assert talk.add_turn(drawn(text), 1.0) == []
    assert talk.trace.ending == "answered"
    assert talk.trace.calls == []


def test_a_call_that_cannot_be_read_is_answered_and_the_model_goes_on() -> None:
    talk = conversation()
    [request] = talk.add_turn(drawn("<tool_call>{'code': 1}</tool_call>"), 1.0)
    assert request.refusal is not None
    assert talk.add_results([(request.refusal, 1.0)], 1.0)
    [made] = talk.trace.calls
    assert made.result.startswith("Failed to decode tool call: ")
    assert (made.status, made.failed, made.answered, made.name) == ("malformed", True, True, "")
    assert tokenizer().decode(talk.response[made.start : made.end]) == made.result


def test_of_two_calls_one_is_run_and_answered_unless_more_are_allowed() -> None:
    text = call("print(1)") + call("print(2)")
    talk = conversation()
    assert len(talk.add_turn(drawn(text), 1.0)) == 1
    answer(talk, "1")
    assert [made.status for made in talk.trace.calls] == ["ok", "unanswered"]
    assert tokenizer().decode(talk.response).count("<tool_response>") == 1
    talk = conversation(max_calls=2)
    assert len(talk.add_turn(drawn(text), 1.0)) == 2
    answer(talk, "1", "2")
    assert [made.result for made in talk.trace.calls] == ["1", "2"]
    assert tokenizer().decode(talk.response).count("<|im_start|>user") == 1


def test_a_result_that_would_fill_the_response_is_not_appended() -> None:
    first = drawn(call())
    between = conversation().rules.template.between(["2"], tokenizer().eos_token_id).ids
    exactly = len(first.token_ids) + len(between)
    talk = conversation(budget=exactly)
    assert len(talk.add_turn(first, 1.0)) == 1
    assert not answer(talk, "2")
    assert talk.response == first.token_ids
    rollout = talk.rollout()
    assert rollout.truncated
    assert talk.trace.ending == "result"
    assert rollout.mask is None
    talk = conversation(budget=exactly + 1)
    talk.add_turn(first, 1.0)
    assert answer(talk, "2")
    assert talk.room == 1


def test_a_turn_that_fills_the_response_ends_it_though_it_calls() -> None:
    first = drawn(call())
    talk = conversation(budget=len(first.token_ids))
    assert talk.add_turn(first, 1.0) == []
    assert (talk.trace.ending, talk.rollout().finish_reason) == ("budget", "length")
    cut = drawn("12345", "length")
    talk = conversation(budget=len(cut.token_ids))
    talk.add_turn(cut, 1.0)
    assert talk.rollout().truncated


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_there_are_at_most_so_many_turns_and_one_tool_turn_less(turns: int) -> None:
    talk = conversation(budget=2000, max_turns=turns)
    answered = 0
    while talk.add_turn(drawn(call()), 1.0):
        assert answer(talk, "2")
        answered += 1
    assert len(talk.trace.turns) == turns
    assert answered == turns - 1
    assert [made.status for made in talk.trace.calls] == ["ok"] * (turns - 1) + ["unanswered"]
    assert talk.trace.ending == "turns"


@pytest.mark.parametrize("scope", ["answer", "response"])
def test_only_what_the_model_put_into_answer_tags_is_graded_unless_asked_otherwise(scope: str) -> None:
    talk = conversation(reward_scope=scope)
    talk.add_turn(drawn(r"\boxed{2} <answer>" + call()), 1.0)
    answer(talk, r"<answer>\boxed{2}</answer>")
    talk.add_turn(drawn("</answer> so 2"), 2.0)
    graded = talk.rollout().graded_text
    assert talk.trace.answers == 1
    assert graded == "" if scope == "answer" else r"\boxed{2}" in graded


def test_of_several_answers_the_last_counts() -> None:
    talk = conversation()
    talk.add_turn(drawn("<answer>1</answer>" + call()), 1.0)
    answer(talk, "<answer>7</answer>")
    talk.add_turn(drawn(r"<answer>\boxed{3}</answer> and \boxed{9}"), 2.0)
    rollout = talk.rollout()
    assert rollout.graded_text == r"<answer>\boxed{3}</answer>"
    assert talk.trace.answers == 2
    assert "7" not in rollout.own_text


def test_what_is_kept_of_a_call_is_bounded_and_can_be_stored() -> None:
    talk = conversation()
    talk.add_turn(drawn(call()), 1.0)
    huge = "\ud800" + "x" * 100_000
    talk.add_results([(ToolResult("error", stdout=huge, stderr=huge, value=huge, error=huge), 1.0)], 1.0)
    [made] = talk.trace.calls
    for text in (made.stdout, made.stderr, made.value, made.error, made.result):
        assert len(text.encode()) < 5000
        assert text.startswith("?x")


def test_what_a_page_shows_of_it_adds_up() -> None:
    talk = conversation(result_characters=16)
    talk.add_turn(drawn(call("print('x'*99)")), 1.0)
    talk.add_results([(ToolResult("ok", stdout="x" * 99, queue_s=0.25, wall_s=0.5), 1.75)], 2.0)
    talk.add_turn(drawn("<answer>2</answer>"), 3.0)
    first, second = talk.trace.turns
    [made] = talk.trace.calls
    assert (first.began, first.ended, second.began, second.ended) == (0.0, 1.0, 2.0, 3.0)
    assert (made.began, made.ended, made.queue_s, made.wall_s) == (1.0, 1.75, 0.25, 0.5)
    assert (first.start, second.end) == (0, len(talk.response))
    assert first.end <= made.start < made.end <= second.start
    assert made.truncated
    assert made.result == "x" * 8 + "...(truncated)..." + "x" * 8
    assert made.stdout == "x" * 99
    assert tokenizer().decode(talk.response[made.start : made.end]) == made.result
    assert talk.trace.seconds == 3.0
