"""The built-in problems: right answers, honest levels, and a split that nothing can leak across."""

import ast
import operator
import random
import re

import pytest

from training.problems import Problem
from training.problems.arithmetic import HELDOUT_SHARE, LEVELS, Level, generate, generate_from, parse, split_of

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
VERBS = {"Start with": operator.add, "Add": operator.add, "Subtract": operator.sub, "Multiply by": operator.mul}


def _evaluate(text: str) -> tuple[int, list[int]]:
    """Value of an expression and of each operation in it, by Python's own grammar."""
    seen: list[int] = []

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            seen.append(OPERATORS[type(node.op)](value(node.left), value(node.right)))
            return seen[-1]
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, int)
        return node.value

    return value(ast.parse(text, mode="eval").body), seen


def _from_words(prompt: str) -> int:
    """Follow the sentences of a worded problem, left to right."""
    value = 0
    for verb, number in re.findall(r"(Start with|Add|Subtract|Multiply by) (\d+)\.", prompt):
        value = VERBS[verb](value, int(number))
    return value


@pytest.fixture(scope="module")
def problems() -> dict[str, list[Problem]]:
    return {level: generate(level, 400, "train", 3) + generate(level, 100, "heldout", 3) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_answers_agree_with_an_independent_evaluation(problems: dict[str, list[Problem]], level: str) -> None:
    forms = {"words": 0, "symbols": 0}
    for problem in problems[level]:
        forms[problem.meta["form"]] += 1
        answer = int(problem.answer)
        assert _evaluate(problem.meta["expression"])[0] == answer
        if problem.meta["form"] == "words":
            assert _from_words(problem.prompt) == answer
        else:
            assert problem.prompt == f"{problem.meta['expression']}=?"
    assert min(forms.values()) > 100


@pytest.mark.parametrize("level", LEVELS)
def test_every_line_of_a_solution_is_true_and_the_last_gives_the_answer(
    problems: dict[str, list[Problem]], level: str
) -> None:
    for problem in problems[level]:
        assert problem.solution is not None
        match = re.fullmatch(r"<think>(.+)</think><answer>(\d+)</answer>", problem.solution, re.DOTALL)
        assert match is not None
        lines = match[1].split("\n")
        results = [_evaluate(line.split("=")[0])[0] for line in lines]
        assert [line.split("=")[1] for line in lines] == [str(result) for result in results]
        assert sorted(results) == sorted(_evaluate(problem.meta["expression"])[1])
        assert match[2] == problem.answer == str(results[-1])


@pytest.mark.parametrize("level", LEVELS)
def test_problems_keep_the_limits_of_their_level(problems: dict[str, list[Problem]], level: str) -> None:
    spec = LEVELS[level]
    for problem in problems[level]:
        _, results = _evaluate(problem.meta["expression"])
        assert len(results) in spec.operations
        assert problem.meta["operations"] == str(len(results))
        assert all(0 <= result <= spec.largest_value for result in results)
        assert all(int(number) <= spec.largest_number for number in re.findall(r"\d+", problem.prompt))
        if not spec.brackets:
            assert "(" not in problem.prompt
    assert any("(" in problem.prompt for problem in problems[level]) == spec.brackets


def test_no_expression_is_in_both_splits_across_seeds_levels_and_wordings() -> None:
    small = Level(operations=(2,), largest_number=9, largest_value=30, brackets=True)
    train = {p.meta["expression"] for seed in range(4) for p in generate_from(small, "small", 400, "train", seed)}
    held = {p.meta["expression"] for seed in range(4) for p in generate_from(small, "other", 80, "heldout", seed)}
    assert len(train) > 600
    assert len(held) > 80
    assert not train & held


def test_about_a_tenth_of_the_expressions_is_held_out() -> None:
    expressions = {f"{a}+{b}*{c}" for a in range(2, 22) for b in range(2, 22) for c in range(2, 10)}
    share = sum(split_of(parse(text)) == "heldout" for text in expressions) / len(expressions)
    assert share == pytest.approx(HELDOUT_SHARE, abs=0.015)


def test_the_seed_decides_everything() -> None:
    assert generate("middle", 50, "train", 1) == generate("middle", 50, "train", 1)
    first, second = ({p.prompt for p in generate("middle", 50, "train", seed)} for seed in (1, 2))
    assert len(first & second) < 10


def test_one_fixed_problem_stays_the_same_over_versions() -> None:
    problem = generate("middle", 1, "heldout", 0)[0]
    assert (problem.id, problem.prompt, problem.answer) == ("arithmetic-middle-b17fb29f69c8", "11-(27-(12+10))=?", "6")


def test_ids_and_prompts_are_unique(problems: dict[str, list[Problem]]) -> None:
    everything = [problem for group in problems.values() for problem in group]
    assert len({problem.id for problem in everything}) == len(everything)
    assert len({problem.prompt for problem in everything}) == len(everything)


def test_printing_keeps_the_tree_for_random_expressions() -> None:
    rng = random.Random(5)
    for _ in range(300):
        text = "".join(f"{rng.randint(0, 99)}{rng.choice('+-*')}" for _ in range(4)) + "7"
        inner = f"3{rng.choice('+-*')}({text}){rng.choice('+-*')}(2-(5-1))"
        tree = parse(inner)
        assert tree.value == _evaluate(inner)[0]
        assert parse(str(tree)) == tree


@pytest.mark.parametrize("text", ["", "1+", "(1+2", "1+2)", "1/2", "a"])
def test_text_that_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|bracket|cannot read"):
        parse(text)


def test_impossible_requests_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="unknown level 'expert'; choose one of easy, middle, hard"):
        generate("expert", 1, "train", 0)
    with pytest.raises(ValueError, match="must not be negative"):
        generate("easy", -1, "train", 0)
    tiny = Level(operations=(1,), largest_number=3, largest_value=6, brackets=False)
    with pytest.raises(ValueError, match="ask for fewer"):
        generate_from(tiny, "tiny", 500, "train", 0)
    assert generate("easy", 0, "train", 0) == []
