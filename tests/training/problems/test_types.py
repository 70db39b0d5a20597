"""Problem files: what is written is read back, and a bad line is named."""

import json
from pathlib import Path

import pytest

from training.problems import Problem, ProblemFileError, read_problems, write_problems
from training.problems.types import DemonstratedTurn

PROBLEM = Problem(
    id="p1",
    prompt="Line one\nline two: ½ – 你好 \u2028 end",
    answer=r"\frac{1}{2}",
    solution=None,
    split="heldout",
    level="middle",
    meta={"source": "somewhere"},
)
RECORD = {"id": "p1", "prompt": "1+1=?", "answer": "2", "split": "train", "level": "easy"}
MODEL, TOOL = {"role": "model", "text": "so 2"}, {"role": "tool", "text": "2"}


def _file(folder: Path, *lines: object) -> Path:
    path = folder / "problems.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_problems_come_back_as_they_were_written(tmp_path: Path) -> None:
    second = Problem("p2", "1+1=?", "2", "<answer>2</answer>", "train", "easy", {})
    assert write_problems(tmp_path / "set.jsonl", [PROBLEM, second]) == 2
    assert read_problems(tmp_path / "set.jsonl") == [PROBLEM, second]


def test_demonstrated_turns_come_back_as_they_were_written(tmp_path: Path) -> None:
    turns = (DemonstratedTurn("model", "call"), DemonstratedTurn("tool", "2"), DemonstratedTurn("model", "so 2"))
    shown = Problem("p2", "1+1=?", "2", None, "train", "easy", turns=turns)
    write_problems(tmp_path / "set.jsonl", [shown])
    assert read_problems(tmp_path / "set.jsonl") == [shown]


def test_one_problem_takes_one_line_even_with_line_breaks_inside(tmp_path: Path) -> None:
    write_problems(tmp_path / "set.jsonl", [PROBLEM, PROBLEM])
    assert (tmp_path / "set.jsonl").read_bytes().count(b"\n") == 2


def test_solution_and_meta_may_be_left_out_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = _file(tmp_path, "", RECORD, "  ")
    assert read_problems(path) == [Problem("p1", "1+1=?", "2", None, "train", "easy", {})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "expected a JSON object, got list"),
        ({"id": "p2", "prompt": "1+1=?", "split": "train"}, "missing answer, level"),
        ({**RECORD, "id": "p2", "colour": "red"}, "unknown field colour"),
        ({**RECORD, "id": "p2", "answer": 2}, "answer must be text, got int"),
        ({**RECORD, "id": "p2", "split": "test"}, "split must be one of train, heldout, got 'test'"),
        ({**RECORD, "id": "p2", "solution": 3}, "solution must be text or null"),
        ({**RECORD, "id": "p2", "meta": {"n": 3}}, "meta must be an object of texts"),
        ({**RECORD, "id": "p2", "turns": "so 2"}, "turns must be a list of objects with role and text"),
        ({**RECORD, "id": "p2", "turns": [{"role": "user", "text": "2"}]}, "must be model or tool"),
        ({**RECORD, "id": "p2", "turns": [MODEL, TOOL]}, "turns must begin and end with the model's"),
        ({**RECORD, "id": "p2", "turns": [MODEL, MODEL]}, "tools must speak between"),
        (RECORD, "id 'p1' was already used on line 1"),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_reason(tmp_path: Path, line: object, reason: str) -> None:
    path = _file(tmp_path, RECORD, "", line)
    with pytest.raises(ProblemFileError, match="line 3") as caught:
        read_problems(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(json.dumps({**RECORD, "prompt": "½"}, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(ProblemFileError, match="line 1: not UTF-8 text"):
        read_problems(path)
