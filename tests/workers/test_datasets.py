"""Downloads from the hub, against a server that answers as the hub does."""

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from pytest_django import Settings

from tests.training.reading import shapes
from tests.workers.fake_hub import running_hub
from webapp.accounts.models import User
from webapp.datasets import imports, intake
from webapp.datasets.models import Import, ImportState
from workers.datasets import fetch_import

pytestmark = pytest.mark.django_db

EMPTY = {"name": "ann/plums", "subset": "", "split": "", "heldout_split": "", "revision": ""}


def rows(first: int, last: int) -> bytes:
    return "".join(json.dumps(shapes.worked(number)) + "\n" for number in range(first, last)).encode()


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.UPLOADS_DIR = tmp_path / "uploads"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    parquet = shapes.parquet(tmp_path / "a.parquet", [shapes.nested(number) for number in range(40)]).path.read_bytes()
    repositories = {
        "ann/plums": {
            "main": {
                "README.md": b"# Plums",
                "main/train-00000-of-00002.jsonl": rows(0, 30),
                "main/train-00001-of-00002.jsonl": rows(30, 50),
                "main/test-00000-of-00001.jsonl": rows(45, 60),
                "hard/train.jsonl": rows(100, 110),
            },
            "v1": {"train.jsonl": rows(0, 5)},
        },
        "ann/nested": {
            "main": {"data.zip": b"PK"},
            "refs/convert/parquet": {"default/partial-train/0000.parquet": parquet, ".gitattributes": b""},
        },
        "ann/words": {"main": {"README.md": b"no data here"}},
    }
    with running_hub(repositories) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield


def fetched(user: User, **hub: str) -> Import:
    record = intake.start_hub({**EMPTY, **hub}, user)
    fetch_import(record.pk)
    record.refresh_from_db()
    return record


def test_it_downloads_a_split_and_proposes_a_plan(researcher: User) -> None:
    record = fetched(researcher)
    assert record.state == ImportState.READY, record.message
    assert [entry["name"] for entry in record.files] == [
        "main/train-00000-of-00002.jsonl",
        "main/train-00001-of-00002.jsonl",
    ]
    imports.check(record)
    record.refresh_from_db()
    assert record.report["accepted"] == 50


def test_it_holds_out_another_split(researcher: User) -> None:
    record = fetched(researcher, heldout_split="test")
    imports.check(record)
    record.refresh_from_db()
    assert (record.report["train"], record.report["heldout"], record.report["leaked"]) == (45, 15, 5)


def test_it_takes_the_parquet_files_that_the_hub_makes(researcher: User) -> None:
    record = fetched(researcher, name="ann/nested")
    assert [entry["format"] for entry in record.files] == ["parquet"]
    assert record.plan["answer"] == "reward_model.ground_truth"


def test_it_takes_the_subset_and_the_revision_it_is_told(researcher: User) -> None:
    assert [entry["name"] for entry in fetched(researcher, subset="hard").files] == ["hard/train.jsonl"]
    assert [entry["name"] for entry in fetched(researcher, revision="v1").files] == ["train.jsonl"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "ann/nobody"}, "The hub has no data set ann/nobody"),
        ({"name": "gated/plums"}, "is gated: accept its terms"),
        ({"revision": "v9"}, "ann/plums has no revision v9"),
        ({"subset": "soft"}, "Choose a subset: the set has hard, main."),
        ({"split": "validation"}, "Choose a split: subset main has test, train."),
        ({"name": "ann/words"}, "has no Parquet, JSON or CSV files"),
        ({"name": "a/b--c"}, "is no name on the hub"),
    ],
)
def test_it_says_what_to_do_when_it_cannot_download(researcher: User, asked: dict[str, str], message: str) -> None:
    record = fetched(researcher, **asked)
    assert record.state == ImportState.FAILED
    assert message in record.message


def test_it_says_that_the_hub_cannot_be_reached(researcher: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "cannot be reached from the workers" in fetched(researcher).message


def test_it_tries_again_when_told_so(researcher: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as offline:
        offline.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        record = fetched(researcher)
    intake.retry_hub(record)
    record.refresh_from_db()
    assert (record.state, record.message) == (ImportState.FETCHING, "")
    fetch_import(record.pk)
    record.refresh_from_db()
    assert record.state == ImportState.READY


def test_it_counts_the_bytes(researcher: User) -> None:
    record = fetched(researcher)
    assert record.fetched_bytes == record.total_bytes == len(rows(0, 50))


def test_it_does_nothing_for_an_import_that_is_discarded_or_done(researcher: User) -> None:
    record = fetched(researcher)
    before = record.files
    fetch_import(record.pk)  # delivered twice
    record.refresh_from_db()
    assert record.files == before
    intake.discard(record)
    fetch_import(10**6)
