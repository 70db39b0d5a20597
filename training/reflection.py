"""Does the model learn to look back at its own reasoning? Counts of reflective words, and the moment they take off.

The words are those that DeepSeek-R1's authors counted (arXiv 2501.12948: five to seven times more of them over the
training of R1-Zero). A caveat belongs with every chart: base models say them too, often without correcting anything
(arXiv 2503.20783). So the count stands beside the share of wrong answers that were put right after such a word.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from training.events import Alert
from training.events.metrics import REFLECTIVE_WORDS

_WORD = re.compile(rf"\b({'|'.join(REFLECTIVE_WORDS)})\b", re.IGNORECASE)

BASELINE_SHARE = 0.05
"""The first twentieth of the steps is what later ones are compared with."""

WINDOW = 5
"""Steps averaged into one point."""

WINDOWS = 3
"""Points in a row that must stand out: one may be chance."""

GROWTH = 2.0
"""Factor over the baseline that stands out."""

RARE = 0.1
"""Occurrences per 1,000 tokens that a baseline is at least taken for: doubling nothing is nothing."""


def reflection_rates(texts: Sequence[str], tokens: int) -> dict[str, float]:
    """Reflective words per 1,000 tokens in responses of `tokens` tokens together: all, and each."""
    counts = Counter(match[1].lower() for text in texts for match in _WORD.finditer(text))
    per_1k = 1000 / max(tokens, 1)
    rates = {f"reflection/{word}_per_1k": counts[word] * per_1k for word in REFLECTIVE_WORDS}
    return {"reflection/per_1k_tokens": counts.total() * per_1k} | rates


def text_before_reflection(text: str) -> str | None:
    """What was said before the first reflective word; None when there is none."""
    match = _WORD.search(text)
    return text[: match.start()] if match else None


class AhaDetector:
    """Speaks once, when reflective words have become more than twice as frequent for three windows in a row."""

    def __init__(self, total_steps: int) -> None:
        self._baseline_steps = max(WINDOW, math.ceil(BASELINE_SHARE * total_steps))
        self._baseline: list[float] = []
        self._window: list[float] = []
        self._points_above = 0
        self._spoke = False

    def observe(self, step: int, rate: float) -> Alert | None:
        """Take in the rate per 1,000 tokens of a step."""
        if len(self._baseline) < self._baseline_steps:
            self._baseline.append(rate)
            return None
        self._window.append(rate)
        if len(self._window) < WINDOW:
            return None
        point, self._window = sum(self._window) / WINDOW, []
        baseline = max(sum(self._baseline) / len(self._baseline), RARE)
        self._points_above = self._points_above + 1 if point > GROWTH * baseline else 0
        if self._points_above < WINDOWS or self._spoke:
            return None
        self._spoke = True
        return Alert(
            step=step,
            code="reflection",
            severity="info",
            message=f"Reflective words are up from {baseline:.1f} to {point:.1f} per 1,000 tokens.",
            advice="Read some of these responses: the words alone do not show that anything was corrected.",
            metric="reflection/per_1k_tokens",
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything remembered, as plain values."""
        names = ("_baseline", "_window", "_points_above", "_spoke")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another detector did."""
        for name, value in state.items():
            setattr(self, name, value)
