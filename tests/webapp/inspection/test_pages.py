"""Pages of steps, groups, responses and comparisons: what they show, say of what is missing, and never let through."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_group, make_prompt, make_run
from webapp.inspection.models import Rollout, RolloutText, RolloutTokens
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x07 {{ 7|add:7 }}"


def fetch(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def twin(client: Client, address: str) -> dict[str, Any]:
    return json.loads(fetch(client, f"{address}{'&' if '?' in address else '?'}format=json"))


def small_run(**more: Any) -> Run:
    """Wants 3 groups of 4 a step."""
    return make_run(method={"kind": "grpo", "sampling": {"prompts_per_step": 3, "samples_per_prompt": 4}}, **more)


@pytest.fixture
def hostile(db: None) -> Rollout:
    """A response, an answer, a problem, a reference and a reward's name that all try to break out."""
    run = small_run()
    prompt = make_prompt(run, HOSTILE, HOSTILE, HOSTILE)
    group = make_group(run, rewards=[1.0, 0.0], texts=[HOSTILE, HOSTILE + "!"], prompt=prompt, tokens=True,
                       extracted=HOSTILE, parts={HOSTILE: 1.0, "accuracy": 0.0})  # fmt: skip
    return group.rollouts.get(index=0)


def addresses_of(rollout: Rollout) -> list[str]:
    return [
        f"/runs/{rollout.run_id}/rollouts/?q=alert",
        f"/runs/{rollout.run_id}/steps/{rollout.step}/",
        f"/groups/{rollout.group_id}/",
        f"/rollouts/{rollout.pk}/",
        f"/rollouts/{rollout.pk}/tokens/0/",
        f"/rollouts/compare/?a={rollout.pk}&b={rollout.pk + 1}",
        f"/rollouts/compare/?a={rollout.pk}&b={rollout.pk + 1}&by=token",
    ]


def test_no_page_lets_model_output_become_html_or_reorder_itself(researcher_client: Client, hostile: Rollout) -> None:
    for address in addresses_of(hostile):
        page = fetch(researcher_client, address)
        shown = re.sub(r'<input type="hidden"[^>]*>', "", page)  # carries the text to the verifier, as it is
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        assert "\u202e" not in shown, address
        assert "14 }}" not in page, address


def test_json_twins_hold_the_text_as_it_is(researcher_client: Client, hostile: Rollout) -> None:
    for address in [each for each in addresses_of(hostile) if "/tokens/" not in each]:
        answer = researcher_client.get(f"{address}{'&' if '?' in address else '?'}format=json")
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"
    page = twin(researcher_client, f"/rollouts/{hostile.pk}/")
    assert page["text"] == "".join(page["tokens"]["text"]) == HOSTILE
    assert page["reference"] == HOSTILE
    assert len(page["push"]) == hostile.length
    group = twin(researcher_client, f"/groups/{hostile.group_id}/")
    assert [sibling["text"] for sibling in group["siblings"]] == [HOSTILE, HOSTILE + "!"]
    assert group["common_prefix"] == HOSTILE


@pytest.mark.parametrize(
    "address",
    ["/runs/9/rollouts/", "/runs/9/steps/1/", "/groups/9/", "/rollouts/9/", "/rollouts/9/tokens/0/",
     "/rollouts/compare/?a=8&b=9", f"/rollouts/{10**30}/", f"/groups/{10**30}/", f"/runs/{10**30}/steps/1/"],
)  # fmt: skip
def test_what_is_not_there_is_404(researcher_client: Client, address: str) -> None:
    assert researcher_client.get(address).status_code == 404


@pytest.mark.parametrize("query", ["", "?a=1", "?a=1&b=1", "?a=x&b=y", "?pick=1", "?pick=1&pick=2&pick=3", "?a=1&b=²"])
def test_comparing_needs_two_different_responses(researcher_client: Client, query: str) -> None:
    answer = researcher_client.get(f"/rollouts/compare/{query}")
    assert answer.status_code == 400
    assert "wo" in answer.content.decode().split("That did not work")[-1]


