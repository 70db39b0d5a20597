"""Items from a file, over the pages: upload, what was read and what was not, and adding it once."""

import io
import json
import os
import re
import time
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.webapp.labeling.made import project_of
from webapp.core.errors import UserError
from webapp.labeling import forms, importing, uploads
from webapp.labeling.choices import Mode
from webapp.labeling.models import ItemResponse, LabelItem

pytestmark = pytest.mark.django_db

GOOD = {"prompt": "p <b>", "responses": [{"text": "a", "source": "model a", "correct": True}, "b"], "reference": "7"}


def sent(client: Client, rows: list[Any], name: str = "rows.jsonl") -> Any:
    """The page that an upload leads to."""
    content = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return client.post("/label/test-0/import/", {"file": upload(name, content.encode())}, follow=True)


def upload(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def address_of(page: Any) -> str:
    return str(page.redirect_chain[-1][0])


def stored() -> list[str]:
    folder = settings.UPLOADS_DIR / "labeling"
    return [path.name for path in folder.glob("*")] if folder.exists() else []


@pytest.fixture(autouse=True)
def uploads_folder(tmp_path: Any, settings: Any) -> None:
    settings.UPLOADS_DIR = tmp_path


def test_what_was_read_is_shown_before_it_is_added_once(researcher_client: Client) -> None:
    project_of(1, Mode.RANKING)
    page = sent(researcher_client, [GOOD, GOOD | {"prompt": "q"}, "{no json", {"prompt": "r", "responses": ["x"]}])
    html = page.content.decode()
    assert "2 items can be added behind the 1 that are there; 2 rows cannot be used" in html
    assert "p &lt;b&gt;" in html
    assert "model a" in html
    assert "1 responses, where 2 to 9 are wanted" in html
    assert LabelItem.objects.count() == 1
    address = address_of(page)
    answer = researcher_client.post(address, {"after": "1"})
    assert answer["Location"] == "/label/test-0/items/"
    assert LabelItem.objects.count() == 3
    assert LabelItem.objects.get(number=2).origin == {"file": "rows.jsonl", "lines": [1]}
    assert stored() == []
    again = researcher_client.post(address, {"after": "1"})
    assert again.status_code == 404
    assert "its items were added" in again.content.decode()
    assert LabelItem.objects.count() == 3


def test_items_that_came_between_are_looked_at_first(researcher_client: Client) -> None:
    project_of(1, Mode.RANKING)
    address = address_of(sent(researcher_client, [GOOD]))
    refused = researcher_client.post(address, {"after": "0"})
    assert refused.status_code == 409
    assert "meanwhile" in refused.content.decode()
    assert researcher_client.post(address, {"after": "none"}).status_code == 400
    assert LabelItem.objects.count() == 1
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.json", b'[{"prompt": "p", "responses": ["a", "b"]}, {"pro', "rows.json"),
        ("rows.parquet", b"PAR1 not really", "Parquet"),
        ("rows.jsonl", b"", "empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_once_and_not_kept(
    researcher_client: Client, name: str, content: bytes, said: str
) -> None:
    project_of(0, Mode.RANKING)
    page = researcher_client.post("/label/test-0/import/", {"file": upload(name, content)})
    assert page.status_code == 422
    errors = re.search(r'class="errorlist".*?</ul>', page.content.decode(), re.DOTALL)
    assert errors
    assert said in errors[0]
    assert stored() == []


def test_a_file_without_a_usable_row_can_only_be_replaced(researcher_client: Client) -> None:
    project_of(0, Mode.RANKING)
    html = sent(researcher_client, [{"prompt": "p"}]).content.decode()
    assert "No row of this file can be used" in html
    assert "no responses" in html
    assert 'name="after"' not in html


def test_what_is_too_much_is_refused(researcher_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    project_of(0, Mode.RANKING)
    monkeypatch.setattr(importing, "MOST_ITEMS", 1)
    assert "holds 2 items; at most 1" in sent(researcher_client, [GOOD, GOOD]).content.decode()
    monkeypatch.setattr(forms, "MOST_BYTES", 10)
    assert "Split the file" in sent(researcher_client, [GOOD]).content.decode()
    assert "Choose a file first" in researcher_client.post("/label/test-0/import/", {}).content.decode()


def test_a_table_of_text_becomes_items(researcher_client: Client) -> None:
    project_of(0, Mode.RANKING)
    rows = ["question,model,solution,is_correct", "p,m,a,True", "p,n,b,False", "q,m,c,True", "q,n,d,True"]
    page = sent(researcher_client, rows, "rows.csv")
    researcher_client.post(address_of(page), {"after": "0"})
    assert (LabelItem.objects.count(), ItemResponse.objects.filter(correct=True).count()) == (2, 3)


@pytest.mark.parametrize("name", ["../../evil", "..", ".hidden", "a\0b", "x" * 300 + ".jsonl", ""])
def test_no_name_leaves_the_folder_of_uploads(name: str, tmp_path: Any) -> None:
    file = SimpleUploadedFile("x", b"{}")
    file._name = name
    path = uploads.kept(uploads.keep(file))
    assert path.parent.parent == tmp_path / "labeling"
    assert path.read_bytes() == b"{}"


def test_uploads_that_nobody_added_are_thrown_away_after_a_day() -> None:
    old = uploads.keep(SimpleUploadedFile("x.json", b"[]"))
    long_ago = time.time() - uploads.KEPT_SECONDS - 60
    os.utime(uploads.kept(old).parent, (long_ago, long_ago))
    (uploads.kept(old).parent.parent / "gone").symlink_to("nowhere")  # as one that another request just threw away
    uploads.keep(SimpleUploadedFile("y.json", b"[]"))
    with pytest.raises(UserError, match="waited for a day"):
        uploads.kept(old)
