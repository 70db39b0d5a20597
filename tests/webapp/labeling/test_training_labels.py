"""The file of labels that a run learns from: whole, or as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.labeling.made import given, labelers, project_of, submit
from webapp.core.errors import UserError
from webapp.labeling import training_labels
from webapp.labeling.exports.records import rankings
from webapp.labeling.training_labels import write_rankings

pytestmark = pytest.mark.django_db


def test_what_breaks_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(2)
    with pytest.raises(UserError, match="no labels that compare"):
        write_rankings(project.slug, tmp_path / "rankings.jsonl")
    [user] = labelers(1)
    submit(given(project, user))
    assert write_rankings(project.slug, tmp_path / "rankings.jsonl") == 1
    before = (tmp_path / "rankings.jsonl").read_bytes()

    def broken(*args: Any) -> Iterator[dict[str, Any]]:
        yield from rankings(*args)
        raise OSError("the disk is full")

    monkeypatch.setattr(training_labels, "rankings", broken)
    with pytest.raises(OSError, match="full"):
        write_rankings(project.slug, tmp_path / "rankings.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["rankings.jsonl"]
    assert (tmp_path / "rankings.jsonl").read_bytes() == before
