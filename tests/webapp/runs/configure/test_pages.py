"""The new-run page: what it shows, starts and refuses."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.webapp.runs.configure.pages import NEW, form_of, page_of, posted, stored
from training.config import RunConfig
from training.config.presets import DAPO, DEMO, PRESETS
from webapp.accounts.models import User
from webapp.datasets.models import ProblemSet
from webapp.runs.models import Checkpoint, Run
from workers import queue

pytestmark = pytest.mark.django_db


def test_the_page_as_it_comes_starts_the_default_run(researcher_client: Client, researcher: User) -> None:
    response = researcher_client.post(NEW, form_of(page_of(researcher_client, NEW)))
    run = Run.objects.get()
    assert response["Location"] == f"/runs/{run.pk}/"
    assert RunConfig.model_validate(run.config) == RunConfig()
    assert (run.created_by, run.cloned_from) == (researcher, None)


JUDGED = ("ppo-rlhf", "grpo-reward-model")
"""Presets that want a reward model, which nobody has trained yet."""


@pytest.mark.parametrize("slug", [slug for slug in PRESETS if slug not in JUDGED])
def test_a_presets_page_starts_the_presets_run(researcher_client: Client, slug: str) -> None:
    preset = PRESETS[slug]
    address = f"{NEW}?preset={preset.slug}"
    html = page_of(researcher_client, address)
    assert f"As in the preset {preset.title}" in html
    researcher_client.post(address, form_of(html))
    assert RunConfig.model_validate(Run.objects.get().config) == preset.config


@pytest.mark.parametrize("slug", JUDGED)
def test_a_preset_that_wants_a_reward_model_asks_for_one(researcher_client: Client, slug: str) -> None:
    address = f"{NEW}?preset={slug}"
    html = page_of(researcher_client, address)
    assert "Mend “Reward model&#x27;s run” first" in html or "Mend “Reward model's run” first" in html
    researcher_client.post(address, form_of(html))
    assert not Run.objects.exists()


def test_name_group_and_notes_are_stored(researcher_client: Client) -> None:
    about = {"run-name": "wide clip", "run-group": "clips", "run-notes": "as in the paper"}
    researcher_client.post(NEW, posted(DAPO.config, **about))
    run = Run.objects.get()
    assert (run.name, run.group, run.notes) == ("wide clip", "clips", "as in the paper")


def test_a_started_run_is_sent_to_the_workers(
    researcher_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    before = queue.waiting_messages()
    with django_capture_on_commit_callbacks(execute=True):
        researcher_client.post(NEW, posted(RunConfig()))
    assert queue.waiting_messages() == before + 1
    assert Run.objects.get().queued_at is not None


def test_the_same_form_sent_again_leads_to_the_same_run(researcher_client: Client) -> None:
    data = posted(RunConfig())
    first, second = researcher_client.post(NEW, data), researcher_client.post(NEW, data)
    assert first["Location"] == second["Location"]
    assert Run.objects.count() == 1


def test_a_form_from_history_with_other_settings_asks_before_a_second_run(researcher_client: Client) -> None:
    data = posted(RunConfig())
    researcher_client.post(NEW, data)
    html = researcher_client.post(NEW, data | {"steps": "77"}).content.decode()
    assert "already started" in html
    assert Run.objects.count() == 1
    again = form_of(html)
    assert again["steps"] == "77"
    assert again["run-start_id"] != data["run-start_id"]
    researcher_client.post(NEW, again)
    assert sorted(Run.objects.values_list("config__steps", flat=True)) == [77, 100]


@pytest.mark.django_db(transaction=True)
def test_six_clicks_at_the_same_moment_start_one_run(researcher: User) -> None:
    data, before = posted(RunConfig()), queue.waiting_messages()

    def click(_: int) -> str:
        client = Client()
        client.force_login(researcher)
        try:
            return str(client.post(NEW, data)["Location"])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        addresses = set(pool.map(click, range(6)))
    run = Run.objects.get()
    assert addresses == {f"/runs/{run.pk}/"}
    assert queue.waiting_messages() == before + 1


def test_a_refused_form_keeps_everything_and_names_each_fault(researcher_client: Client) -> None:
    wrong = {"steps": "0", "method.grpo.loss.clip_low": "x", "run-name": "mine"}
    html = researcher_client.post(NEW, posted(RunConfig(), **wrong)).content.decode()
    assert not Run.objects.exists()
    assert "The run was not started" in html
    for name in ("steps", "method.grpo.loss.clip_low"):
        assert f'<a href="#id_{name}"' in html
        assert re.search(rf'name="{name}"[^>]*aria-invalid="true"', html)
    kept = form_of(html)
    assert {name: kept[name] for name in wrong} == wrong


def test_what_the_form_does_not_choose_is_kept_as_well(researcher_client: Client) -> None:
    odd = {"method.kind": "sft", "method.grpo.loss.clip_low": "0.31", "steps": "0"}
    html = researcher_client.post(NEW, posted(RunConfig(), **odd)).content.decode()
    assert form_of(html)["method.grpo.loss.clip_low"] == "0.31"


@pytest.mark.parametrize("address", [NEW, "/runs/1/clone/"])
def test_viewers_are_told_who_may(client: Client, viewer: User, address: str) -> None:
    client.force_login(viewer)
    response = client.get(address)
    assert response.status_code == 403
    assert "needs the role researcher" in response.content.decode()


@pytest.mark.parametrize("action", ["new/", "new/preview", "new/import", "new/export", "new/preflight"])
def test_viewers_can_start_nothing(client: Client, viewer: User, action: str) -> None:
    client.force_login(viewer)
    assert client.post(f"/runs/{action}", posted(RunConfig())).status_code == 403
    assert not Run.objects.exists()


def test_the_preview_says_when_it_is_ready_and_what_a_step_does(researcher_client: Client) -> None:
    html = researcher_client.post("/runs/new/preview", posted(DEMO.config)).content.decode()
    assert 'data-call="Start run"' in html
    assert "32 prompts × 8 samples = 256 responses a step" in html
    assert "✓ Fits" in html
    assert "Optimizer" in html


@pytest.mark.parametrize(
    ("changes", "call"),
    [
        ({"model.kind": "hub"}, "Choose a model first"),
        ({"problems.kind": "imported"}, "Choose a problem set first"),
        ({"steps": "0"}, "Mend “Training steps” first"),
        ({"steps": "0", "seed": "-1"}, "Mend 2 settings first"),
        ({"model.kind": "hub", "steps": "0"}, "Choose a model first"),
    ],
)
def test_the_button_names_the_next_thing_that_is_missing(
    researcher_client: Client, changes: dict[str, str], call: str
) -> None:
    html = researcher_client.post("/runs/new/preview", posted(RunConfig(), **changes)).content.decode()
    assert f'data-call="{call}"' in html


def test_an_impossible_set_is_offered_its_ways_out(researcher_client: Client) -> None:
    data = posted(RunConfig(), **{"method.grpo.updates_per_step": "5"})
    html = researcher_client.post("/runs/new/preview", data).content.decode()
    fixes = [json.loads(fix.replace("&quot;", '"')) for fix in re.findall(r'data-fix="([^"]*)"', html)]
    assert fixes == [{"method.grpo.updates_per_step": "4"}, {"method.grpo.sampling.prompts_per_step": "30"}]
    for fix in fixes:
        mended = researcher_client.post("/runs/new/preview", data | fix).content.decode()
        assert 'data-call="Start run"' in mended


def test_the_preview_says_when_memory_will_not_do(researcher_client: Client) -> None:
    huge = {
        "method.grpo.sampling.max_tokens": "1900",
        "hardware.processes": "64",
        "method.grpo.sampling.prompts_per_step": "6400",
    }
    html = researcher_client.post("/runs/new/preview", posted(RunConfig(), **huge)).content.decode()
    assert "Out of memory" in html


def test_the_preview_lists_what_changed_from_the_preset(researcher_client: Client) -> None:
    changes = {"steps": "7", "method.grpo.loss.clip_high": "abc"}
    html = researcher_client.post("/runs/new/preview?preset=dapo", posted(DAPO.config, **changes)).content.decode()
    assert "2 changed from the preset DAPO" in html
    assert re.findall(r'data-changed="([^"]*)"', html) == ["method.grpo.loss.clip_high", "steps"]
    assert "<del>60</del> → <ins>7</ins>" in html


def test_another_method_counts_as_one_change(researcher_client: Client) -> None:
    data = posted(RunConfig(), **{"method.kind": "sft"})
    html = researcher_client.post("/runs/new/preview", data).content.decode()
    assert re.findall(r'data-changed="([^"]*)"', html) == ["method.kind"]


def test_a_name_with_markup_is_text_on_the_page(researcher_client: Client) -> None:
    html = researcher_client.post(
        NEW, posted(RunConfig(), **{"model.kind": "hub", "model.hub.name": "<b>x</b>"})
    ).content
    assert b"<b>x</b>" not in html


def test_imported_sets_are_offered_by_name(researcher_client: Client) -> None:
    ProblemSet.objects.create(slug="gsm", name="Grade school", source="x", train_count=7473, content_hash="1")
    html = page_of(researcher_client, f"{NEW}?problems=gsm")
    assert '<option value="gsm" selected>Grade school (7,473 problems)</option>' in html


def test_a_set_that_is_gone_stays_in_the_form_and_is_named(researcher_client: Client) -> None:
    html = page_of(researcher_client, f"{NEW}?problems=gone")
    assert "gone (not found)" in html
    assert "no imported set &#x27;gone&#x27;" in html


def test_presets_are_offered_in_groups_with_the_ablations_folded(researcher_client: Client) -> None:
    html = page_of(researcher_client, NEW)
    for title in ("Starting points", "Published recipes", "Ablations of DeepSearch"):
        assert title in html
    for slug in PRESETS:
        assert f"?preset={slug}&quot;" in html or f'?preset={slug}"' in html
    assert '<details class="preset-group">' in html
    chosen = page_of(researcher_client, f"{NEW}?preset=deepsearch-outcome")
    assert '<details class="preset-group" open>' in chosen


def test_the_page_asks_few_questions_however_many_runs_there_are(
    researcher_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        run = stored(RunConfig(), name=f"run {number}")
        Checkpoint.objects.create(run=run, step=1, path="x", size=1, saved_at=timezone.now())
    with django_assert_max_num_queries(9):
        page_of(researcher_client, NEW)
