"""A step beside the expert's: what is underlined is what was paid for."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_group, make_prompt, make_run
from training.config import RunConfig
from training.srl.similarity import similarity
from webapp.inspection.expert import ExpertStep, stretches
from webapp.inspection.models import Rollout, RolloutGroup

pytestmark = pytest.mark.django_db

TARGET = "19*3=57</think>"
ACTIONS = (TARGET, "19*3=47\n", None, "<b>&")
FAULT = "cut before the step ends"


def step_group(**expert: Any) -> RolloutGroup:
    """A group of four responses to the second of three steps, one of them cut."""
    run = make_run(**RunConfig.model_validate({"method": {"kind": "srl"}}).model_dump(mode="json"))
    rewards = [-1.0 if action is None else similarity(action.strip(), TARGET) for action in ACTIONS]
    group = make_group(
        run, rewards=rewards, texts=[action or "19*3" for action in ACTIONS], correct=None, tokens=True,
        prompt=make_prompt(run, "p0/step-2", "Start with 12. Add 7. Multiply by 3."),
    )  # fmt: skip
    for rollout, action in zip(group.rollouts.order_by("index"), ACTIONS, strict=True):
        rollout.extracted = action and action.strip()
        rollout.parts = {"similarity": max(rollout.reward, 0.0), "format_failure": min(rollout.reward, 0.0)}
        rollout.save()
    told = {"step": 2, "steps": 3, "context": ["12+7=19"], "target": TARGET, "title": "", "autojunk": False}
    group.expert = told | {"faults": ["", "", FAULT, ""]} | expert
    group.save()
    return group


def rollouts(group: RolloutGroup) -> list[Rollout]:
    return list(group.rollouts.order_by("index"))


def test_what_is_marked_as_shared_is_what_the_reward_counted() -> None:
    group = step_group()
    expert = ExpertStep.of(group)
    assert expert is not None
    for rollout in rollouts(group):
        beside = expert.beside(rollout)
        assert "".join(part.text for part in beside.model) == (rollout.extracted or "")
        assert "".join(part.text for part in beside.target) == TARGET
        shared = [sum(len(p.text) for p in side if p.shared) for side in (beside.model, beside.target)]
        assert shared == [beside.shared] * 2
        if rollout.extracted is not None:
            assert beside.similarity == rollout.reward
    assert [expert.beside(rollout).fault for rollout in rollouts(group)] == ["", "", FAULT, ""]
    assert stretches("", []) == []


def test_a_group_shows_each_step_beside_the_experts_best_first(researcher_client: Client) -> None:
    group = step_group()
    html = researcher_client.get(reverse("inspection:group", args=[group.pk])).content.decode()
    assert "4 responses to one step" in html
    assert "Step 2 of 3" in html
    assert "12+7=19" in html
    assert "the expert's step exactly" in " ".join(html.split())
    assert f"format failure</span> {FAULT}" in html
    assert '<mark class="shared">19*3=</mark><span class="own">4</span><mark class="shared">7</mark>' in html
    assert "&lt;b&gt;" in html
    assert "<b>&" not in html
    assert "Not verified" not in html
    opened = [int(number) for number in re.findall(r"data-opens>Response (\d)", html)]
    assert opened == [0, 1, 3, 2]


def test_a_response_says_what_it_was_paid_for(researcher_client: Client) -> None:
    exact, other, cut, _ = rollouts(step_group())
    page = researcher_client.get(reverse("inspection:rollout", args=[other.pk])).content.decode()
    assert "Step read" in page
    assert "shared characters" in page
    assert "stored advantage is not" not in page
    assert page.count("format failure") == 1, "that of its sibling"
    failed = researcher_client.get(reverse("inspection:rollout", args=[cut.pk])).content.decode()
    assert f"none: {FAULT}" in failed
    told = researcher_client.get(reverse("inspection:rollout", args=[cut.pk]), {"format": "json"}).json()
    assert (told["fault"], told["expert"]["target"]) == (FAULT, TARGET)
    assert "exactly" in researcher_client.get(reverse("inspection:rollout", args=[exact.pk])).content.decode()


def test_a_step_of_the_run_lists_which_steps_were_asked_for(researcher_client: Client) -> None:
    group = step_group()
    html = researcher_client.get(reverse("inspection:step", args=[group.run_id, 1])).content.decode()
    assert "step 2 of 3" in html
    assert "0 of 4</td>" not in html
    assert "Accuracy</dt>" not in html


def test_whole_solutions_are_right_or_wrong_as_well(researcher_client: Client) -> None:
    group = step_group(step=0)
    group.rollouts.update(correct=False)
    html = researcher_client.get(reverse("inspection:group", args=[group.pk])).content.decode()
    assert "The whole solution" in html
    assert "Wrong" in html
