"""Parquet files that another library wrote, sound and damaged; and a process of its own that reads them."""

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.reading import shapes
from training.reading import UnreadableFileError, parquet, parquet_process, read_rows
from training.reading.parquet import ParquetError, parquet_rows

DAY, MOMENT = dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5, 678901)
COLUMNS: dict[str, pa.Array] = {
    "null": pa.nulls(3),
    "flag": pa.array([True, None, False]),
    "small": pa.array([-1, None, 127], pa.int8()),
    "large": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "float": pa.array([1.5, None, float("inf")]),
    "single": pa.array([1.5, None, -2.0], pa.float32()),
    "text": pa.array(["a", None, "\N{MUSICAL SYMBOL G CLEF}"]),
    "large text": pa.array(["a", None, ""], pa.large_string()),
    "viewed text": pa.array(["a", None, "longer than what is kept in place"], pa.string_view()),
    "dictionary": pa.array(["x", None, "x"]).dictionary_encode(),
    "date": pa.array([DAY, None, dt.date(1900, 1, 1)]),
    "moment": pa.array([MOMENT, None, None], pa.timestamp("us")),
    "moment there": pa.array([MOMENT, None, None], pa.timestamp("us", "Europe/Berlin")),
    "time": pa.array([dt.time(1, 2, 3), None, None], pa.time32("ms")),
    "duration": pa.array([dt.timedelta(days=1, microseconds=3), None, None], pa.duration("us")),
    "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-99.99")], pa.decimal128(10, 2)),
    "wide decimal": pa.array([decimal.Decimal(10**50), None, None], pa.decimal256(60, 0)),
    "list": pa.array([[1, None], None, []]),
    "large list": pa.array([["a"], None, []], pa.large_list(pa.string())),
    "pair": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"a": 1, "b": [{"c": "x"}]}, None, {"a": None, "b": None}]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
}


def test_it_reads_every_type_as_the_other_library_does(tmp_path: Path) -> None:
    table = pa.table(COLUMNS)
    pq.write_table(table, tmp_path / "a.parquet")
    assert list(parquet_rows(tmp_path / "a.parquet")) == table.to_pylist()


def test_it_reads_every_compression_and_version(tmp_path: Path) -> None:
    """In groups of rows that end inside a batch; one column each, in one file."""
    packings = ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]
    table = pa.table({name: [f"text {number} " * 9 for number in range(700)] for name in packings})
    for version in ("1.0", "2.0"):
        path = tmp_path / f"{version}.parquet"
        codecs = dict(zip(packings, packings, strict=True))
        pq.write_table(table, path, compression=codecs, data_page_version=version, row_group_size=300)
        assert list(parquet_rows(path)) == table.to_pylist()


def test_columns_of_bytes_are_left_out(tmp_path: Path) -> None:
    kinds = (pa.binary(), pa.large_binary(), pa.binary_view())
    columns = {str(kind): pa.array([b"\xff"], kind) for kind in kinds}
    pq.write_table(pa.table(columns | {"q": ["two"]}), tmp_path / "a.parquet")
    assert list(parquet_rows(tmp_path / "a.parquet")) == [{"q": "two"}]
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    assert list(parquet_rows(tmp_path / "b.parquet")) == [{}]


def damages(path: Path) -> Iterator[tuple[bytes, str]]:
    """Contents that were this file's, and what is said of them."""
    whole = path.read_bytes()
    yield whole[: len(whole) // 2], "its end is missing"
    yield whole[:-8] + b"\xff\xff\xff\x7f" + whole[-4:], "too small"
    yield b"PAR1\0\0\0\0PAR1", "may be damaged"
    yield whole[:4] + b"\xff" * 60 + whole[64:], "may be damaged"


def test_it_says_that_a_file_is_damaged(tmp_path: Path) -> None:
    path = shapes.parquet(tmp_path / "a.parquet", [shapes.nested(number) for number in range(9)]).path
    for content, message in damages(path):
        path.write_bytes(content)
        with pytest.raises(UnreadableFileError) as caught:
            list(read_rows(shapes.source(path)))
        assert str(caught.value).startswith("a.parquet cannot be read as Parquet: ")
        assert message in str(caught.value)
        assert "unwrap" not in str(caught.value)
    path.write_bytes(b"PARE....PARE")
    with pytest.raises(UnreadableFileError, match="encrypted"):
        shapes.source(path)


def test_a_file_at_which_the_library_aborts_ends_the_other_process_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborting = tmp_path / "aborting.py"
    aborting.write_text("import os, pickle\nos.write(1, pickle.dumps([{'a': 1}]) + b'\\x80')\nos.abort()\n")
    monkeypatch.setattr(parquet, "_PROCESS", aborting)
    path = shapes.parquet(tmp_path / "a.parquet", [shapes.nested(1)]).path
    read = parquet_rows(path)
    assert next(read) == {"a": 1}
    with pytest.raises(ParquetError, match="damaged, or takes too much memory"):
        next(read)


def test_the_process_ends_with_whoever_reads(tmp_path: Path) -> None:
    path = shapes.parquet(tmp_path / "a.parquet", [shapes.nested(number) for number in range(3000)]).path
    read = parquet_rows(path)
    next(read)
    [child] = [each for each in psutil.Process().children() if "parquet_process.py" in " ".join(each.cmdline())]
    read.close()  # type: ignore[attr-defined]
    assert not child.is_running()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Exception("C Data interface error: Parquet argument error: Parquet error: Bad page."), "Bad page"),
        (RuntimeError('called `Result::unwrap()` on an `Err` value: General("Corrupt footer")'), "Corrupt footer"),
        (MemoryError(), "more than 4 GiB"),
    ],
)
def test_reasons_are_told_without_the_layers_they_came_through(error: Exception, reason: str) -> None:
    assert parquet_process.reason_of(error).removeprefix("it takes ").startswith(reason)
