"""Two responses of several turns beside each other, and siblings with their turns."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_group, make_run
from tests.made_traces import CLEAN, FAILING, MENDED, STUMBLES, Made, Turn, make_agentic_run, make_traced_group

pytestmark = pytest.mark.django_db

OTHER_RESULT: list[Turn] = [(CLEAN[0][0], [Made(MENDED.code, stdout="total 4\n", value="6")]), CLEAN[1]]
LONGER: list[Turn] = [*CLEAN[:1], ("So", [MENDED]), *CLEAN[1:]]


def compare(client: Client, left: list[Turn], right: list[Turn]) -> tuple[dict[str, Any], str]:
    run = make_agentic_run()
    one, other = make_traced_group(run, (left, right)).rollouts.order_by("index")
    address = f"/rollouts/compare/?a={one.pk}&b={other.pk}"
    return json.loads(client.get(f"{address}&format=json").content), client.get(address).content.decode()


@pytest.mark.parametrize(("right", "turn", "why"), [
    (STUMBLES, 1, "calls"), (OTHER_RESULT, 1, "results of the same calls"), (LONGER, 2, "reasoning"),
    ([*CLEAN, ("And more.", [])], 3, "one has ended"), ([("No.", CLEAN[0][1]), CLEAN[1]], 1, "reasoning"),
])  # fmt: skip
def test_the_turn_in_which_they_part_is_marked_once(
    researcher_client: Client, right: list[Turn], turn: int, why: str
) -> None:
    told, page = compare(researcher_client, CLEAN, right)
    assert told["first_turn"] == turn
    assert f"first divergence: {why}" in page
    assert page.count('class="parts-here"') == 1
    assert f'<a href="#turn-{turn}">turn {turn}</a>' in page
    assert page.count("the same in both") >= turn - 1


def test_the_same_response_twice_parts_nowhere(researcher_client: Client) -> None:
    told, page = compare(researcher_client, CLEAN, CLEAN)
    assert told["first_turn"] is None
    assert "All turns are the same." in page


def test_responses_without_turns_are_compared_as_before(researcher_client: Client) -> None:
    one, other = make_group(make_agentic_run(), rewards=[1.0, 0.0]).rollouts.order_by("index")
    page = researcher_client.get(f"/rollouts/compare/?a={one.pk}&b={other.pk}").content.decode()
    assert "Turn by turn" not in page


def test_siblings_tell_their_turns_and_failing_calls(
    researcher_client: Client, django_assert_max_num_queries: Any
) -> None:
    run = make_agentic_run(roc=True)
    group = make_traced_group(run, (STUMBLES, CLEAN, [("", [FAILING])]), rewards=(1, 1, 0), left_out=(0,))
    with django_assert_max_num_queries(10):
        page = researcher_client.get(f"/groups/{group.pk}/").content.decode()
    assert "3 turns, 2 calls" in page
    assert page.count("</span> 1 failing</span>") == 2
    assert page.count("◌ left out") == 1


@pytest.mark.parametrize(("sort", "order"), [
    ("trace__turn_count", [2, 1, 0]), ("-trace__failed_count", [0, 2, 1]), ("trace__seconds", [0, 1, 2]),
])  # fmt: skip
def test_siblings_are_sorted_by_turns_and_failing_calls(researcher_client: Client, sort: str, order: list[int]) -> None:
    group = make_traced_group(make_agentic_run(), (STUMBLES, CLEAN, [("", [FAILING])]), rewards=(1, 1, 0))
    told = json.loads(researcher_client.get(f"/groups/{group.pk}/?sort={sort}&format=json").content)
    assert [sibling["index"] for sibling in told["siblings"]] == order


def test_groups_without_tools_are_not_sorted_by_them(researcher_client: Client) -> None:
    group = make_group(make_run(), rewards=[1.0, 0.0])
    assert "Failing calls" not in researcher_client.get(f"/groups/{group.pk}/").content.decode()
    assert researcher_client.get(f"/groups/{group.pk}/?sort=trace__turn_count").status_code == 200