def test_a_response_says_which_weights_sampled_it_and_how_far_behind_they_were(researcher_client: Client) -> None:
    group = make_group(small_run(step=5), step=5, rewards=[1, 0, 0])
    for index, version in enumerate((2, 4, None)):
        Rollout.objects.filter(group=group, index=index).update(weights_version=version)
    stale, fresh, unknown = (fetch(researcher_client, f"/rollouts/{each.pk}/") for each in group.rollouts.all())
    assert "sampled by those after step 2, <b>2 steps behind</b>" in stale
    assert "sampled by those after step 4</dd>" in fresh
    assert "<dt>Weights</dt>" not in unknown
    assert twin(researcher_client, f"/rollouts/{group.rollouts.get(index=0).pk}/")["weights_version"] == 2


def test_pages_need_a_login(client: Client) -> None:
    run = small_run()
    for address in (f"/runs/{run.pk}/rollouts/", f"/runs/{run.pk}/rollouts/export/csv", f"/runs/{run.pk}/steps/1/"):
        assert client.get(address).status_code == 302


# Steps


def test_a_step_sums_up_its_sampled_responses(researcher_client: Client) -> None:
    run = small_run(step=3)
    make_group(run, index=0, rewards=[1, 0, 0, 1])
    make_group(run, index=1, rewards=[0, 0, 0, 0])
    greedy = make_group(run, index=2, rewards=[0.5, 1, 1, 1])
    Rollout.objects.filter(group=greedy, index=3).update(greedy=True, reward=9)
    Rollout.objects.filter(group=greedy, index=2).update(finish_reason="length", correct=None)
    page = twin(researcher_client, f"/runs/{run.pk}/steps/1/")
    summary = page["summary"]
    assert (summary["rollouts"], summary["right"], summary["unverified"], summary["truncated"]) == (11, 4, 1, 1)
    assert summary["reward_mean"] == pytest.approx(4.5 / 11)
    assert (summary["equal"], summary["equal_share"]) == (1, pytest.approx(1 / 3))
    assert [(bar["low"], bar["count"]) for bar in summary["histogram"]] == [(0.0, 6), (0.5, 1), (1.0, 4)]
    assert summary["median_reward"] == 0.0
    assert page["partial"] is None
    samples = page["samples"]
    assert samples["best"]["reward"] == 1.0
    assert samples["worst"]["advantage"] == min(Rollout.objects.filter(reward=0).values_list("advantage", flat=True))
    html = fetch(researcher_client, f"/runs/{run.pk}/steps/1/")
    assert "equal rewards: no gradient" in html


@pytest.mark.parametrize("sort", ["index", "reward_mean", "-reward_std", "-correct_count", "length_mean"])
def test_the_group_table_is_sorted_as_asked(researcher_client: Client, sort: str) -> None:
    run = small_run(step=3)
    for index, rewards in enumerate(([1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0], [0.5, 1, 0, 0])):
        make_group(run, index=index, rewards=rewards, texts=["a " * (7 - index * 2 % 5)] * 4)
    groups = twin(researcher_client, f"/runs/{run.pk}/steps/1/?sort={sort}")["groups"]
    key = sort.lstrip("-")
    assert len(groups) == 4
    assert groups == sorted(groups, key=lambda group: (group[key], group["id"]), reverse=sort.startswith("-"))


@pytest.mark.parametrize(
    ("asked", "shown", "neighbours"),
    [
        (2, 2, (None, 5)),
        (4, 2, (None, 5)),
        (5, 5, (2, 9)),
        (99, 9, (5, None)),
        (0, 2, (None, 5)),
        (10**12, 9, (5, None)),
    ],
)
def test_a_step_without_rollouts_shows_the_latest_earlier_one(
    researcher_client: Client, asked: int, shown: int, neighbours: tuple[int | None, int | None]
) -> None:
    run = small_run(step=9)
    for step in (2, 5, 9):
        make_group(run, step=step)
    page = twin(researcher_client, f"/runs/{run.pk}/steps/{asked}/")
    assert (page["step"], page["previous_step"], page["next_step"]) == (shown, *neighbours)
    said = f"Step {asked} has no training rollouts. Shown is step {shown}" in fetch(
        researcher_client, f"/runs/{run.pk}/steps/{asked}/"
    )
    assert said == (asked != shown)


