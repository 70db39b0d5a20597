"""The most uncertain tokens of a response, sorted by what they do."""

import re

import numpy as np
import pytest

from training.token_classes import TOKEN_CLASSES, UNCLASSED, WINDOW, ClassedTokens, classify

RESPONSE = (
    "so let me run it <tool_call>x = 1</tool_call>",
    "\nok\n",
    "but hold on 12 <tool_call>y</tool_call>",
    "\nok\n",
    "done 7",
)
"""Turns of the model at even places, what a tool said between them."""


def cut(*parts: str) -> tuple[list[str], list[int], list[int]]:
    """Pieces, where each ends, and 1 for those of the model."""
    pieces = [(piece, number % 2 == 0) for number, part in enumerate(parts) for piece in re.findall(r"\w+|\W", part)]
    ends = np.cumsum([len(piece) for piece, _ in pieces]).tolist()
    return [piece for piece, _ in pieces], ends, [int(own) for _, own in pieces]


def classes_at(found: ClassedTokens) -> dict[int, str]:
    return {place: TOKEN_CLASSES[kind] for place, kind in enumerate(found.classes.tolist()) if kind != UNCLASSED}


def test_each_uncertain_token_is_of_the_class_of_its_place() -> None:
    pieces, ends, mask = cut(*RESPONSE)
    wanted = {
        "let": "forking",
        "x": "code",
        "hold": "reflection",
        "12": "reflection",
        "y": "code",
        "done": "reflection",
    }
    entropies = [2.0 if piece in wanted else 0.1 for piece in pieces]
    found = classify("".join(RESPONSE), ends, entropies, mask)
    by_piece = {pieces[place]: kind for place, kind in classes_at(found).items() if entropies[place] > 1}
    assert by_piece == wanted
    assert sum(found.counts.values()) == -(-sum(mask) // 5)


def test_numbers_and_symbols_outside_of_calls_are_no_forks() -> None:
    pieces, ends, _ = cut("wait 12 + 3 is 15 so 15")
    found = classify("wait 12 + 3 is 15 so 15", ends, [float(piece in {"wait", "12", "+"}) for piece in pieces], None)
    assert classes_at(found) == {0: "forking", 2: "other", 4: "other"}


def test_what_a_tool_wrote_is_never_among_them_however_it_looks() -> None:
    text = ("a b", "<tool_call>c</tool_call>", "d e")
    _, ends, mask = cut(*text)
    found = classify("".join(text), ends, np.full(len(ends), 3.0), mask)
    assert not found.in_call.any(), "a call that a tool prints is none"
    assert not np.any((found.classes != UNCLASSED) & (np.array(mask) == 0))


def test_reflection_ends_with_the_window_and_a_call_that_is_not_closed_is_code_to_the_end() -> None:
    text = ("a ", "out", "b " * WINDOW + "<tool_call>c d")
    pieces, ends, mask = cut(*text)
    found = classify("".join(text), ends, np.ones(len(ends)), mask)
    first = mask.index(0) + sum(1 for own in mask if not own)
    assert found.after_result.tolist() == [first <= place < first + WINDOW for place in range(len(pieces))]
    tag = pieces.index("tool_call")
    assert found.in_call.tolist() == [place > tag + 1 for place in range(len(pieces))], "to call is no code"


@pytest.mark.parametrize(
    ("text", "ends", "entropies", "mask"),
    [
        ("", [], [], None),
        ("ab", [1, 2], [0.0, 0.0], None),
        ("ab", [1, 2], [np.nan, np.inf], None),
        ("ab", [1, 2], [1, 1], [0, 0]),
    ],
)
def test_where_nothing_is_uncertain_there_are_none(
    text: str, ends: list[int], entropies: list[float], mask: list[int] | None
) -> None:
    assert not any(classify(text, ends, entropies, mask).counts.values())
