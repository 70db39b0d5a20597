"""What is proposed for the shapes that public problem sets come in."""

from dataclasses import replace
from pathlib import Path

from tests.training.reading import shapes
from training.reading import ImportPlan, propose, read_rows, sniff
from training.reading.columns import lookup


def test_it_proposes_for_worked_solutions_with_a_final_mark(tmp_path: Path) -> None:
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [shapes.worked(i) for i in range(9)])))
    assert propose(columns) == ImportPlan("question", "answer", answer_rule="marked", solution="answer")


def test_it_proposes_for_contest_sets(tmp_path: Path) -> None:
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [shapes.contest(i, 27.0) for i in range(9)])))
    assert [(column.path, column.kind) for column in columns][2] == ("answer", "number")
    assert propose(columns) == ImportPlan("problem", "answer")


def test_it_proposes_for_chats_with_nested_answers(tmp_path: Path) -> None:
    columns = sniff(read_rows(shapes.parquet(tmp_path / "a.parquet", [shapes.nested(i) for i in range(9)])))
    assert propose(columns) == ImportPlan("prompt", "reward_model.ground_truth", level="extra_info.difficulty")


def test_it_proposes_the_boxed_answer_of_a_solution(tmp_path: Path) -> None:
    rows = [{"problem": "1+1?", "solution": "We add and find \\boxed{2}.", "idx": i} for i in range(5)]
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", rows)))
    assert propose(columns) == ImportPlan("problem", "solution", answer_rule="marked", solution="solution")


def test_it_proposes_numbered_steps_with_the_answer_marked_in_them(tmp_path: Path) -> None:
    rows = [shapes.stepped(i) for i in range(5)]
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", rows)))
    assert [column.kind_in_words for column in columns] == ["text", "text", "text, numbered steps"]
    expected = ImportPlan(
        "question", "deepseek_attempt", "marked", keep_unanswered=True, solution="deepseek_attempt",
        solution_rule="numbered",
    )  # fmt: skip
    assert propose(columns) == expected
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [{**row, "answer": 1} for row in rows])))
    assert propose(columns) == replace(expected, answer="answer", answer_rule="plain")
    unmarked = [{**row, "deepseek_attempt": "1. **Sum** 5\n2. **Square** 25"} for row in rows]
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", unmarked)))
    assert propose(columns) == replace(expected, answer="solution", answer_rule="plain")


def test_a_plan_needs_a_prompt_and_something_to_check_or_to_learn() -> None:
    assert ImportPlan("q", "a").is_usable
    assert not ImportPlan("", "a").is_usable
    assert not ImportPlan("q", "", solution="s").is_usable
    assert ImportPlan("q", "", keep_unanswered=True, solution="s").is_usable
    assert not ImportPlan("q", "", keep_unanswered=True).is_usable


def test_it_proposes_both_sides_of_a_chat(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "\\boxed{2}"}]
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [{"messages": chat}] * 3)))
    assert propose(columns) == ImportPlan("messages", "messages", answer_rule="marked", solution="messages")


def test_it_proposes_a_split_column_only_when_its_values_are_splits(tmp_path: Path) -> None:
    rows = [{"question": "1+1?", "answer": "2", "split": split} for split in ("train", "Test")]
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", rows)))
    assert (propose(columns).split_mode, propose(columns).split) == ("column", "split")
    columns = sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [*rows, {**rows[0], "split": "A7"}])))
    assert propose(columns).split_mode == "share"


def test_it_holds_out_a_file_that_is_called_a_test() -> None:
    assert propose([], "gsm8k_test.jsonl").split_mode == "heldout"
    assert propose([], "contest.jsonl").split_mode == "share"


def test_it_leaves_the_choice_to_a_person_when_two_columns_are_equally_good(tmp_path: Path) -> None:
    row = {"question": "1+1?", "answer": "2", "a": {"solution": "x " * 20}, "b": {"solution": "y " * 20}}
    assert propose(sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", [row])))).solution == ""


def test_it_survives_storage() -> None:
    plan = ImportPlan("a", "b", split_mode="column", split="c", strip_calculator=False)
    assert ImportPlan.from_json({**plan.as_json(), "unknown": 1}) == plan


def test_it_shows_columns_with_kind_share_and_examples(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": None, "c\x00": 1}, {"a": 1.5, "b": "x\x00" * 999}, {"a": 2, "d": [1]}]
    columns = {column.path: column for column in sniff(read_rows(shapes.jsonl(tmp_path / "a.jsonl", rows)))}
    assert set(columns) == {"a", "b", "d"}
    assert (columns["a"].kind, columns["a"].filled, columns["a"].examples) == ("number", 3, ("1", "1.5", "2"))
    assert (columns["b"].kind, columns["b"].filled, columns["b"].rows) == ("text", 1, 3)
    assert len(columns["b"].examples[0]) == 120
    assert "\x00" not in columns["b"].examples[0]


def test_it_finds_names_with_dots_and_nested_names() -> None:
    assert lookup({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert lookup({"a": {"b": {"c": 3}}}, "a.b.c") == 3
    assert lookup({"a.b": {"c": 4}}, "a.b.c") == 4
    assert lookup({"a": 1}, "a.b") is None
