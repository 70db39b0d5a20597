"""Python in colours: the program stays what it is, whatever it is, and no tag but ours comes out."""

import html
import re
import time

import pytest

from webapp.inspection.highlight import code_lines

PROGRAM = """import math  # for <b>
def area(r):
    '''two
    lines'''
    return math.pi * r ** 2.5e1 if r else f"{r}" + 'it\\'s'
print(area(0x1F), None)
"""


def plain(code: str) -> str:
    return "\n".join(html.unescape(re.sub(r"</?span[^>]*>", "", line.html)) for line in code_lines(code))


def marked(code: str, kind: str) -> list[str]:
    page = "\n".join(line.html for line in code_lines(code))
    return [html.unescape(found) for found in re.findall(rf'<span class="py-{kind}">(.*?)</span>', page)]


def test_words_get_the_colour_of_their_kind() -> None:
    assert marked(PROGRAM, "keyword") == ["import", "def", "return", "if", "else", "None"]
    assert marked(PROGRAM, "comment") == ["# for <b>"]
    assert marked(PROGRAM, "string") == ["'''two", "    lines'''", 'f"{r}"', "'it\\'s'"]
    assert marked(PROGRAM, "number") == ["2.5e1", "0x1F"]
    assert marked(PROGRAM, "builtin") == ["print"]


@pytest.mark.parametrize("code", [
    PROGRAM.rstrip("\n"), "", "'", '"""never closed\n# no comment', "x = 'a # b'", "\\", "rb'x' Rb\"y\"", "if_x = ifx",
    "<script>alert('x')</script>", "a" * 500, "'\n'\n\"",
])  # fmt: skip
def test_the_program_stays_what_it_is(code: str) -> None:
    assert plain(code) == code


def test_nothing_of_a_program_becomes_html_or_hides() -> None:
    page = "".join(line.html for line in code_lines("x = '</span><script>' # <img>\u202e\n<b>"))
    assert not re.search(r"<(?!/?span)", page)
    assert "\u202e" not in page


def test_lines_are_numbered_and_the_wrong_one_is_told() -> None:
    assert [(line.number, line.is_wrong) for line in code_lines("a\nb\nc\n", 2)] == [(1, False), (2, True), (3, False)]
    assert not any(line.is_wrong for line in code_lines("a", 7))


@pytest.mark.parametrize("code", ["'" * 30_000, '"""' + "\\" * 30_001, "'a\\" * 10_000, "1_" * 20_000, "((" * 20_000])
def test_no_program_keeps_the_page_waiting(code: str) -> None:
    began = time.process_time()
    code_lines(code)
    assert time.process_time() - began < 1
