"""The page of a run that ran out of memory, and the clone it offers."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.webapp.machines.made import GIB
from tests.webapp.runs.configure.pages import form_of, page_of, stored
from training.config import RunConfig
from training.events import Failed, JsonlSink, PhaseChanged, Started
from webapp.runs.configure.after_memory import report_of
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers import ingest

pytestmark = pytest.mark.django_db
LARGE = RunConfig.model_validate({"optimisation": {"micro_batch_tokens": 65_536}})


def failed(phase: str = "updating", **told: Any) -> Run:
    values = Failed(step=12, where="host", phase=phase, **told).model_dump(exclude={"kind", "at"})
    return stored(LARGE, status=RunStatus.FAILED, exit_code=3, failure=values, error="its last words")


def test_the_largest_part_is_that_of_the_phase() -> None:
    updating, sampling = report_of(failed("updating")), report_of(failed("sampling"))
    assert updating is not None
    assert sampling is not None
    assert updating.parts[0].name in {"Activations", "Logits"}
    assert "KV cache" in {part.name for part in sampling.parts}
    assert not {"Activations", "Gradients"} & {part.name for part in sampling.parts}
    assert [part.bytes for part in updating.parts] == sorted((part.bytes for part in updating.parts), reverse=True)
    assert report_of(stored(LARGE)) is None


def test_the_page_says_phase_part_and_figures_and_links_a_clone_that_changes_only_that(
    researcher_client: Client,
) -> None:
    run = failed(total=16 * GIB, used=15 * GIB, requested=GIB, message="<b>no</b> memory")
    run.latest = {"system/rss_bytes": 3 * GIB}
    run.save()
    page = page_of(researcher_client, f"/runs/{run.pk}/")
    assert "Out of memory while updating, in step 12." in page
    assert "15.0 GiB" in page
    assert "3.0 GiB" in page
    assert "<b>no</b>" not in page
    address = unescape(re.findall(r'href="(/runs/new/\?clone=[^"]+)"', page)[0])
    clone = form_of(page_of(researcher_client, address))
    before = form_of(page_of(researcher_client, f"/runs/{run.pk}/clone"))
    own = ("run-", "csrf")
    different = {name for name in clone if clone[name] != before.get(name) and not name.startswith(own)}
    assert different == {"optimisation.micro_batch_tokens"}
    assert int(clone["optimisation.micro_batch_tokens"]) < 65_536


def test_what_is_offered_makes_room_in_the_phase_in_which_it_ran_out() -> None:
    report = report_of(failed("sampling", total=16 * GIB))
    assert report is not None
    labels = [way.label for way in report.ways_out]
    assert labels
    assert "Clone with decoded at once" in labels[0]
    assert not [label for label in labels if "tokens in a pass" in label or "checkpointing" in label]


def test_a_killed_trainer_and_a_config_of_another_version_are_told_as_far_as_known(researcher_client: Client) -> None:
    run = failed("", used=15 * GIB, total=16 * GIB)
    assert "its kernel killed the trainer" in page_of(researcher_client, f"/runs/{run.pk}/")
    Run.objects.filter(pk=run.pk).update(config=run.config | {"old_knob": 1})
    page = page_of(researcher_client, f"/runs/{run.pk}/")
    assert "there is no estimate by part" in page
    assert "/runs/new/?clone=" not in page


def test_a_restarted_run_forgets_it() -> None:
    run = stored(LARGE)
    run.folder.mkdir(parents=True)
    sink = JsonlSink(run.folder / ingest.EVENTS_FILE)
    sink.emit(Started(step=0, attempt=1, total_steps=9))
    sink.emit(PhaseChanged(step=1, phase="updating"))
    sink.emit(Failed(step=1, where="gpu", phase="updating", device="H100\x00", message="full"))
    ingest.ingest(run.pk)
    run.refresh_from_db()
    assert (run.failure["where"], run.failure["phase"]) == ("gpu", "updating")
    assert "\x00" not in run.failure["device"]
    sink.emit(Started(step=0, attempt=2, total_steps=9))
    sink.close()
    ingest.ingest(run.pk)
    run.refresh_from_db()
    assert run.failure == {}


def test_an_address_that_sets_what_is_no_knob_is_refused(researcher_client: Client) -> None:
    assert researcher_client.get("/runs/new/", {"set": "no.knob:1"}).status_code == 404
    page = page_of(researcher_client, "/runs/new/?set=optimisation.micro_batch_tokens:2048")
    assert form_of(page)["optimisation.micro_batch_tokens"] == "2048"
    page = page_of(researcher_client, "/runs/new/?set=optimisation.micro_batch_tokens:<b>")
    assert "&lt;b&gt;" in page  # shown as given, with its fault
