"""Where a response looks back at itself: the reflective words that the charts of reasoning count."""

import re

from training.events.metrics import REFLECTIVE_WORDS

_REFLECTIVE = re.compile(rf"\b({'|'.join(REFLECTIVE_WORDS)})\b", re.IGNORECASE)


def reflective_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each reflective word, in characters."""
    return [match.span() for match in _REFLECTIVE.finditer(text)]
