"""Which answer of a response counts."""

import time

import pytest

from training.rewards.extract import extract, why_nothing


@pytest.mark.parametrize(
    ("response", "answer", "mark"),
    [
        (r"so \boxed{42}.", "42", r"\boxed{}"),
        (r"first \boxed{1}, no, \boxed{2}", "2", r"\boxed{}"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", r"\boxed{}"),
        (r"\boxed {\{1, 2\}}", r"\{1, 2\}", r"\boxed{}"),
        (r"\framebox{204} minutes", "204", r"\boxed{}"),
        ("<think>hm</think><answer> 7 </answer>", "7", "<answer>"),
        (r"<think>\boxed{3}?</think><answer>4</answer>", "4", "<answer>"),
        (r"<answer>3</answer> no: \boxed{4}", "4", r"\boxed{}"),
        (r"<answer>it is \boxed{5} cm</answer>", "5", "<answer>"),
        (r"\boxed{ \boxed{6} }", "6", r"\boxed{}"),
        (r"\boxed{x = \boxed{6}}", r"x = \boxed{6}", r"\boxed{}"),
        ("3 + 4 = 7\n#### 7", "7", "####"),
        ("#### 1\nno\n#### 1,234\n", "1,234", "####"),
        ("#### Step 1\n\\boxed{8}\n#### Notes", "8", r"\boxed{}"),
        (r"\boxed{1} then \boxed{}", "1", r"\boxed{}"),
        (r"\boxed{1} then \boxed{2", "1", r"\boxed{}"),
        ("<answer>1</answer><answer>2", "1", "<answer>"),
        (r"{ \{ \boxed{9}", "9", r"\boxed{}"),
        (r"\\{\boxed{9}", "9", r"\boxed{}"),
    ],
)
def test_it_takes_the_mark_that_closes_last(response: str, answer: str, mark: str) -> None:
    found = extract(response)
    assert found is not None
    assert (found.text, found.mark) == (answer, mark)
    assert response[found.start : found.end] == answer


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("the answer is 42", "marks no answer"),
        ("", "marks no answer"),
        (r"\boxed{}", "empty or never closed"),
        (r"\boxed{12", "empty or never closed"),
        ("<answer>  </answer>", "empty or never closed"),
        ("</answer>5<answer>", "empty or never closed"),
        ("#### \n", "nothing follows"),
    ],
)
def test_it_finds_nothing_in_empty_or_unfinished_marks_and_says_why(response: str, why: str) -> None:
    assert extract(response) is None
    assert why in why_nothing(response)


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{" * 150_000,
        r"\boxed{" * 100_000 + "5" + "}" * 100_000,
        r"\boxed{" * 100_000 + "}" * 100_000,
        "<answer>" * 150_000,
        "<answer>x</answer>" * 60_000,
        "}" * 1_000_000,
        "\\" * 1_000_001,
        "#" * 1_000_000,
        "####\n" * 200_000,
        " \n" * 500_000,
    ],
    ids=lambda text: f"{text[:10]!r}",
)
def test_it_reads_a_million_hostile_characters_in_time(response: str) -> None:
    start = time.process_time()
    extract(response)
    assert time.process_time() - start < 2.0


def test_it_unwraps_boxes_however_deeply_they_are_nested() -> None:
    found = extract(r"\boxed{ " * 5_000 + "5" + " }" * 5_000)
    assert found is not None
    assert found.text == "5"
