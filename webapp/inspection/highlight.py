"""Python in colours, line by line: a small reader of words, not a parser, so that broken programs are coloured, too.

Every piece of the program is escaped here; whatever a model wrote, only our own tags come out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString, mark_safe

from webapp.inspection.visible import visible

_KEYWORDS = (
    "False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield"
)
_BUILTINS = (
    "abs all any bool dict divmod enumerate filter float format int isinstance len list map max min next pow print "
    "range repr reversed round set sorted str sum tuple zip"
)
_PIECE = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<string>(?:(?<!\w)[rbfuRBFU]{1,2})?(?:'''(?:\\.|[^\\])*?(?:'''|\Z)|\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)"
    r"|'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?))"
    r"|(?P<number>\b(?:0[xXoObB][\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?j?)\b)"
    rf"|(?P<keyword>\b(?:{'|'.join(_KEYWORDS.split())})\b)"
    rf"|(?P<builtin>\b(?:{'|'.join(_BUILTINS.split())})(?=\())",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of a program."""

    number: int
    html: SafeString
    is_wrong: bool
    """Whether this is where it failed."""


def code_lines(code: str, wrong: int | None = None) -> list[CodeLine]:
    """The lines of a program; ``wrong`` is the number of the one that raised, from 1."""
    lines = _highlighted(code).split("\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return [
        CodeLine(number, mark_safe(line), number == wrong)  # noqa: S308  # every piece is escaped below
        for number, line in enumerate(lines, 1)
    ]


def _highlighted(code: str) -> str:
    return "".join(_marked(kind, text) for kind, text in _pieces(code))


def _pieces(code: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _PIECE.finditer(code):
        yield "", code[at : match.start()]
        yield match.lastgroup or "", match[0]
        at = match.end()
    yield "", code[at:]


def _marked(kind: str, text: str) -> str:
    """A piece as HTML. A mark ends with its line and begins again on the next, so that lines can stand alone."""
    shown = escape(visible(text))
    if not kind or not shown:
        return shown
    return "\n".join(f'<span class="py-{kind}">{part}</span>' if part else "" for part in shown.split("\n"))
