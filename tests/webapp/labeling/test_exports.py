"""Labels as files: what most say, who said what, types of columns, and a card that names nobody."""

import csv
import io
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.webapp.labeling.made import given, labelers, project_of, submit
from training.rankings import load_rankings
from webapp.accounts.models import User
from webapp.labeling import answers
from webapp.labeling.choices import Mode
from webapp.labeling.exports.card import card
from webapp.labeling.exports.files import WRITERS
from webapp.labeling.exports.records import COLUMNS, READERS, pairs, rankings, table
from webapp.labeling.exports.selection import EVERYTHING
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.stored_labels import labeled_items

ARROW = {
    "text": pyarrow.string(), "object": pyarrow.string(), "flag": pyarrow.bool_(), "number": pyarrow.float64(),
    "integer": pyarrow.int64(), "texts": pyarrow.list_(pyarrow.string()), "integers": pyarrow.list_(pyarrow.int64()),
}  # fmt: skip

pytestmark = pytest.mark.django_db


def say(project: LabelProject, user: User, value: dict[str, Any] | str) -> Annotation:
    """Label the next item in terms of response indices: a stored choice, or ranks by index."""
    assignment = given(project, user)
    if isinstance(value, str):
        side, _, strength = value.partition("_")
        if side in ("first", "second"):
            left = assignment.order[0] == ("first", "second").index(side)
            value = f"{'left' if left else 'right'}_{strength}"
        return submit(assignment, value)
    handles = dict(zip(assignment.order, assignment.handles, strict=True))
    sent = {"ranks": {handles[index]: rank for index, rank in enumerate(value["ranks"])}}
    return answers.submit(assignment, user, uuid.uuid4(), sent, 7.0)


def paired(*choices: str) -> LabelProject:
    """One pair of responses, labeled once by each of so many annotators."""
    project = project_of(1, overlap=max(len(choices), 1))
    for user, choice in zip(labelers(len(choices)), choices, strict=True):
        say(project, user, choice)
    return project


@pytest.mark.parametrize(
    ("choices", "chosen", "tie", "margin", "agreement"),
    [
        (("first_clearly", "first_slightly", "second_slightly"), "1.0", False, (1 + 1 / 3 - 1 / 3) / 3, 2 / 3),
        (("second_clearly",), "1.1", False, 1.0, 1.0),
        (("tie", "both_bad", "first_clearly"), "1.0", True, 0.0, 2 / 3),
        (("first_clearly", "second_clearly"), "1.0", True, 0.0, 0.0),
        (("second_slightly", "second_slightly", "first_clearly"), "1.1", False, 0.0, 2 / 3),
    ],
)
def test_pairs_say_what_most_labels_say(
    choices: tuple[str, ...], chosen: str, tie: bool, margin: float, agreement: float
) -> None:
    [pair] = pairs(paired(*choices))
    assert (pair["chosen"], pair["tie"], pair["annotators"]) == (chosen, tie, len(choices))
    assert {pair["chosen"], pair["rejected"]} == {"1.0", "1.1"}
    assert pair["margin"] == pytest.approx(margin)
    assert pair["agreement"] == pytest.approx(agreement)


def test_rankings_keep_each_label_and_pairs_all_their_orders() -> None:
    project = project_of(1, Mode.RANKING, responses=3, overlap=2)
    ann, ben = labelers(2)
    say(project, ann, {"ranks": [2, 1, 1]})
    say(project, ben, {"ranks": [3, 1, 2]})
    assert [line["ranks"] for line in rankings(project)] == [[3, 1, 1], [3, 1, 2]]
    found = {(pair["chosen"], pair["rejected"]): pair for pair in pairs(project)}
    assert found["1.1", "1.0"]["agreement"] == found["1.2", "1.0"]["agreement"] == 1
    undecided = found["1.1", "1.2"]
    assert (undecided["tie"], undecided["agreement"]) == (False, 0.5), "one prefers, one does not care"
    assert {pair["margin"] for pair in found.values()} == {None}


