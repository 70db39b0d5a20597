"""Reading rows of every format, good and bad."""

import json
from pathlib import Path

import pytest

from tests.training.reading import shapes
from training.reading import Row, Source, UnreadableFileError, detect_format, read_rows


def test_it_reads_json_lines_and_names_what_is_wrong_with_bad_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a": \n[1]\n"x"\n\xff\xfe{}\n{"a": 2}\n' + b"[" * 100_000 + b"\n")
    rows = list(read_rows(shapes.source(path)))
    assert [(row.number, row.values) for row in rows if not row.error] == [(1, {"a": 1}), (7, {"a": 2})]
    assert [(row.number, row.error) for row in rows if row.error] == [
        (3, "not JSON: expecting value at column 6"),
        (4, "a JSON object was expected, this is an array"),
        (5, "a JSON object was expected, this is a text"),
        (6, "not UTF-8 text (byte 1)"),
        (8, "JSON nested too deeply, or a number with too many digits"),
    ]
    assert rows[1].shown(100) == '{"a":'


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"version": 1, "data": rows}])
def test_it_reads_a_json_array_even_inside_an_object(tmp_path: Path, wrap: object) -> None:
    content = json.dumps(wrap([{"a": 1}, 5, {"a": 2}]))  # type: ignore[operator]
    rows = list(read_rows(shapes.text(tmp_path / "a.json", content)))
    assert [row.number for row in rows if not row.error] == [1, 3]
    assert rows[1].error == "a JSON object was expected, this is a number"


def test_it_recognises_json_lines_called_json(tmp_path: Path) -> None:
    assert shapes.text(tmp_path / "a.json", '{"a": 1}\n{"a": 2}\n').format == "jsonl"
    assert shapes.text(tmp_path / "b.json", '{\n"data": [{"a": 2}]}\n').format == "json"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_it_reads_csv_with_quotes_line_breaks_and_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    content = (
        "\ufeff"
        + delimiter.join(["q", "a"])
        + f'\r\n"one{delimiter} ""two""\nthree"{delimiter}7\r\n\r\nx\r\ny{delimiter}8\r\n'
    )
    rows = list(read_rows(shapes.text(tmp_path / "a.csv", content)))
    assert rows == [
        Row(2, {"q": f'one{delimiter} "two"\nthree', "a": "7"}),
        Row(5, error="1 cell where the head has 2", raw="x"),
        Row(6, {"q": "y", "a": "8"}),
    ]


def test_it_reads_parquet_with_nested_columns(tmp_path: Path) -> None:
    rows = list(read_rows(shapes.parquet(tmp_path / "a.parquet", [shapes.nested(i) for i in range(3000)])))
    assert len(rows) == 3000
    assert rows[2999].number == 3000
    assert rows[2999].values["reward_model"]["ground_truth"] == "2999"
    assert rows[2999].values["prompt"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.xlsx", b"PK\x03\x04....", "use a .jsonl, .json, .csv, .tsv or .parquet"),
        ("a.jsonl.gz", b"\x1f\x8b....", "Unpack it"),
        ("a.parquet", b"not so", "is not a Parquet file"),
        ("a.parquet", b"PAR1 broken", "cannot be read as Parquet"),
        ("a.json", b'{"a": 1, "b": "no list"}', "must hold an array of objects"),
        ("a.json", b"[1, 2", "is not JSON"),
        ("a.json", b'["\xff"]', "is not UTF-8 text"),
        ("a.csv", b"a,a\n1,2\n", "has the column 'a' twice"),
        ("a.csv", b",\n1,2\n", "must start with a line of column names"),
        ("a.csv", "q,a\nGr\N{LATIN SMALL LETTER U WITH DIAERESIS}n,1\n".encode("latin-1"), "Save it as CSV (UTF-8)"),
    ],
)
def test_it_says_what_to_do_with_a_file_it_cannot_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        list(read_rows(Source(path, detect_format(path, name), name)))
    assert message in str(caught.value)
    assert name in str(caught.value)
