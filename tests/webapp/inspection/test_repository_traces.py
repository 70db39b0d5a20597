"""A software agent's response: commands, what came of them, diffs by sign and word, and the repository in the end."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.made_traces import Made, Turn, make_agentic_run, make_traced_group, prompt_with_tools
from webapp.inspection.diff_lines import diff_lines
from webapp.inspection.models import Rollout, RolloutTrace

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
DIFF = "--- a/ops.py\n+++ b/ops.py\n@@ -1,2 +1,2 @@\n def add(a,b):\n- return a-b\n+ return a+b" + HOSTILE


def made(name: str, status: str = "ok", stdout: str = "", error: str = "", **arguments: Any) -> Made:
    return Made(written=json.dumps(arguments), status=status, stdout=stdout, error=error, name=name)


TURNS: list[Turn] = [
    ("<think>look</think>", [made("read", stdout="ops.py\ntest_ops.py")]),
    ("<think>see ops.py</think>", [made("read", path="ops.py", stdout="def add(a,b):\n return a-b")]),
    ("<think>a-b must be a+b</think>", [
        made("edit", "error", path="ops.py", old="a - b", new="a+b",
             error="old must be found once in ops.py, not 0 times"),
    ]),
    ("<think>again</think>", [
        made("edit", path="ops.py", old="a-b", new="a+b", stdout="- return a-b\n+ return a+b" + HOSTILE),
    ]),
    ("<think>test</think>", [made("run_tests", stdout="1 passed")]),
    ("done", []),
]  # fmt: skip


def resolved() -> Rollout:
    run = make_agentic_run()
    group = make_traced_group(run, [TURNS, TURNS[-1:]], prompt=prompt_with_tools(run))
    rollout = group.rollouts.get(index=0)
    Rollout.objects.filter(pk=rollout.pk).update(extracted="1 passed")
    RolloutTrace.objects.filter(rollout=rollout).update(diff=DIFF, tests="1 passed")
    RolloutTrace.objects.filter(rollout__group=group, rollout__index=1).update(tests="0 passed, 1 failed")
    return rollout


def test_lines_of_a_diff_are_told_apart_by_sign_and_word() -> None:
    lines = diff_lines(DIFF + "\n--- not a head\n+++ nor this")
    assert [line.kind for line in lines] == [
        "head", "head", "head", "same", "removed", "added", "head", "head",
    ]  # fmt: skip
    assert [(line.sign, line.text) for line in lines[3:5]] == [("", "def add(a,b):"), ("−", " return a-b")]
    assert diff_lines("") == []


@pytest.mark.django_db
def test_commands_diffs_and_the_outcome_are_shown_and_nothing_hostile(researcher_client: Client) -> None:
    rollout = resolved()
    page = researcher_client.get(f"/rollouts/{rollout.pk}/").content.decode()
    assert HOSTILE not in page
    assert "<img src=x" not in page
    told = " ".join(re.sub(r"<[^>]+>", "", page).split())
    for command in ("$ read ", "$ read ops.py", "$ edit ops.py", "$ run_tests"):
        assert command in told
    assert page.count('<span class="removed">') == 3, "one that was meant, one that was made, one of the whole"
    assert "meant to change" in told
    assert "removed: return a-b" in told
    assert "added: return a+b" in told
    assert "The repository in the end" in told
    assert "its repository's tests decide" in told.replace("&#x27;", "'")
    sibling = rollout.group.rollouts.get(index=1)
    untouched = researcher_client.get(f"/rollouts/{sibling.pk}/").content.decode()
    assert "0 passed, 1 failed" in untouched
    assert "Nothing was changed." in untouched


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_is_accessible_and_fits_a_narrow_screen(
    live_server: LiveServer, researcher_client: Client, browser: Browser
) -> None:
    rollout = resolved()
    with page_of(researcher_client, browser, live_server.url) as page:
        page.goto(f"/rollouts/{rollout.pk}/")
        page.locator(".outcome .changes .added").wait_for()
        accessible(page)
        page.set_viewport_size(NARROW)
        fits_narrow(page, f"/rollouts/{rollout.pk}/")