def test_a_withdrawn_label_is_left_out_and_an_adjudicated_one_stands_alone() -> None:
    project = paired("first_clearly", "first_clearly", "second_clearly")
    first = Annotation.objects.order_by("pk")[0]
    answers.undo_last(first.annotator, project)
    [pair] = pairs(project)
    assert (pair["annotators"], pair["tie"]) == (2, True)

    def adjudicate(choice: str) -> None:
        Annotation.objects.create(
            item=first.item, annotator=first.annotator, kind="adjudicated", value={"choice": choice},
            client_id=uuid.uuid4(), seconds=3,
        )  # fmt: skip

    adjudicate("second_slightly")
    [pair] = pairs(project)
    assert (pair["annotators"], pair["chosen"], pair["meta"]["adjudicated"]) == (1, "1.1", True)
    assert len(list(rankings(project))) == 3, "all standing labels are told"
    adjudicate("first_slightly")
    assert [line["ranks"] for line in rankings(project) if line["kind"] == "adjudicated"] == [[1, 2]], "the latest"
    assert [pair["chosen"] for pair in pairs(project)] == ["1.0"]
    for other in Annotation.objects.filter(withdrawn_at=None):
        other.delete()
    assert not list(labeled_items(project))


@pytest.mark.parametrize("what", READERS)
def test_every_kind_can_be_had_in_every_format(what: str) -> None:
    project = paired("first_slightly", "tie")
    records = list(READERS[what](project, EVERYTHING))
    assert all(tuple(record) == tuple(COLUMNS[what]) for record in records)
    files = {kind: io.BytesIO() for kind in WRITERS}
    for kind, write in WRITERS.items():
        assert write(iter(records), COLUMNS[what], files[kind]) == len(records)
    assert [json.loads(line) for line in files["jsonl"].getvalue().splitlines()] == records
    rows = list(csv.DictReader(io.StringIO(files["csv"].getvalue().decode())))
    assert [row["prompt"] for row in rows] == ["prompt 1"] * len(records)
    read = pyarrow.parquet.read_table(io.BytesIO(files["parquet"].getvalue()))
    assert read.schema == pyarrow.schema([(name, ARROW[kind]) for name, kind in COLUMNS[what].items()])
    columns = read.to_pylist()
    assert [{k: v for k, v in row.items() if k != "meta"} for row in columns] == [
        {k: v for k, v in record.items() if k != "meta"} for record in records
    ]


def test_files_without_labels_have_a_head_and_no_formula_survives() -> None:
    project = project_of(1)
    for what, columns in COLUMNS.items():
        for write in WRITERS.values():
            assert write(READERS[what](project, EVERYTHING), columns, io.BytesIO()) == 0
    [ann] = labelers(1)
    answers.submit(assignment := given(project, ann), ann, uuid.uuid4(), {"choice": "tie"}, 1, "=1+1")
    file = io.BytesIO()
    WRITERS["csv"](table(project), COLUMNS["table"], file)
    assert {row["comment"] for row in csv.DictReader(io.StringIO(file.getvalue().decode()))} == {"'=1+1"}
    assert assignment.order in ([0, 1], [1, 0])
    assert [row["shown_at"] for row in table(project)] == [assignment.order.index(0), assignment.order.index(1)]


def test_numbers_and_texts_come_out_of_parquet_as_they_were() -> None:
    file = io.BytesIO()
    text = '"a"\n\u2028\0\N{MUSICAL SYMBOL G CLEF}'
    lines = [{"x": 0.1 + 0.2, "n": 2**63 - 1, "t": text}, {"x": float("nan"), "n": None, "t": None}] * 2500
    assert WRITERS["parquet"](lines, {"x": "number", "n": "integer", "t": "text"}, file) == 5000
    missing = {"x": None, "n": None, "t": None}
    assert pyarrow.parquet.read_table(io.BytesIO(file.getvalue())).to_pylist() == [lines[0], missing] * 2500


def test_the_card_counts_and_names_nobody() -> None:
    project = paired("first_clearly", "first_clearly", "second_clearly")
    text = card(project)
    assert "labels of 1 of 1 items, 3 wanted" in text
    assert "| Annotators | 3 |" in text
    assert "Exact agreement: 0.333" in text
    assert not any(user.username in text for user in User.objects.filter(role="labeler"))


def test_a_trainer_reads_exported_rankings(tmp_path: Path) -> None:
    file = tmp_path / "rankings.jsonl"
    with file.open("wb") as opened:
        WRITERS["jsonl"](rankings(paired("first_slightly", "second_clearly")), COLUMNS["rankings"], opened)
    found = load_rankings(file, heldout_share=0, seed=0).train
    assert [(row.choice, row.ranks, row.responses) for row in found] == [
        (2, [1, 2], ["1.0", "1.1"]),
        (5, [2, 1], ["1.0", "1.1"]),
    ]
