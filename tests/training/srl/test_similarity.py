"""The similarity is difflib's to the last bit, junk and all where asked for."""

import random
import time
from difflib import SequenceMatcher

import pytest

from training.srl import similarity as module
from training.srl.similarity import matching_blocks, matching_characters, similarity

INSTALL = "<function=bash> cd /testbed && pip install -e . </function>"
ANTLR = "<function=bash> cd /testbed && python setup.py antlr </function>"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("abcd", "bcde", 0.75),
        ("tide", "diet", 0.25),
        ("diet", "tide", 0.5),
        ("", "", 1.0),
        ("", "abc", 0.0),
        ("abc", "", 0.0),
        ("Answer", "answer", 0.8333333333333334),
        (ANTLR, INSTALL, 0.7804878048780488),
        (INSTALL, ANTLR, 0.7967479674796748),
    ],
)
def test_published_values(first: str, second: str, expected: float) -> None:
    assert similarity(first, second) == expected
    assert similarity(first, second, autojunk=True) == expected, "short texts have no junk"


def test_matching_characters_of_a_wrong_command() -> None:
    """A wrong command is much like the right one: likeness is not correctness."""
    assert matching_characters(ANTLR, INSTALL) == 48
    assert len(ANTLR) + len(INSTALL) == 123


def test_words_are_fewer_and_so_less_alike_than_characters() -> None:
    """Each word stands for a character here: what is compared is characters, as the paper's code would have it."""
    letters = {word: chr(0x4E00 + place) for place, word in enumerate(sorted({*ANTLR.split(), *INSTALL.split()}))}
    spelled = ["".join(letters[word] for word in text.split()) for text in (ANTLR, INSTALL)]
    assert similarity(*spelled) == 0.5882352941176471


@pytest.mark.parametrize(("length", "junk", "exact"), [(199, 0.997494, 0.997494), (200, 0.0, 0.997506)])
def test_autojunk_falls_off_a_cliff_at_200_characters(length: int, junk: float, exact: float) -> None:
    expert = ("ab" * 200)[:length]
    assert similarity("x" + expert, expert, autojunk=True) == pytest.approx(junk, abs=1e-6)
    assert similarity("x" + expert, expert) == pytest.approx(exact, abs=1e-6)


def test_autojunk_is_difflibs_and_spares_equal_texts() -> None:
    sentence = "Since a and b are coprime, their sum shares no factor with their product. "
    first, second = sentence * 4, "The numbers a+b and ab have no common prime, since gcd(a, b) = 1. " * 4
    assert similarity(first, second, autojunk=True) == SequenceMatcher(None, first, second).ratio()
    assert similarity(first, second, autojunk=True) != similarity(first, second)
    assert similarity(sentence * 4, sentence * 4, autojunk=True) == 1.0


def edited(text: str, letters: str, draw: random.Random) -> str:
    characters = list(text)
    for _ in range(draw.randint(0, 6)):
        place = draw.randint(0, len(characters))
        characters[place : place + draw.randint(0, 5)] = draw.choices(letters, k=draw.randint(0, 5))
    return "".join(characters)


def plain(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def random_pair(draw: random.Random, longest: int) -> tuple[str, str]:
    letters = "abcdefghij klmnop\nqrst²𝔸é"[: draw.choice([1, 2, 3, 5, 25])]
    first = "".join(draw.choices(letters, k=draw.randint(0, longest)))
    if draw.random() < 0.4:
        return first, edited(first, letters, draw)
    return first, "".join(draw.choices(letters, k=draw.randint(0, longest)))


@pytest.mark.parametrize("longest", [4, 12, 60, 200])
def test_any_texts_get_difflibs_value(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the places of equal pairs taken all at once, and a few at a time; with runs in lists, and in arrays."""
    draw = random.Random(longest)
    for trial in range(150):
        monkeypatch.setattr(module, "FEW_RUNS", draw.choice([1, 40]))
        monkeypatch.setattr(module, "PAIRS_AT_ONCE", draw.choice([5, 1 << 20]))
        first, second = random_pair(draw, longest)
        assert similarity(first, second) == plain(first, second), (trial, first, second)
        for autojunk in (False, True):
            found = SequenceMatcher(None, first, second, autojunk=autojunk).get_matching_blocks()
            assert matching_blocks(first, second, autojunk) == [tuple(block) for block in found if block.size]


def test_the_worst_texts_take_a_moment_only() -> None:
    """Two thousand times the same character, where every place equals every other."""
    began = time.process_time()
    assert similarity("a" * 2000 + "b", "a" * 2001) == pytest.approx(2 * 2000 / 4002)
    assert similarity("\ud800 ab", "ab") == pytest.approx(2 * 2 / 6), "half a character is one, too"
    assert time.process_time() - began < 3
