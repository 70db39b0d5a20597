"""Text with line breaks or tabs in a field of one line: shown and taken as ``\\n`` and ``\\t``, as in source code."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BACK = {written: character for character, written in ESCAPES.items()}


def escape(text: str) -> str:
    """``a⏎b`` → ``a\\nb``."""
    return "".join(ESCAPES.get(character, character) for character in text)


def unescape(text: str) -> str:
    """The other way round; a backslash before anything else stands for itself."""
    return re.sub(r"\\[\\nrt]", lambda found: _BACK[found[0]], text)


def on_one_line(text: str) -> str:
    """Text as it is, or escaped where it would not stay on one line."""
    return text if text.isprintable() else escape(text)


class EscapedText(forms.TextInput):
    """A text field of one line for a text that may hold line breaks."""

    def format_value(self, value: Any) -> str | None:
        return escape(value) if isinstance(value, str) else super().format_value(value)

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        sent = super().value_from_datadict(data, files, name)
        return unescape(sent) if isinstance(sent, str) else sent
