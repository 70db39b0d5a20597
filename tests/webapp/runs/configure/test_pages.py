"""The new-run page: what it shows, starts and refuses, and the pages around it."""

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.webapp.runs.configure.configs import sent_by_browser
from training.config import RunConfig
from training.config.presets import DAPO, DEEPSEARCH, DEMO, PRESETS
from webapp.accounts.models import User
from webapp.datasets.models import ProblemSet
from webapp.runs.configure.forms import as_posted
from webapp.runs.knobs import knobs_of, values_of
from webapp.runs.models import Checkpoint, Run
from workers import queue

pytestmark = pytest.mark.django_db
NEW = "/runs/new/"


def page_of(client: Client, address: str) -> str:
    response = client.get(address, follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


def form_of(html: str) -> dict[str, str]:
    """What the browser would send of the page's run form."""
    (form,) = re.findall(r'<form id="run-form".*?</form>', html, re.DOTALL)
    return sent_by_browser(form).dict()  # type: ignore[return-value]


def posted(config: RunConfig, **changes: Any) -> dict[str, Any]:
    given = as_posted(values_of(config)).dict()
    return given | {"run-start_id": str(uuid.uuid4()), "run-name": ""} | changes


def stored(config: RunConfig, **fields: Any) -> Run:
    return Run.objects.create(
        **{"name": "first", "method": "grpo", "problems": "x", "config": config.model_dump(mode="json")} | fields
    )


def test_the_page_as_it_comes_starts_the_default_run(researcher_client: Client, researcher: User) -> None:
    response = researcher_client.post(NEW, form_of(page_of(researcher_client, NEW)))
    run = Run.objects.get()
    assert response["Location"] == f"/runs/{run.pk}/"
    assert RunConfig.model_validate(run.config) == RunConfig()
    assert (run.created_by, run.cloned_from) == (researcher, None)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_presets_page_starts_the_presets_run(researcher_client: Client, preset: Any) -> None:
    address = f"{NEW}?preset={preset.slug}"
    html = page_of(researcher_client, address)
    assert f"As in the preset {preset.title}" in html
    researcher_client.post(address, form_of(html))
    assert RunConfig.model_validate(Run.objects.get().config) == preset.config


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


def test_a_clone_shows_the_runs_config_and_remembers_it(researcher_client: Client) -> None:
    original = stored(DAPO.config, group="clips")
    html = page_of(researcher_client, f"/runs/{original.pk}/clone/")
    assert f"Clone of run {original.pk}" in html
    data = form_of(html)
    assert (data["run-name"], data["run-group"]) == ("first (clone)", "clips")
    researcher_client.post(f"{NEW}?clone={original.pk}", data | {"steps": "55"})
    clone = Run.objects.exclude(pk=original.pk).get()
    assert clone.cloned_from == original
    assert RunConfig.model_validate(clone.config) == DAPO.config.model_copy(update={"steps": 55})


def test_a_clone_is_compared_with_its_original_live(researcher_client: Client) -> None:
    original = stored(DAPO.config)
    data = posted(DAPO.config, steps="55")
    html = researcher_client.post(f"/runs/new/preview?clone={original.pk}", data).content.decode()
    assert f"1 changed from run {original.pk}" in html
    assert "<del>60</del> → <ins>55</ins>" in html


def test_a_clone_says_which_stored_knobs_it_had_to_drop(researcher_client: Client) -> None:
    original = stored(RunConfig())
    original.config["method"]["loss"]["entropy_bonus"] = 0.01
    original.config["steps"] = -3
    original.save()
    html = page_of(researcher_client, f"/runs/{original.pk}/clone/")
    assert "Not everything could be kept" in html
    assert "method.loss.entropy_bonus = 0.01 was left out: There is no such knob." in html
    assert "steps = -3 was left out" in html
    assert form_of(html)["steps"] == "100"


def test_a_checkpoint_becomes_the_model_of_its_runs_config(researcher_client: Client) -> None:
    run = stored(DAPO.config)
    saved = Checkpoint.objects.create(run=run, step=50, path="checkpoints/step_000050", size=1, saved_at=timezone.now())
    data = form_of(page_of(researcher_client, f"{NEW}?from_checkpoint={run.pk}:{saved.step}"))
    assert (data["model.kind"], data["model.checkpoint.run"], data["model.checkpoint.step"]) == (
        "checkpoint",
        str(run.pk),
        "50",
    )
    assert data["method.grpo.loss.clip_high"] == "0.28"
    data = form_of(page_of(researcher_client, f"{NEW}?from_checkpoint={run.pk}:50&preset=sft"))
    assert (data["model.kind"], data["method.kind"]) == ("checkpoint", "sft")


@pytest.mark.parametrize(
    ("query", "status"),
    [("preset=magic", 404), ("clone=999999", 404), ("clone=x", 404), ("from_checkpoint=3", 400),
     ("from_checkpoint=a:b", 400), ("from_checkpoint=0:1&preset=demo", 400), ("problems=No%20Slug", 400)],
)  # fmt: skip
def test_an_address_that_names_nothing_is_answered_with_a_sentence(
    researcher_client: Client, query: str, status: int
) -> None:
    response = researcher_client.get(f"{NEW}?{query}")
    assert response.status_code == status
    assert "That did not work" in response.content.decode()


def test_a_config_is_exported_as_the_form_has_it(researcher_client: Client) -> None:
    data = posted(DAPO.config, **{"run-name": "Wide clip/2"})
    response = researcher_client.post("/runs/new/export?format=yaml", data)
    assert response["Content-Disposition"] == 'attachment; filename="wide-clip-2.yaml"'
    assert RunConfig.model_validate(yaml.safe_load(response.content)) == DAPO.config
    assert b"# " in researcher_client.post("/runs/new/export?format=commented", data).content
    exported = researcher_client.post("/runs/new/export?format=json", data)
    assert RunConfig.model_validate_json(exported.content) == DAPO.config


def test_a_config_that_is_not_valid_is_not_exported(researcher_client: Client) -> None:
    html = researcher_client.post("/runs/new/export?format=json", posted(RunConfig(), steps="0")).content.decode()
    assert "The config was not exported" in html
    assert form_of(html)["steps"] == "0"


def test_an_export_can_be_imported(researcher_client: Client) -> None:
    text = researcher_client.post("/runs/new/export?format=commented", posted(DAPO.config)).content
    for data in ({"text": text.decode()}, {"file": SimpleUploadedFile("run.yaml", text)}):
        form = form_of(researcher_client.post("/runs/new/import", data).content.decode())
        researcher_client.post(NEW, form)
        assert RunConfig.model_validate(Run.objects.latest("pk").config) == DAPO.config


def test_an_import_with_mistakes_names_them_and_keeps_the_text(researcher_client: Client) -> None:
    text = "steps: 9\nmethod:\n  kind: grpo\n  sampling: {max_token: 5}\n"
    html = researcher_client.post("/runs/new/import", {"text": text}).content.decode()
    assert "Line 4: method.sampling.max_token: There is no such knob." in html
    assert text.splitlines()[3] in html
    html = researcher_client.post("/runs/new/import", {"text": text, "lenient": "1"}).content.decode()
    assert "method.sampling.max_token = 5 was left out" in html
    assert form_of(html)["steps"] == "9"


@pytest.mark.parametrize(
    ("content", "words"), [(b"\xff\xfe\x00", "not UTF-8"), (b"x" * (2**20 + 1), "at most 1 MiB"), (b"[1]", "a list")]
)
def test_a_file_that_is_no_config_is_refused(researcher_client: Client, content: bytes, words: str) -> None:
    response = researcher_client.post("/runs/new/import", {"file": SimpleUploadedFile("x.yaml", content)})
    assert words in response.content.decode()


def test_a_search_is_cloned_exported_and_imported_whole(researcher_client: Client) -> None:
    steps = {"step": "separator", "separator": "\n"}
    search = DEEPSEARCH.config.model_dump(mode="json")
    search["method"]["search"] |= steps
    config = RunConfig.model_validate(search)
    original = stored(config)
    data = form_of(page_of(researcher_client, f"/runs/{original.pk}/clone/"))
    assert data["method.deepsearch.search.separator"] == r"\n"
    researcher_client.post(f"{NEW}?clone={original.pk}", data)
    assert RunConfig.model_validate(Run.objects.exclude(pk=original.pk).get().config) == config
    for kind in ("yaml", "commented", "json"):
        text = researcher_client.post(f"/runs/new/export?format={kind}", data).content.decode()
        form = form_of(researcher_client.post("/runs/new/import", {"text": text}).content.decode())
        assert {name: form[name] for name in form if name.startswith("method.")} == {
            name: data[name] for name in data if name.startswith("method.")
        }


def test_a_clone_of_a_search_is_compared_with_its_original(researcher_client: Client) -> None:
    original = stored(DEEPSEARCH.config)
    data = posted(DEEPSEARCH.config, **{"method.deepsearch.credit.kind": "outcome"})
    html = researcher_client.post(f"/runs/new/preview?clone={original.pk}", data).content.decode()
    assert "<del>node_q</del> → <ins>outcome</ins>" in html
    assert "trees " in html.split("<h3>Disk</h3>")[1]
    assert "Prefix cache" in html


def test_an_evaluation_is_no_run_to_configure_here(researcher_client: Client) -> None:
    text = "method: {kind: evaluate}"
    html = researcher_client.post("/runs/new/import", {"text": text}).content.decode()
    assert "This is the config of an evaluation; start one on the Evals page." in html
    evaluation = stored(RunConfig.model_validate({"method": {"kind": "evaluate"}}), method="evaluate")
    response = researcher_client.get(f"{NEW}?clone={evaluation.pk}")
    assert response.status_code == 400
    assert "start another one on the Evals page" in response.content.decode()


def test_presets_are_offered_in_groups_with_the_ablations_folded(researcher_client: Client) -> None:
    html = page_of(researcher_client, NEW)
    for title in ("Starting points", "Published recipes", "Ablations of DeepSearch"):
        assert title in html
    for slug in PRESETS:
        assert f"?preset={slug}&quot;" in html or f'?preset={slug}"' in html
    assert '<details class="preset-group">' in html
    chosen = page_of(researcher_client, f"{NEW}?preset=deepsearch-outcome")
    assert '<details class="preset-group" open>' in chosen


def test_the_reference_says_once_what_methods_share(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    html = page_of(client, "/runs/reference/")
    assert html.count(">method.sampling.temperature</a>") == 1
    assert html.count(">method.loss.clip_high</a>") == 2  # with defaults of their own
    assert "method.kind = GRPO or DeepSearch" in html
    assert "learn from no other." in html
    assert r'<td class="mono">\n</td>' in html


def test_the_reference_explains_every_knob(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    html = page_of(client, "/runs/reference/")
    for name, knob in knobs_of(RunConfig).items():
        assert f' id="{name}">' in html
        assert f">{knob.path}</a>" in html


def test_the_schema_is_pydantics_own(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.get("/runs/reference/schema.json").json() == RunConfig.model_json_schema()


def test_the_page_asks_few_questions_however_many_runs_there_are(
    researcher_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        run = stored(RunConfig(), name=f"run {number}")
        Checkpoint.objects.create(run=run, step=1, path="x", size=1, saved_at=timezone.now())
    with django_assert_max_num_queries(8):
        page_of(researcher_client, NEW)