@pytest.mark.parametrize(
    ("status", "step", "trained", "said"),
    [
        ("running", 0, True, "2 of 3 groups are written so far."),
        ("failed", 0, True, "2 of 3 groups were written."),
        ("running", 5, False, "1 of 3 groups could be trained on"),
    ],
)
def test_a_step_that_is_written_in_part_says_so(
    researcher_client: Client, status: str, step: int, trained: bool, said: str
) -> None:
    run = small_run(status=status, step=step)
    make_group(run, index=0)
    make_group(run, index=1, trained=trained, rewards=[1, 1, 1, 1])
    assert said in fetch(researcher_client, f"/runs/{run.pk}/steps/1/")


def test_held_out_steps_are_whole_when_they_hold_what_the_first_evaluation_held(researcher_client: Client) -> None:
    run = small_run(status="running", step=4)
    for step, count in ((0, 2), (4, 1)):
        for index in range(count):
            make_group(run, step=step, split="heldout", index=index)
    assert twin(researcher_client, f"/runs/{run.pk}/steps/0/?split=heldout")["partial"] is None
    assert twin(researcher_client, f"/runs/{run.pk}/steps/4/?split=heldout")["partial"].startswith("1 of 2 groups")


def test_a_drawer_gets_the_panel_alone(researcher_client: Client) -> None:
    run = small_run(step=3)
    make_group(run)
    part = fetch(researcher_client, f"/runs/{run.pk}/steps/1/?split=train", **{"HX-Request": "true"})
    assert part.lstrip().startswith('<section id="step-panel"')
    assert "<html" not in part
    assert "css/inspection.css" in part
    assert f'data-address="/runs/{run.pk}/steps/1/?split=train"' in part
    empty = fetch(researcher_client, f"/runs/{run.pk}/steps/1/?split=heldout", **{"HX-Request": "true"})
    assert "No held-out rollouts" in empty


def test_a_step_of_many_groups_is_paged(researcher_client: Client) -> None:
    run = make_run(step=2)
    for index in range(70):
        make_group(run, index=index, rewards=[float(index % 3)])
    first = twin(researcher_client, f"/runs/{run.pk}/steps/1/?sort=-reward_mean")
    rest = twin(researcher_client, f"/runs/{run.pk}/steps/1/?sort=-reward_mean&after={first['next']}")
    assert (len(first["groups"]), len(rest["groups"]), rest["next"]) == (64, 6, None)
    indices = [group["index"] for group in first["groups"] + rest["groups"]]
    assert sorted(indices) == list(range(70))


# Groups


def test_siblings_stand_in_the_order_asked_for_with_unscored_ones_last(researcher_client: Client) -> None:
    run = small_run()
    group = make_group(run, rewards=[0.2, 1.0, 0.5], texts=["a", "b b b", "c c"])
    Rollout.objects.filter(group=group, index=2).update(advantage=None)

    def order(sort: str) -> list[int]:
        return [each["index"] for each in twin(researcher_client, f"/groups/{group.pk}/?sort={sort}")["siblings"]]

    assert order("") == order("nonsense") == [0, 1, 2]
    assert order("-reward") == [1, 2, 0]
    assert order("length") == [0, 2, 1]
    assert order("-advantage") == [1, 0, 2]


