"""The export page: choices and their rows, the archive with its card, what is left out, who may."""

import csv
import io
import json
import uuid
import zipfile
from typing import Any

import pyarrow.parquet
import pytest
from django.test import Client

from tests.webapp.labeling.made_labels import HOSTILE, annotators, labeled_project
from webapp.accounts.models import User
from webapp.labeling.adjudication import decide
from webapp.labeling.exports.files import WRITERS
from webapp.labeling.exports.records import READERS
from webapp.labeling.items import ItemDraft, ResponseDraft
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.views.exports import FORMATS, KINDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db: None) -> LabelProject:
    """1: two to one, 2: a tie, 3: one label of a formula."""
    drafts = [
        ItemDraft(text, [ResponseDraft(f"{text} {k}", f"m{k}") for k in range(2)]) for text in ("one", "two", "=3")
    ]

    def choose(item: int, who: int) -> dict[str, str]:
        return {"choice": "tie" if item == 2 else "second_slightly" if who == 2 else "first_clearly"}

    made = labeled_project(3, choose, drafts=drafts)
    Annotation.objects.filter(item__project=made, item__number=3, annotator__in=annotators(3)[1:]).delete()
    return made


def rows(client: Client, project: LabelProject, **query: str) -> list[dict[str, Any]]:
    response = client.get(f"/label/{project.slug}/export/file/", query)
    assert response.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    name = next(each for each in archive.namelist() if each != "README.md")
    assert name == f"{project.slug}-{query.get('kind', 'pairs')}.{query.get('format', 'jsonl')}"
    content = archive.read(name)
    if name.endswith("csv"):
        return list(csv.DictReader(io.StringIO(content.decode())))
    if name.endswith("parquet"):
        return list(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
    return [json.loads(line) for line in content.splitlines()]


def test_the_page_offers_what_can_be_written() -> None:
    assert KINDS.keys() == READERS.keys()
    assert FORMATS.keys() == WRITERS.keys()


def test_the_page_shows_first_rows_and_counts_them(researcher_client: Client, project: LabelProject) -> None:
    text = researcher_client.get(f"/label/{project.slug}/export/").content.decode()
    for words in ("chosen", "rejected", "one 0", "counting rows", "Download with its card"):
        assert words in text, words
    assert "two 0" not in text, "ties are left out unless asked for"
    address = f"/label/{project.slug}/export/rows/"
    assert researcher_client.get(address).content.decode().strip() == "2 rows in all"
    assert "3 rows" in researcher_client.get(address, {"ties": "keep"}).content.decode()
    assert "14 rows" in researcher_client.get(address, {"kind": "table"}).content.decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", FORMATS)
def test_every_kind_is_downloaded_in_every_format(
    researcher_client: Client, project: LabelProject, kind: str, ending: str
) -> None:
    found = rows(researcher_client, project, kind=kind, format=ending)
    assert len(found) == {"pairs": 2, "rankings": 7, "table": 14}[kind]
    assert found[-1]["prompt"] == ("'=3" if ending == "csv" else "=3")


def test_items_with_few_labels_are_left_out_and_annotators_named_if_asked(
    researcher_client: Client, project: LabelProject
) -> None:
    assert [row["prompt"] for row in rows(researcher_client, project, least="2", ties="keep")] == ["one", "two"]
    found = rows(researcher_client, project, kind="rankings")
    assert {row["annotator"] for row in found} == {f"annotator-{user.pk}" for user in annotators(3)}
    found = rows(researcher_client, project, kind="rankings", annotators="names")
    assert {row["annotator"] for row in found} == {"labeler0", "labeler1", "labeler2"}


def test_adjudicated_labels_alone(researcher_client: Client, researcher: User, project: LabelProject) -> None:
    none = researcher_client.get(f"/label/{project.slug}/export/", {"labels": "adjudicated"}).content.decode()
    assert "No rows" in none
    item = project.items.get(number=3)
    decide(item, researcher, uuid.uuid4(), {"choice": "right_clearly"}, "why")
    for kind in ("pairs", "rankings", "table"):
        found = rows(researcher_client, project, kind=kind, labels="adjudicated")
        assert {row["prompt"] for row in found} == {"=3"}
        assert {row.get("kind", "adjudicated") for row in found} == {"adjudicated"}
    assert rows(researcher_client, project, least="3", kind="table")[-1]["prompt"] == "=3", (
        "decided, whatever its labels"
    )


def test_the_card_says_what_was_taken(researcher_client: Client, project: LabelProject) -> None:
    response = researcher_client.get(f"/label/{project.slug}/export/card/", {"least": "2", "annotators": "names"})
    text = response.content.decode()
    assert response["Content-Disposition"] == f'attachment; filename="{project.slug}-README.md"'
    for words in (
        "Pairs that tie are left out.",
        "Items with 2 labels or more",
        "Annotators by name.",
        "labels of 2 of 3",
    ):
        assert words in text, words
    archive = researcher_client.get(f"/label/{project.slug}/export/file/")
    names = zipfile.ZipFile(io.BytesIO(b"".join(archive.streaming_content))).namelist()  # type: ignore[attr-defined]
    assert names == [f"{project.slug}-pairs.jsonl", "README.md"]


def test_choices_that_make_no_sense_are_said_to_be_none(researcher_client: Client, project: LabelProject) -> None:
    page = researcher_client.get(f"/label/{project.slug}/export/", {"least": "0", "kind": "all"})
    assert "makes no sense" in page.content.decode()
    for name in ("file", "card", "rows"):
        refused = researcher_client.get(f"/label/{project.slug}/export/{name}/", {"format": "xlsx"})
        assert refused.status_code == 400
        assert "makes no sense" in refused.content.decode()


def test_texts_are_escaped_in_the_preview(researcher_client: Client) -> None:
    drafts = [ItemDraft(HOSTILE, [ResponseDraft(HOSTILE), ResponseDraft("b")])]
    project = labeled_project(1, lambda item, who: {"choice": "first_clearly"}, drafts=drafts)
    text = researcher_client.get(f"/label/{project.slug}/export/").content.decode()
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_viewers_export_nothing(client: Client, viewer: User, project: LabelProject) -> None:
    client.force_login(viewer)
    for name in ("", "file/", "card/", "rows/"):
        assert client.get(f"/label/{project.slug}/export/{name}").status_code == 403
