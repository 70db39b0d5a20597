"""Problems made of rows: cleaning, refusals, repeats, splits without leakage."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.reading import shapes
from training.reading import Accepted, ImportPlan, Refused, Repeated, Source, convert, propose, read_rows, sniff
from training.reading.convert import Outcome

PLAN = ImportPlan("q", "a", split_mode="train")


def outcomes(tmp_path: Path, rows: list[Any], plan: ImportPlan = PLAN) -> list[Outcome]:
    return list(convert([shapes.jsonl(tmp_path / "rows.jsonl", rows)], plan))


def proposed(source: Source) -> list[Outcome]:
    return list(convert([source], propose(sniff(read_rows(source)), source.name)))


def test_it_takes_answer_and_solution_apart(tmp_path: Path) -> None:
    [problem] = proposed(shapes.jsonl(tmp_path / "test.jsonl", [shapes.worked(3)]))
    assert problem == Accepted(
        source="test.jsonl",
        row=1,
        prompt="Ann has 3 plums and buys 2 more. How many has she?",
        answer="5",
        solution="She has 3+2=5 plums.\n#### 5",
        split="heldout",
        level="",
        note="",
    )


def test_it_keeps_calculator_marks_when_asked(tmp_path: Path) -> None:
    plan = ImportPlan("question", "answer", "marked", solution="answer", strip_calculator=False)
    [problem] = outcomes(tmp_path, [shapes.worked(3)], plan)
    assert isinstance(problem, Accepted)
    assert "<<3+2=5>>5" in problem.solution


def test_it_writes_a_whole_float_as_an_integer(tmp_path: Path) -> None:
    made = proposed(shapes.jsonl(tmp_path / "a.jsonl", [shapes.contest(1, 27.0), shapes.contest(2, 0.5)]))
    assert [problem.answer for problem in made if isinstance(problem, Accepted)] == ["27", "0.5"]


def test_it_reads_chats_nested_answers_and_difficulty_and_drops_repeats(tmp_path: Path) -> None:
    rows = [shapes.nested(i) for i in range(30)] * 32
    made = proposed(shapes.parquet(tmp_path / "a.parquet", rows))
    accepted = [problem for problem in made if isinstance(problem, Accepted)]
    assert (len(accepted), sum(isinstance(each, Repeated) for each in made)) == (30, 930)
    assert accepted[4].prompt == "What is $\\sqrt{4}^2$? Put it into \\boxed{}."
    assert (accepted[4].answer, accepted[4].level) == ("4", "6.5")


@pytest.mark.parametrize(
    ("answer", "rule", "expected"),
    [
        ("so\n#### 1,234", "marked", "1,234"),
        (r"thus \boxed{\frac{1}{2}}.", "marked", r"\frac{1}{2}"),
        (r"\boxed{7}", "plain", "7"),
        (r"\frac{1}{2}", "plain", r"\frac{1}{2}"),
        ("steps\nA: 18\n", "after", "18"),
        (["7"], "plain", "7"),
        (True, "plain", "Yes"),
        (">", "plain", ">"),
        ("\N{INFINITY}", "plain", "\N{INFINITY}"),
        (12345678901234567890, "plain", "12345678901234567890"),
    ],
)
def test_it_extracts_the_answer_by_the_rule(tmp_path: Path, answer: Any, rule: Any, expected: str) -> None:
    [problem] = outcomes(tmp_path, [{"q": "?", "a": answer}], ImportPlan("q", "a", rule, answer_marker="A:"))
    assert isinstance(problem, Accepted)
    assert problem.answer == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"a": "1"}, "no prompt"),
        ({"q": " ", "a": "1"}, "no prompt"),
        ({"q": "?"}, "no answer"),
        ({"q": "?", "a": None}, "no answer"),
        ({"q": "?", "a": float("nan")}, "no answer"),
        ({"q": "?", "a": "..."}, "no answer"),
        ({"q": "?", "a": ["1", "2"]}, "the answer is a list of 2, not one value"),
        ({"q": {"x": 1}, "a": "1"}, "the prompt is an object, not one value"),
        ({"q": "nul\x00", "a": "1"}, "the prompt has a NUL character, which is no text"),
        ({"q": "\ud800", "a": "1"}, "the prompt has half a character (a lone surrogate)"),
        ({"q": "x" * 200_001, "a": "1"}, "the prompt has 200,001 characters; at most 200,000 are taken"),
        ({"q": "?", "a": "9" * 1001}, "the answer has 1,001 characters; the verifier compares at most 1,000"),
        (
            {"q": [{"role": "user", "content": "1"}, {"role": "user", "content": "2"}], "a": "1"},
            "the chat has 2 questions",
        ),
        ({"q": [{"role": "system", "content": "Be good"}], "a": "1"}, "no prompt"),
        (["no object"], "a JSON object was expected, this is an array"),
    ],
)
def test_it_refuses_a_row_with_the_reason_and_its_text(tmp_path: Path, row: Any, reason: str) -> None:
    [refused] = outcomes(tmp_path, [row])
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(reason)
    assert refused.row == 1
    assert 0 < len(refused.raw) <= 2000
    assert "\x00" not in refused.raw
    refused.raw.encode()


def test_it_refuses_a_row_without_the_mark_the_rule_looks_for(tmp_path: Path) -> None:
    row = {"q": "?", "a": "just text"}
    [marked] = outcomes(tmp_path, [row], ImportPlan("q", "a", "marked"))
    [after] = outcomes(tmp_path, [row], ImportPlan("q", "a", "after", answer_marker="A:"))
    assert isinstance(marked, Refused)
    assert marked.reason == r"no \boxed{}, <answer> or #### in the answer column"
    assert isinstance(after, Refused)
    assert after.reason == "no 'A:' in the answer column"


def test_numbered_steps_are_refused_where_they_are_none(tmp_path: Path) -> None:
    bad = ["1. **Sum** 5\n3. **Square** 25", "Let us see.", "1. **Sum**\n2. **Square** 25", "", "0. **Sum** 5"]
    rows = [shapes.stepped(0), *(shapes.stepped(i + 1, deepseek_attempt=text) for i, text in enumerate(bad))]
    plan = ImportPlan("question", "solution", solution="deepseek_attempt", solution_rule="numbered")
    first, *refused = outcomes(tmp_path, rows, plan)
    assert isinstance(first, Accepted)
    about = "the worked solution is no list of numbered steps: "
    assert [each.reason for each in refused if isinstance(each, Refused)] == [
        f"{about}step 2 is numbered 3",
        f"{about}no line begins like “1. **Title**”",
        f"{about}step 1 has a title and no action",
        "no worked solution",
        f"{about}step 1 is numbered 0",
    ]
    lenient = outcomes(tmp_path, rows, replace(plan, solution_rule="any"))
    assert all(isinstance(each, Accepted) for each in lenient)
    required = outcomes(tmp_path, rows, replace(plan, solution_rule="required"))
    assert [each.reason for each in required if isinstance(each, Refused)] == ["no worked solution"]


def test_rows_without_an_answer_are_kept_only_when_asked_and_if_they_teach_something(tmp_path: Path) -> None:
    rows = [{"q": "1?", "a": "", "s": "one"}, {"q": "2?", "a": "2", "s": ""}, {"q": "3?"}]
    plan = ImportPlan("q", "a", solution="s")
    assert [type(each).__name__ for each in outcomes(tmp_path, rows, plan)] == ["Refused", "Accepted", "Refused"]
    kept, whole, neither = outcomes(tmp_path, rows, replace(plan, keep_unanswered=True))
    assert isinstance(kept, Accepted)
    assert isinstance(whole, Accepted)
    assert isinstance(neither, Refused)
    assert (kept.answer, kept.solution, kept.note) == ("", "one", "")
    assert neither.reason == "neither an answer nor a worked solution"
    none_at_all = outcomes(tmp_path, rows[:2], ImportPlan("q", "", solution="s", keep_unanswered=True))
    assert [type(each).__name__ for each in none_at_all] == ["Accepted", "Refused"]


def test_the_same_question_with_and_without_an_answer_is_no_contradiction(tmp_path: Path) -> None:
    rows = [{"q": "1?", "a": "", "s": "one"}, {"q": "1?", "a": "1", "s": "one"}]
    made = outcomes(tmp_path, rows, ImportPlan("q", "a", solution="s", keep_unanswered=True))
    assert [type(each).__name__ for each in made] == ["Accepted", "Repeated"]


def test_it_drops_repeats_and_refuses_contradictions(tmp_path: Path) -> None:
    rows = [
        {"q": "1 + 1?", "a": "2"},
        {"q": " 1 +  1? ", "a": "2.0"},
        {"q": "1 + 1?", "a": "3"},
        {"q": "2 + 2?", "a": "4"},
    ]
    first, repeated, contradicting, last = outcomes(tmp_path, rows)
    assert isinstance(first, Accepted)
    assert repeated == Repeated("rows.jsonl", 2, leaked=False)
    assert isinstance(contradicting, Refused)
    assert contradicting.reason == "asks the same as row 1, but its answer is '3', not '2'"
    assert isinstance(last, Accepted)


def test_it_notes_a_solution_that_ends_in_another_answer(tmp_path: Path) -> None:
    rows = [{"q": "1+1?", "a": "2", "s": r"it is \boxed{3}"}, {"q": "1+2?", "a": "3", "s": r"it is \boxed{3}"}]
    made = outcomes(tmp_path, rows, ImportPlan("q", "a", solution="s"))
    assert [each.note for each in made if isinstance(each, Accepted)] == ["the solution ends in 3, the answer is 2", ""]


def test_it_holds_out_a_share_that_does_not_depend_on_order_or_neighbours(tmp_path: Path) -> None:
    rows = [{"q": f"What is {i} + {i}?", "a": str(2 * i)} for i in range(4000)]
    plan = ImportPlan("q", "a", split_mode="share", heldout_share=0.2)
    splits = {each.prompt: each.split for each in outcomes(tmp_path, rows, plan) if isinstance(each, Accepted)}
    share = sum(split == "heldout" for split in splits.values()) / 4000
    assert abs(share - 0.2) < 0.02  # three standard deviations
    random.Random(0).shuffle(rows)
    again = outcomes(tmp_path, rows[:500], plan)
    assert all(splits[each.prompt] == each.split for each in again if isinstance(each, Accepted))
    wider = outcomes(tmp_path, rows, ImportPlan("q", "a", split_mode="share", heldout_share=0.3))
    kept = {each.prompt for each in wider if isinstance(each, Accepted) and each.split == "heldout"}
    assert {prompt for prompt, split in splits.items() if split == "heldout"} < kept


def test_it_never_trains_on_what_a_split_column_holds_out_elsewhere(tmp_path: Path) -> None:
    plan = ImportPlan("q", "a", split_mode="column", split="s")
    rows = [
        {"q": "1+1?", "a": "2", "s": "train"},
        {"q": "2+2?", "a": "4", "s": "train"},
        {"q": "1+1? ", "a": "2", "s": "test"},
        {"q": "2+2?", "a": "4", "s": "train"},
        {"q": "3+3?", "a": "6", "s": "Validation"},
        {"q": "4+4?", "a": "8", "s": "shelf"},
    ]
    made = outcomes(tmp_path, rows, plan)
    assert [type(each).__name__ for each in made] == [
        "Repeated",
        "Accepted",
        "Accepted",
        "Repeated",
        "Accepted",
        "Refused",
    ]
    assert [each.leaked for each in made if isinstance(each, Repeated)] == [True, False]
    assert [each.split for each in made if isinstance(each, Accepted)] == ["train", "heldout", "heldout"]


def test_it_never_trains_on_what_a_second_file_holds_out(tmp_path: Path) -> None:
    train = shapes.jsonl(tmp_path / "train.jsonl", [shapes.worked(1), shapes.worked(2)])
    test = shapes.jsonl(tmp_path / "test.jsonl", [shapes.worked(2), shapes.worked(3)])
    test = Source(test.path, test.format, test.name, "heldout")
    plan = ImportPlan("question", "answer", "marked", solution="answer", split_mode="train")
    made = list(convert([train, test], plan))
    accepted = [(each.source, each.row, each.split) for each in made if isinstance(each, Accepted)]
    assert accepted == [("test.jsonl", 1, "heldout"), ("test.jsonl", 2, "heldout"), ("train.jsonl", 1, "train")]
    assert [each for each in made if isinstance(each, Repeated)] == [Repeated("train.jsonl", 2, leaked=True)]