def test_a_group_shows_how_the_same_problem_went_before_and_after(researcher_client: Client) -> None:
    run = small_run(step=9)
    prompt = make_prompt(run, "again")
    groups = [
        make_group(run, step=step, rewards=rewards, prompt=prompt)
        for step, rewards in ((1, [0, 0]), (4, [1, 0]), (9, [1, 1]))
    ]
    other = make_group(run, step=4, index=1)
    page = twin(researcher_client, f"/groups/{groups[1].pk}/")
    assert [(asked["step"], asked["pass_rate"]) for asked in page["history"]] == [(1, 0.0), (4, 0.5), (9, 1.0)]
    assert (page["previous"], page["next"]) == (None, other.pk)
    html = fetch(researcher_client, f"/groups/{groups[1].pk}/")
    assert f'href="/groups/{groups[0].pk}/" aria-label="step 1: 0% right"' in html
    assert "The same problem over the run" not in fetch(researcher_client, f"/groups/{other.pk}/")


def test_a_long_common_beginning_is_folded_and_the_parting_marked(researcher_client: Client) -> None:
    start = "<think>First I add the two numbers: "
    group = make_group(small_run(), rewards=[1, 0, 0], texts=[start + "12 is it", start + "13 is it", start])
    html = fetch(researcher_client, f"/groups/{group.pk}/")
    assert f"All begin with the same {len(start)} characters" in html
    assert html.count("First I add") == 1
    marks = re.findall(r'<mark class="parts-here"[^>]*>(.*?)</mark>', html)
    assert marks == ["12", "13", "ends here"]


def test_endless_responses_and_large_groups_are_cut_with_a_word(researcher_client: Client) -> None:
    group = make_group(small_run(), rewards=[1] * 70, texts=["x" * 20_000] * 70)
    html = fetch(researcher_client, f"/groups/{group.pk}/")
    assert "64 of 70 responses are shown" in html
    assert "4000 more characters" in html


def test_missing_siblings_are_said(researcher_client: Client) -> None:
    group = make_group(small_run(), rewards=[1, 0, 0, 1])
    group.rollouts.filter(index__gt=1).delete()
    assert "2 of 4 responses are written" in fetch(researcher_client, f"/groups/{group.pk}/")


# Responses


def test_a_response_spells_out_reward_and_advantage(researcher_client: Client) -> None:
    run = make_run(method={"kind": "grpo", "reward": {"accuracy": 1.0, "format": 0.5}})
    group = make_group(run, rewards=[1.5, 0.5, 0.0, 0.0], tokens=True, parts={"accuracy": 1.0, "format": 1.0})
    html = fetch(researcher_client, f"/rollouts/{group.rollouts.get(index=0).pk}/")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "1.5 = 1 × 1 accuracy + 0.5 × 1 format" in text
    assert "+1.41 = (r − mean) / std = (1.5 − 0.5) / 0.707" in text
    assert "4 siblings earned 1 × 1.5, 1 × 0.5, 2 × 0; sample std (divided by 3)" in text


def test_equal_rewards_are_said_to_teach_nothing(researcher_client: Client) -> None:
    group = make_group(small_run(), rewards=[1, 1, 1], tokens=True)
    html = fetch(researcher_client, f"/rollouts/{group.rollouts.get(index=1).pk}/")
    assert "all 3 siblings earned 1, so the group teaches nothing" in html


def test_a_response_without_tokens_or_text_still_opens(researcher_client: Client) -> None:
    rollout = make_group(small_run(), tokens=True).rollouts.get(index=0)
    RolloutTokens.objects.filter(rollout=rollout).delete()
    html = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    assert "Only its text was kept" in html
    assert "3+4=7" in html
    RolloutText.objects.filter(rollout=rollout).delete()
    assert twin(researcher_client, f"/rollouts/{rollout.pk}/")["text"] == ""
    assert researcher_client.get(f"/rollouts/{rollout.pk}/tokens/0/").status_code == 404


def test_a_held_out_response_has_no_push_and_says_why(researcher_client: Client) -> None:
    rollout = make_group(small_run(), split="heldout", tokens=True).rollouts.get(index=0)
    html = fetch(researcher_client, f"/rollouts/{rollout.pk}/")
    assert "Held-out responses are never trained on." in html
    assert 'data-by="push"' not in html
    assert "No push." in fetch(researcher_client, f"/rollouts/{rollout.pk}/tokens/1/")


