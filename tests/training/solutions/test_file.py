"""The file between a worker and a trainer."""

from pathlib import Path

import pytest

from training.solutions.file import InvalidLine, SolutionLine, append_lines, read_new


def solution(key: str, text: str = "so \\boxed{4}") -> SolutionLine:
    return SolutionLine(
        problem="p", key=key, text=text, token_ids=[1, 2, 0], logprobs="AAAA", tokenizer="t", verifier="1"
    )


def test_what_was_appended_is_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl"
    first, second = solution("a", "one\ntwo\u2028three"), InvalidLine(problem="p", key="a", reason="no")
    append_lines(path, [first])
    assert read_new(path) == ([first], path.stat().st_size)
    _, offset = read_new(path)
    append_lines(path, [second, solution("b")])
    assert read_new(path, offset) == ([second, solution("b")], path.stat().st_size)


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_new(tmp_path / "none", 7) == ([], 0)


def test_an_unfinished_line_is_left_for_later_and_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl"
    append_lines(path, [solution("a")])
    with path.open("ab") as file:
        file.write(b'{"kind": "solu')
    lines, offset = read_new(path)
    assert lines == [solution("a")]
    append_lines(path, [solution("b")])
    assert read_new(path, offset)[0] == [solution("b")]


def test_a_file_of_nothing_but_a_torn_line_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl"
    path.write_bytes(b"x" * 200_000)
    append_lines(path, [solution("a")])
    assert read_new(path)[0] == [solution("a")]


def test_a_line_that_cannot_be_read_is_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "solutions.jsonl"
    path.write_bytes(b"\0\0\n" + b'{"kind": "song"}\n')
    append_lines(path, [solution("a")])
    assert read_new(path)[0] == [solution("a")]
    assert len(caplog.records) == 2


def test_a_file_that_was_made_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl"
    append_lines(path, [solution("a")])
    assert read_new(path, 10_000)[0] == [solution("a")]
