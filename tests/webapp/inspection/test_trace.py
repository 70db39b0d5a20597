"""Responses of several turns: what their page shows of turns, calls and results, and never lets through."""

import json
import re
from typing import Any

import numpy as np
import pytest
from django.test import Client

from tests.made_traces import ALL_KINDS, CLEAN, STUMBLES, Made, make_agentic_run, make_traced_group, prompt_with_tools
from webapp.inspection import trace as traces
from webapp.inspection.models import Rollout, RolloutTokens, ToolCall
from webapp.inspection.outcomes import OUTCOMES, outcome_of
from webapp.inspection.rollout_page import read_rollout
from webapp.inspection.trace import TraceView
from webapp.inspection.why import explain

pytestmark = pytest.mark.django_db

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x07 {{ 7|add:7 }}"


def first(*turns: Any, **fields: Any) -> Rollout:
    run = make_agentic_run(**fields)
    group = make_traced_group(run, turns, rewards=[1.0, *[0.0] * (len(turns) - 1)], prompt=prompt_with_tools(run))
    return group.rollouts.get(index=0)


def trace_of(rollout: Rollout) -> TraceView:
    found = read_rollout(rollout.pk).trace
    assert found is not None
    return found


def fetch(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


def test_a_turn_is_cut_into_reasoning_calls_and_answer() -> None:
    turns = trace_of(first(STUMBLES, CLEAN)).turns
    assert [[piece.kind for piece in turn.pieces] for turn in turns] == [
        ["reasoning", "call"], ["reasoning", "call"], ["reasoning", "answer"],
    ]  # fmt: skip
    assert turns[1].pieces[0].text == "But wait, the loop lacks a colon. Mend it and run it again."
    assert turns[2].pieces[1].text == "<answer>6</answer>"
    assert turns[0].read == "tool\nSyntaxError at line 2: expected ':'\n  for i in range(3)assistant\n"
    assert turns[0].end + turns[0].read_tokens == turns[1].start


def test_every_way_a_call_can_go_has_its_word_and_icon(researcher_client: Client) -> None:
    rollout = first(ALL_KINDS, CLEAN)
    page = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    assert {call.row.status for call in trace_of(rollout).calls} == {*OUTCOMES}
    for outcome in OUTCOMES.values():
        assert f"</span> {outcome.word}</span>" in page
        assert outcome.icon in page
    assert outcome_of("on_strike").word == "on strike"
    assert page.count("data-failed") == 7, "six failures and a broken service"
    assert "What the model was shown" in page


def test_the_line_that_failed_is_marked_in_the_program(researcher_client: Client) -> None:
    rollout = first(STUMBLES, CLEAN)
    call = trace_of(rollout).calls[0]
    assert [line.number for line in call.lines if line.is_wrong] == [2]
    assert fetch(researcher_client, f"/rollouts/{rollout.pk}/").count("failed here") == 1


def test_a_broken_program_can_be_run_again_and_copied_as_it_is(
    researcher_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = first(STUMBLES, CLEAN)
    page = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    call = ToolCall.objects.filter(rollout=rollout).order_by("index")[0]
    assert f'href="/sandbox/?call={call.pk}"' in page
    found = re.search(r'<script id="call-codes" type="application/json">(.*?)</script>', page)
    assert found is not None
    assert json.loads(found[1])["1"] == call.code

    monkeypatch.setattr(traces, "CONSOLE", "nowhere:page")
    assert "Run it again" not in fetch(researcher_client, f"/rollouts/{rollout.pk}/")


def test_a_call_that_could_not_be_read_is_shown_as_it_stands_and_cannot_be_run(researcher_client: Client) -> None:
    rollout = first([("go", [Made(written="{nul <b>", status="malformed", error="Failed")]), ("", [])], CLEAN)
    call = trace_of(rollout).calls[0]
    assert (call.lines, call.further, call.rerun_address) == ([], "{nul <b>", "")
    assert "{nul &lt;b&gt;" in fetch(researcher_client, f"/rollouts/{rollout.pk}/")


def test_no_output_of_a_tool_becomes_html_or_reorders_itself(researcher_client: Client) -> None:
    hostile = Made(f"print('''{HOSTILE}''')", "error", stdout=HOSTILE, stderr=HOSTILE, value=HOSTILE, error=HOSTILE,
                   name=HOSTILE[:100], truncated=True)  # fmt: skip
    rollout = first([(HOSTILE, [hostile]), (f"<answer>{HOSTILE}</answer>", [])], CLEAN)
    for address in (f"/rollouts/{rollout.pk}/", f"/rollouts/{rollout.pk}/tokens/3/"):
        page = re.sub(r'<input type="hidden"[^>]*>', "", fetch(researcher_client, address))
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "14 }}" not in page


def test_what_was_learned_from_is_told_apart_from_what_was_read() -> None:
    page = read_rollout(first(STUMBLES, CLEAN).pk)
    assert page.arrays is not None
    assert page.trace is not None
    assert page.strip is not None
    result, mark = page.trace.calls[0].row.start_token, page.trace.turns[0].end
    assert not page.arrays.drawn[result]
    assert explain(page, result).writer == "the tool wrote it, as the result of call 1"  # type: ignore[union-attr]
    assert explain(page, mark).writer.startswith("the chat template wrote it")  # type: ignore[union-attr]
    assert explain(page, 0).writer == ""  # type: ignore[union-attr]
    for name in ("logprob", "entropy", "advantage", "ratio", "class"):
        assert page.strip.values[name][result] is None, "no figure of a token that the model did not draw"
    assert page.strip.masked == page.rollout.length - page.drawn


def test_the_panel_of_a_masked_token_says_who_wrote_it(researcher_client: Client) -> None:
    rollout = first(STUMBLES, CLEAN, roc=True)
    result = trace_of(rollout).calls[0].row.start_token
    panel = words(fetch(researcher_client, f"/rollouts/{rollout.pk}/tokens/{result}/"))
    assert (
        "Masked: not learned. The policy did not draw this token: the tool wrote it, as the result of call 1." in panel
    )
    assert "All 2 were kept." in panel


def test_the_panel_of_a_drawn_token_tells_its_class_and_that_its_move_was_not_measured(
    researcher_client: Client,
) -> None:
    rollout = first(STUMBLES, CLEAN)
    page = read_rollout(rollout.pk)
    assert page.classed is not None
    token = int(np.flatnonzero(page.classed.classes == 1)[0])
    panel = words(fetch(researcher_client, f"/rollouts/{rollout.pk}/tokens/{token}/"))
    assert "reflection on a tool's result" in panel.replace("&#x27;", "'")
    assert "not measured. No policy from after this step is left" in panel
    rollout.run.checkpoints.create(step=7, path="checkpoints/step_000007", size=1, saved_at="2026-01-01T00:00Z")
    assert "saved after it learned from this is that of step 7" in words(
        fetch(researcher_client, f"/rollouts/{rollout.pk}/tokens/{token}/")
    )


def test_marks_without_text_have_the_names_of_the_models_own_tokenizer() -> None:
    page = read_rollout(first(STUMBLES, CLEAN).pk)
    assert page.strip is not None
    assert '<i class="special">&lt;|im_end|&gt;</i>' in page.strip.html


def test_without_token_ends_the_calls_are_still_there(researcher_client: Client) -> None:
    rollout = first(STUMBLES, CLEAN)
    RolloutTokens.objects.filter(rollout=rollout).delete()
    page = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    assert "Only its text was kept" in page
    assert "failed here" in page
    assert "cannot be told apart" in page


def test_a_response_without_turns_looks_as_before(researcher_client: Client) -> None:
    run = make_agentic_run()
    group = make_traced_group(run, (STUMBLES, CLEAN))
    rollout = group.rollouts.get(index=0)
    rollout.trace.delete()
    rollout.tool_calls.all().delete()
    page = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    assert "trace-view" not in page
    assert "<h2>Response</h2>" in page
    assert 'data-by="class"' not in page


def test_a_trace_costs_few_queries(researcher_client: Client, django_assert_max_num_queries: Any) -> None:
    rollout = first(ALL_KINDS, CLEAN, roc=True)
    with django_assert_max_num_queries(13):
        researcher_client.get(f"/rollouts/{rollout.pk}/")


def test_the_twin_has_the_turns_and_calls(researcher_client: Client) -> None:
    rollout = first(STUMBLES, CLEAN)
    told = json.loads(fetch(researcher_client, f"/rollouts/{rollout.pk}/?format=json"))
    assert [turn["start"] for turn in told["trace"]["turns"]] == [turn.start for turn in trace_of(rollout).turns]
    assert told["trace"]["calls"][0]["status"] == "error"
    assert told["trace"]["ending"] == "answered"
