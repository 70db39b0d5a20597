"""The built-in problems for tools: right answers, large numbers, and a split that nothing can leak across."""

import re

import pytest

from training.problems import Problem
from training.problems.arithmetic import HELDOUT_SHARE
from training.problems.computation import Computation, generate_computations

PATTERN = re.compile(r"[0-9()+\-*%]+")
SENTENCES = {"Start with": "+", "Add": "+", "Subtract": "-", "Multiply by": "*", "Take the remainder by": "%",
             "Raise to the power": "**"}  # fmt: skip


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return generate_computations(600, "train", 3) + generate_computations(100, "heldout", 3)


def python(expression: str) -> int:
    assert PATTERN.fullmatch(expression)
    return int(eval(expression))  # noqa: S307  (digits and operators only)


def test_answers_are_what_python_says_and_what_the_words_say(problems: list[Problem]) -> None:
    forms = {"words": 0, "symbols": 0}
    for problem in problems:
        forms[problem.meta["form"]] += 1
        assert python(problem.meta["expression"]) == int(problem.answer)
        if problem.meta["form"] == "symbols":
            assert problem.prompt == f"{problem.meta['expression']}=?"
            continue
        value = "0"
        for sentence in problem.prompt.split(". "):
            words, number = sentence.rstrip(".").rsplit(" ", 1)
            value = str(python(f"({value}){SENTENCES[words]}{number}"))
        assert value == problem.answer
    assert min(forms.values()) > 200


def test_answers_are_natural_numbers_and_beyond_the_head(problems: list[Problem]) -> None:
    assert all(problem.answer.isdigit() for problem in problems)
    assert sum(len(problem.answer) >= 5 for problem in problems) > len(problems) / 2
    assert all(any(operator in problem.meta["expression"] for operator in "*%") for problem in problems)
    assert len({problem.meta["expression"].translate(str.maketrans("", "", "0123456789")) for problem in problems}) > 5


def test_no_expression_is_in_both_splits_whatever_the_seed() -> None:
    train = {p.meta["expression"] for seed in range(3) for p in generate_computations(900, "train", seed)}
    held = {p.meta["expression"] for seed in range(3) for p in generate_computations(300, "heldout", seed)}
    assert not train & held


def test_about_a_tenth_is_held_out_and_the_seed_decides_everything() -> None:
    assert HELDOUT_SHARE == 0.1
    assert generate_computations(40, "train", 1) == generate_computations(40, "train", 1)
    assert generate_computations(40, "train", 1) != generate_computations(40, "train", 2)


def test_ids_and_prompts_are_unique(problems: list[Problem]) -> None:
    assert len({problem.id for problem in problems}) == len({problem.prompt for problem in problems}) == len(problems)


def test_brackets_stand_where_the_order_asks_for_them() -> None:
    assert str(Computation(2, (("+", 3), ("*", 4)))) == "(2+3)*4"
    assert str(Computation(2, (("*", 3), ("+", 4)))) == "2*3+4"
    assert str(Computation(2, (("**", 3), ("%", 4)))) == "2**3%4"


def test_one_fixed_problem_stays_the_same_over_versions() -> None:
    problem = generate_computations(1, "heldout", 0)[0]
    assert (problem.prompt, problem.answer) == ("Start with 3771. Multiply by 321. Add 6896.", "1217387")


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        generate_computations(-1, "train", 0)
    assert generate_computations(0, "train", 0) == []
