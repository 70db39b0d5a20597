"""Files of prompts with several responses: each shape, and what is bad about a row."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.webapp.labeling.made import project_of
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.importing import import_items
from webapp.labeling.models import ItemResponse, LabelItem

WIDE = {
    "question": "A robe takes 2 bolts of blue fiber and half that much white. How many?",
    "ground_truth": "It takes 2/2=<<2/2=1>>1 of white\nA: 3",
    "6b_finetuning": {"is_correct": True, "solution": "It takes 3\nA: 3"},
    "6b_verification": {"is_correct": False, "solution": "It takes 2\nA: 2"},
    "175b_finetuning": {"is_correct": False, "solution": "It takes 250\nA: 250"},
    "175b_verification": {"is_correct": True, "solution": "1 + 2\nA: 3"},
}


def written(folder: Path, rows: list[Any], name: str = "rows.jsonl") -> Path:
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) if name.endswith("l") else json.dumps(rows))
    return path


def told_of(item: LabelItem) -> list[tuple[str, str, bool | None]]:
    return list(item.responses.values_list("text", "source", "correct"))


@pytest.mark.django_db
def test_a_column_for_each_model(tmp_path: Path) -> None:
    project = project_of(0, Mode.RANKING)
    report = import_items(project, written(tmp_path, [WIDE, WIDE | {"question": "Another?"}]), "solutions.jsonl")
    assert (report.items, report.refused_count) == (2, 0)
    item = LabelItem.objects.get(number=1)
    assert item.prompt.startswith("A robe")
    assert item.reference.endswith("A: 3")
    assert item.origin == {"file": "solutions.jsonl", "lines": [1]}
    assert told_of(item)[1:3] == [
        ("It takes 2\nA: 2", "6b_verification", False),
        ("It takes 250\nA: 250", "175b_finetuning", False),
    ]


@pytest.mark.django_db
def test_a_list_of_responses(tmp_path: Path) -> None:
    project = project_of(0, Mode.RANKING)
    responses = [{"text": "a", "source": "m", "correct": True}, {"text": "b"}, "c"]
    path = written(
        tmp_path, [{"prompt": "p", "responses": responses}, {"question": "q", "responses": ["d", "e"]}], "x.json"
    )
    assert import_items(project, path, "x.json").items == 2
    assert told_of(LabelItem.objects.get(number=1)) == [("a", "m", True), ("b", "", None), ("c", "", None)]


@pytest.mark.django_db
def test_a_row_for_each_question_and_model(tmp_path: Path) -> None:
    project = project_of(1, Mode.RANKING)
    rows = [
        {"question": "p", "model": "m", "solution": "a", "is_correct": False},
        {"question": "q", "model": "m", "solution": "b"},
        {"question": "p", "model": "n", "solution": "c", "is_correct": True, "answer": "7"},
        {"question": "q", "model": "n", "solution": "d"},
    ]
    assert import_items(project, written(tmp_path, rows), "rows.jsonl").items == 2
    item = LabelItem.objects.get(number=2)
    assert (item.prompt, item.reference, item.origin["lines"]) == ("p", "7", [1, 3])
    assert told_of(item) == [("a", "m", False), ("c", "n", True)]


@pytest.mark.django_db
def test_a_table_of_text(tmp_path: Path) -> None:
    project = project_of(0, Mode.RANKING)
    path = tmp_path / "rows.csv"
    path.write_text("question,model,solution,is_correct\np,m,a,True\np,n,b,0\np,o,c,\n")
    assert import_items(project, path, "rows.csv").items == 1
    assert [correct for _, _, correct in told_of(LabelItem.objects.get())] == [True, False, None]


@pytest.mark.django_db
def test_bad_rows_are_counted_with_line_and_reason_and_the_others_stay(tmp_path: Path) -> None:
    project = project_of(0, Mode.RANKING)
    rows = [
        "{no json",
        {"question": "alone", "model": "m", "solution": "a"},
        WIDE,
        {"responses": ["a", "b"]},
        {"prompt": "p", "responses": ["a", 3]},
        {"prompt": "p", "responses": ["a", {"text": "b", "correct": "yes"}]},
        {"prompt": "p", "responses": list("abcdefghij")},
        {"prompt": "p", "responses": ["a", "b\0"]},
        {"prompt": "p", "responses": ["a", "\ud800"]},
        {"prompt": "p", "responses": ["a", " "]},
        {"prompt": "p", "responses": {}},
        {"prompt": "p"},
        "[]",
    ]
    report = import_items(project, written(tmp_path, rows), "rows.jsonl")
    said = ["not JSON", "1 responses", "no text under", "neither text", "neither true", "10 responses", "characters",
            "characters", "empty", "no list", "no responses", "object was expected"]  # fmt: skip
    assert [row.line for row in report.refused] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert all(reason in row.reason for row, reason in zip(report.refused, said, strict=True))
    assert (report.items, report.refused_count) == (1, 12)
    assert (LabelItem.objects.count(), ItemResponse.objects.count()) == (1, 4)


@pytest.mark.django_db
def test_a_file_that_makes_no_sense_writes_nothing(tmp_path: Path) -> None:
    project = project_of(0, Mode.RANKING)
    path = tmp_path / "rows.json"
    path.write_text('[{"prompt": "p", "responses": ["a", "b"]}, {"pro')
    with pytest.raises(UserError):
        import_items(project, path, "rows.json")
    assert not LabelItem.objects.exists()
