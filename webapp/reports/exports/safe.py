"""Keeps what users typed from being taken for something else in exported files."""

from webapp.inspection.export import FORMULA_STARTS

MARKS = str.maketrans({char: f"\\{char}" for char in "\\`*_[]|<>#!"} | {"\n": " ", "\r": " ", "\u00a0": " "})


def csv_text(text: str) -> str:
    """A text as a cell of CSV, never a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def markdown_text(text: str) -> str:
    """A text as plain words in Markdown, in one line."""
    return text.translate(MARKS)
