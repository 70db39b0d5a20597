"""A solution in pieces is the solution again, and each step stands where it was found."""

import pytest

from tests.training.srl.test_steps import NUMBERED, problem
from training.problems.arithmetic import generate
from training.problems.types import DemonstratedTurn
from training.srl.pieces import Piece, pieces_of
from training.srl.steps import Rule, steps_of

TRANSCRIPT = "I look. <function=bash> ls </function>\na.py\n<tool_call>x</tool_call> done"


@pytest.mark.parametrize(
    ("solution", "rule", "pattern"),
    [
        (NUMBERED, "numbered", ""),
        ("  SOLUTION: 1. **Sum** 5\n\n2. **Square** 25 \n", "numbered", ""),
        ("<think>a\n b \n</think>\n<answer>c</answer>", "line", ""),
        ("<think>First\nline.\n \n\nSecond.</think>  <answer>3</answer> ", "paragraph", ""),
        ("<think>a; <think>b ;;c</think></think>; <answer>d</answer>", "regex", ";"),
        (TRANSCRIPT, "tool_call", ""),
        (generate("hard", 1, "train", 0)[0].solution, "line", ""),
    ],
)
def test_pieces_make_up_the_solution_and_hold_the_steps(solution: str, rule: Rule, pattern: str) -> None:
    steps = steps_of(problem(solution), rule, pattern)
    pieces = pieces_of(problem(solution), rule, steps)
    assert "".join(piece.text for piece in pieces) == solution
    of_steps = [piece for piece in pieces if piece.kind == "step"]
    assert [piece.number for piece in of_steps] == [step.number for step in steps]
    for piece, step in zip(of_steps, steps, strict=True):
        assert step.text in piece.text
        assert step.title in piece.text
        assert piece.text == piece.text.strip()


def test_marks_and_separators_belong_to_no_step() -> None:
    solution = "<think>2+3=5\n5*5=25</think><answer>25</answer>"
    pieces = pieces_of(problem(solution), "line", steps_of(problem(solution), "line"))
    assert [(piece.text, piece.kind, piece.number) for piece in pieces] == [
        ("<think>", "rest", 0),
        ("2+3=5", "step", 1),
        ("\n", "rest", 0),
        ("5*5=25", "step", 2),
        ("</think><answer>", "rest", 0),
        ("25", "step", 3),
        ("</answer>", "rest", 0),
    ]


def test_what_a_call_returned_is_seen() -> None:
    pieces = pieces_of(problem(TRANSCRIPT), "tool_call", steps_of(problem(TRANSCRIPT), "tool_call"))
    assert [(piece.kind, piece.number) for piece in pieces] == [
        ("rest", 0),
        ("step", 1),
        ("seen", 1),
        ("step", 2),
        ("seen", 2),
    ]


def test_turns_keep_who_speaks_and_count_as_the_steps_do() -> None:
    turns = (
        DemonstratedTurn("model", "I think."),
        DemonstratedTurn("tool", "Go on."),
        DemonstratedTurn("model", "See. <tool_call>a</tool_call><tool_call>b</tool_call>"),
        DemonstratedTurn("tool", "x"),
        DemonstratedTurn("tool", "y"),
        DemonstratedTurn("model", "<tool_call>c</tool_call>."),
    )
    asked = problem(None, turns)
    pieces = pieces_of(asked, "tool_call", steps_of(asked, "tool_call"))
    assert pieces == [
        Piece("I think.", "rest", 0, "model"),
        Piece("Go on.", "rest", 0, "tool"),
        Piece("See. ", "rest", 0, "model"),
        Piece("<tool_call>a</tool_call>", "step", 1, "model"),
        Piece("<tool_call>b</tool_call>", "step", 1, "model"),
        Piece("x", "seen", 1, "tool"),
        Piece("y", "seen", 1, "tool"),
        Piece("<tool_call>c</tool_call>", "step", 2, "model"),
        Piece(".", "rest", 0, "model"),
    ]
