"""Where the new-run page takes a config from, and where it gives it: clones, checkpoints, imports, exports."""

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.webapp.runs.configure.pages import NEW, form_of, page_of, posted, stored
from training.config import RunConfig
from training.config.presets import DAPO, DEEPSEARCH
from webapp.runs.models import Checkpoint, Run

pytestmark = pytest.mark.django_db


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
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * (2**20 + 1), "at most 1 MiB"),
        (b"[1]", "a list"),
        (b" \n", "nothing here"),
    ],
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


def test_the_splitters_settings_begin_a_run_of_srl(researcher_client: Client) -> None:
    settings = "rule=numbered&format=think_action&title=on"
    data = form_of(page_of(researcher_client, f"{NEW}?problems=experts&{settings}"))
    assert (data["method.kind"], data["problems.imported.slug"]) == ("srl", "experts")
    assert (data["method.srl.steps.rule"], data["method.srl.format"]) == ("numbered", "think_action")
    assert ("method.srl.steps.title" in data, "method.srl.steps.last" in data) == (True, False)
    html = page_of(
        researcher_client, f"{NEW}?preset=srl&level=easy&rule=regex&pattern=%5Cn&format=continuation&last=on"
    )
    data = form_of(html)
    assert (data["problems.builtin.level"], data["problems.builtin.train_count"]) == ("easy", "200")
    assert (data["method.srl.steps.rule"], data["method.srl.steps.pattern"]) == ("regex", "\\n")
    assert data["method.srl.sampling.prompts_per_step"] == "32"
    assert "the preset SRL on the level easy, in steps" in html


def test_the_longest_step_of_the_set_fits_into_a_response(researcher_client: Client) -> None:
    from_level = f"{NEW}?preset=srl&level=hard&rule=line&format="
    assert form_of(page_of(researcher_client, f"{from_level}continuation"))["method.srl.sampling.max_tokens"] == "32"
    data = form_of(page_of(researcher_client, f"{from_level}think_action"))
    assert 512 < int(data["method.srl.sampling.max_tokens"]) < 600
    whole = from_level.replace("rule=line", "rule=paragraph&last=on")  # all lines are one step
    data = form_of(page_of(researcher_client, f"{whole}continuation"))
    longest = int(data["method.srl.sampling.max_tokens"])
    assert 64 < longest < 256
    assert int(data["evaluation.max_tokens"]) >= 4 * longest


@pytest.mark.parametrize("settings", ["rule=regex&pattern=(", "rule=sentence", "rule=line&format=verse", "level=none"])
def test_settings_that_are_none_are_told(researcher_client: Client, settings: str) -> None:
    response = researcher_client.get(f"{NEW}?preset=srl&{settings}")
    assert response.status_code == 400
    assert "This address cannot be used" in response.content.decode()
