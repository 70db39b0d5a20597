"""Checkpoints are kept, removed and taken away, and what must not be lost is not."""

import html
import io
import re
import shutil
import tarfile
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.runs.pages.made import add_checkpoint, make_run
from training.checkpoints import PIN, CheckpointFolder
from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.runs.checkpoints import archive_of, pin_checkpoint, prune_checkpoint
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def test_a_pinned_checkpoint_survives_the_trainers_rule() -> None:
    run = make_run()
    checkpoints = [add_checkpoint(run, step) for step in (10, 20, 30)]
    pin_checkpoint(checkpoints[0], True)
    assert CheckpointFolder(run.folder / "checkpoints").prune(1) == [20]
    pin_checkpoint(checkpoints[0], False)
    assert CheckpointFolder(run.folder / "checkpoints").prune(1) == [10]


def test_pinning_what_is_gone_is_refused() -> None:
    checkpoint = add_checkpoint(make_run(), 10)
    shutil.rmtree(checkpoint.folder)
    with pytest.raises(UserError, match="no longer there"):
        pin_checkpoint(checkpoint, True)


def test_a_removed_checkpoint_leaves_its_row_and_no_files() -> None:
    checkpoint = add_checkpoint(make_run(), 10, best=True)
    prune_checkpoint(checkpoint)
    checkpoint.refresh_from_db()
    assert checkpoint.removed_at is not None
    assert not checkpoint.best
    assert list(checkpoint.folder.parent.iterdir()) == []


def test_a_pinned_checkpoint_is_not_removed() -> None:
    checkpoint = add_checkpoint(make_run(), 10, pinned=True)
    with pytest.raises(UserError, match="Unpin it first"):
        prune_checkpoint(checkpoint)
    assert checkpoint.folder.is_dir()


def test_of_a_live_run_the_checkpoint_it_would_go_on_from_is_not_removed() -> None:
    run = make_run(RunStatus.RUNNING)
    older, newest = add_checkpoint(run, 10), add_checkpoint(run, 20)
    with pytest.raises(UserError, match="would go on after a failure"):
        prune_checkpoint(newest)
    prune_checkpoint(older)


@pytest.mark.parametrize("place", ["model", "method.reward.learned.model", "selection.measured_by"])
def test_a_checkpoint_that_another_run_still_needs_is_not_removed(place: str) -> None:
    run = make_run(method="reward_model" if "reward" in place else "grpo")
    checkpoint, other = add_checkpoint(run, 10), add_checkpoint(run, 20)
    config: dict[str, Any] = {"method": {"kind": "grpo"}, "selection": {"kind": "pass_rate"}}
    inner = config
    *path, last = place.split(".")
    for name in path:
        inner = inner.setdefault(name, {})
    inner[last] = {"kind": "checkpoint", "run": run.pk, "step": 10}
    heir = make_run(RunStatus.QUEUED, config=RunConfig.model_validate(config), name="the heir")
    with pytest.raises(UserError, match="the heir needs this checkpoint"):
        prune_checkpoint(checkpoint)
    prune_checkpoint(other)
    Run.objects.filter(pk=heir.pk).update(status=RunStatus.FAILED)
    prune_checkpoint(checkpoint)


def test_a_run_cannot_name_a_checkpoint_that_is_gone() -> None:
    run = make_run()
    prune_checkpoint(add_checkpoint(run, 10))
    gone = {"kind": "checkpoint", "run": run.pk, "step": 10}
    for config in ({"model": gone}, {"selection": {"kind": "pass_rate", "measured_by": gone}}):
        with pytest.raises(UserError, match="has no checkpoint of step 10"):
            make_run(config=RunConfig.model_validate(config))


def test_a_download_is_a_tar_of_the_model_without_the_trainers_state(researcher_client: Client) -> None:
    run = make_run(name="Größer & besser")
    checkpoint = add_checkpoint(run, 10)
    (checkpoint.folder / PIN).touch()
    (checkpoint.folder / "deep").mkdir()
    (checkpoint.folder / "deep" / ("long-name-" * 12)).write_text("x" * 513)
    response = researcher_client.get(reverse("runs:checkpoint_download", args=[run.pk, 10]))
    content = b"".join(response.streaming_content)
    assert response["Content-Length"] == str(len(content))
    name = f"groer-besser-{run.pk}-step-10"
    assert response["Content-Disposition"] == f'attachment; filename="{name}.tar"'
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        inside = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    kept = ["config.json", f"deep/{'long-name-' * 12}", "model.safetensors"]
    assert inside == {f"{name}/{file}": (checkpoint.folder / file).read_bytes() for file in kept}


def test_a_checkpoint_removed_during_its_download_still_arrives_whole() -> None:
    checkpoint = add_checkpoint(make_run(), 10)
    weights = (checkpoint.folder / "model.safetensors").read_bytes()
    stream, length = archive_of(checkpoint, "it")
    first = next(stream)
    prune_checkpoint(checkpoint)
    content = first + b"".join(stream)
    assert len(content) == length
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.extractfile("it/model.safetensors").read() == weights  # type: ignore[union-attr]


def test_the_page_says_why_each_is_kept_and_what_a_removal_loses(researcher_client: Client) -> None:
    run = make_run()
    add_checkpoint(run, 10, best=True, score=0.5)
    add_checkpoint(run, 20, pinned=True, score=0.4)
    page = researcher_client.get(reverse("runs:checkpoints", args=[run.pk])).content.decode()
    assert "50.0 %" in page
    assert "it is the best of this run" in page
    assert f"from_checkpoint={run.pk}:10" in page
    for step, pinned in ((10, "true"), (20, "false")):
        researcher_client.post(reverse("runs:checkpoint_pin", args=[run.pk, step]), {"pinned": pinned})
    assert [each.pinned for each in run.checkpoints.all()] == [True, False]
    assert (run.folder / "checkpoints/step_000010" / PIN).exists()
    researcher_client.post(reverse("runs:checkpoint_prune", args=[run.pk, 20]))
    assert run.checkpoints.get(step=20).removed_at is not None


@pytest.mark.parametrize("method", ["ppo", "grpo"])
def test_a_reward_model_is_offered_to_be_trained_against_and_not_to_answer(
    researcher_client: Client, method: str
) -> None:
    run = make_run(config=RunConfig.model_validate({"method": {"kind": "reward_model"}}))
    add_checkpoint(run, 10)
    page = researcher_client.get(reverse("runs:checkpoints", args=[run.pk])).content.decode()
    assert "/evals/new/" not in page
    assert "from_checkpoint" not in page
    found = re.search(rf'href="(/runs/new/[^"]*method\.{method}\.reward[^"]*)"', page)
    assert found is not None
    form = researcher_client.get(html.unescape(found[1])).context["form"]
    named = f"method.{method}.reward.learned.model.checkpoint"
    assert [form[f"{named}.{knob}"].value() for knob in ("run", "step")] == [str(run.pk), "10"]
    assert form["method.kind"].value() == method
