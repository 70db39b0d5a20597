"""What is left to train on: sure answers, and nothing that is measured by."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.config import RunConfig
from training.errors import InputError
from training.problems import Problem, write_problems
from training.problems.filters import has_integer_answer, without_overlap
from training.sources import load_problems

ASKED = "Ada has 12 apples and buys 7 more on each of 3 days. How many apples has she?"
PROBLEM = Problem("p", ASKED, "33", None, "train", "")


def problem(name: str, prompt: str, answer: str = "1", split: Any = "train") -> Problem:
    return Problem(name, prompt, answer, None, split, "")


@pytest.mark.parametrize("answer", ["33", "-4", "+5", "1,234", "1,234,567", "$7$", " 8 ", "9.0", "10."])
def test_integers_are_known_however_they_are_written(answer: str) -> None:
    assert has_integer_answer(replace(PROBLEM, answer=answer))


@pytest.mark.parametrize("answer", ["", "1/2", "0.5", "1,23", r"\frac{1}{2}", "x", "(a+b)(b+c)", "1 2", "6.5e27330467"])
def test_whatever_else_is_none(answer: str) -> None:
    assert not has_integer_answer(replace(PROBLEM, answer=answer))


def test_what_shares_eight_words_in_a_row_with_a_measured_problem_is_left_out() -> None:
    planted = problem("planted", f"Read carefully: {ASKED.upper().replace(' ', '  ')} Answer at once.")
    near = problem("near", "Ada has 12 apples and buys 7. How many apples has Bob on each of 3 days?")
    other = problem("other", "Bob has 12 pears and sells 7 of them. How many are left?")
    assert without_overlap([planted, near, other], [PROBLEM], 8) == [near, other]
    assert without_overlap([planted, near, other], [PROBLEM], 7) == [other]


def test_signs_tell_problems_apart_and_short_ones_never_overlap() -> None:
    sums = [problem("a", "1+2*3-4+5=?"), problem("b", "1*2+3-4+5=?"), problem("c", "7=?")]
    assert without_overlap(sums, [problem("held", "1*2+3-4+5=?"), problem("short", "7=?")], 8) == [sums[0], sums[2]]


def test_a_run_trains_on_what_its_filters_leave(tmp_path: Path) -> None:
    mixed = [
        problem("integer", "How many legs have 2 dogs and 3 hens together, all of them counted?", "14"),
        problem("fraction", "What is a half?", "1/2"),
        problem("planted", ASKED + " Tell me.", "33"),
        problem("held", ASKED, "33", "heldout"),
    ]
    write_problems(tmp_path / "set.jsonl", mixed)

    def trained(**filters: Any) -> list[str]:
        source = {"kind": "file", "path": "set.jsonl"} | filters
        return [each.id for each in load_problems(RunConfig.model_validate({"problems": source}), tmp_path).train]

    assert trained() == ["integer", "fraction", "planted"]
    assert trained(answers="integers") == ["integer", "planted"]
    assert trained(answers="integers", overlap_words=8) == ["integer"]
    (tmp_path / "set.jsonl").write_text(json.dumps({"id": "a", "prompt": "?", "answer": "x", "split": "train",
                                                    "level": ""}))  # fmt: skip
    with pytest.raises(InputError, match="the filters leave no training problem"):
        trained(answers="integers")