def test_the_panel_of_a_token_walks_from_reward_to_push(researcher_client: Client) -> None:
    loss = {"kl_coefficient": 0.1, "clip_high": 0.28, "aggregation": "seq_mean_token_mean"}
    run = make_run(method={"kind": "grpo", "loss": loss, "updates_per_step": 2}, step=1)
    columns = {"ratio": [1.1, 1.5, 1.0], "clipped": [0, 1, 0], "logprob": [-1.0] * 3, "ref_logprob": [-1.0] * 3}
    groups = [
        make_group(run, index=i, rewards=[1, 0], texts=["a b", "c d"], tokens=True, arrays=columns) for i in range(4)
    ]
    first = groups[0].rollouts.get(index=0)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", fetch(researcher_client, f"/rollouts/{first.pk}/tokens/0/")))
    assert "A = +0.707" in text
    assert "ρ = π / π_old = 1.1, bounds [0.8, 1.28]: not clipped." in text
    assert "w = 1 / (S · |o|) = 1 / (4 · 3) = 0.0833" in text
    slope = 0.1 * (1 - 1 / 1.1)
    pushed = (first.advantage or 0) * 1.1 - slope
    assert f"+{pushed / 12:.3g} : made more likely. Rank 1 of 3" in text
    clipped = re.sub(r"<[^>]+>", " ", fetch(researcher_client, f"/rollouts/{first.pk}/tokens/1/"))
    assert "had already become likelier than the upper bound allows" in clipped
    assert "made less likely" in clipped  # by the KL term alone


def test_runs_of_every_method_and_old_configs_open(researcher_client: Client) -> None:
    run = make_run(method={"kind": "sft"})
    rollout = make_group(run, split="heldout", tokens=True).rollouts.get(index=0)
    Run.objects.filter(pk=run.pk).update(config={})
    for address in (f"/runs/{run.pk}/steps/1/", f"/groups/{rollout.group_id}/", f"/rollouts/{rollout.pk}/"):
        fetch(researcher_client, address)


# Comparisons and queries


def test_a_comparison_marks_what_each_side_says_alone(researcher_client: Client) -> None:
    start = "<think>so " + "1+1=2 and " * 20
    group = make_group(small_run(), rewards=[1, 0], texts=[start + "then 7", start + "thus 8"], tokens=True)
    a, b = group.rollouts.order_by("index")
    html = fetch(researcher_client, f"/rollouts/compare/?a={a.pk}&b={b.pk}")
    assert re.findall(r"<del[^>]*>(.*?)</del>", html) == ["then", "7"]
    assert re.findall(r"<ins[^>]*>(.*?)</ins>", html) == ["thus", "8"]
    assert "Both begin with the same" in html
    assert html.count('id="divergence"') == 1
    picked = researcher_client.get(f"/rollouts/compare/?pick={a.pk}&pick={b.pk}")
    assert picked["Location"] == f"/rollouts/compare/?a={a.pk}&b={b.pk}"


def test_the_same_text_has_nothing_to_jump_to(researcher_client: Client) -> None:
    a, b = make_group(small_run(), rewards=[1, 1], texts=["same", "same"]).rollouts.order_by("index")
    html = fetch(researcher_client, f"/rollouts/compare/?a={a.pk}&b={b.pk}")
    assert "100.0 %" in html
    assert "First divergence" not in html


def test_different_problems_are_said_to_be_different(researcher_client: Client) -> None:
    run = small_run()
    a, b = (make_group(run, index=index).rollouts.get(index=0) for index in (0, 1))
    assert "answer different problems" in fetch(researcher_client, f"/rollouts/compare/?a={a.pk}&b={b.pk}")


def test_every_page_asks_few_queries(
    researcher_client: Client, hostile: Rollout, django_assert_max_num_queries
) -> None:  # type: ignore[no-untyped-def]
    for address in addresses_of(hostile):
        with django_assert_max_num_queries(15) as captured:
            fetch(researcher_client, address)
        if "/steps/" in address:
            assert not any("rollouttokens" in query["sql"] for query in captured)
