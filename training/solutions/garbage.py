"""Tells endless repetition and garbled text, which collapse training when learned from (DeepSearch, appendix).

The paper names the filter and gives no rule; these are ours, kept simple: each has a name, a threshold and a reason.
"""

LEAST_CHARACTERS = 40
"""Shorter responses cannot be told: a short list of like lines is no loop."""

REPEATED_TAIL = 0.5
"""Share of the response that one unit, repeated to the very end, may fill."""

LONGEST_UNIT = 200
"""Characters of the longest unit looked for."""

FEWEST_REPEATS = 4
"""Times a unit must stand at the end to count as a loop."""

GARBLED_SHARE = 0.2
"""Share of characters that no text consists of: replacement characters and controls."""


def looks_garbled(text: str) -> bool:
    """Whether much of it is no text at all."""
    if not text:
        return False
    bad = sum(letter == "\ufffd" or (not letter.isprintable() and letter not in "\n\t\r") for letter in text)
    return bad / len(text) > GARBLED_SHARE


def repeats_endlessly(text: str) -> bool:
    """Whether the same unit repeats to the end, and fills most of the response."""
    if len(text) < LEAST_CHARACTERS:
        return False
    return any(_tail_of_unit(text, size) >= REPEATED_TAIL * len(text) for size in range(1, LONGEST_UNIT + 1))


def is_garbage(text: str) -> bool:
    """Whether a wrong response is better left out of training."""
    return looks_garbled(text) or repeats_endlessly(text)


def _tail_of_unit(text: str, size: int) -> int:
    """Characters at the end that are whole repeats of the last `size` ones; 0 when they are too few to be a loop."""
    unit = text[-size:]
    if len(text) < FEWEST_REPEATS * size or text[-2 * size : -size] != unit:
        return 0
    repeats = 1
    while text[: len(text) - repeats * size].endswith(unit):
        repeats += 1
    return repeats * size if repeats >= FEWEST_REPEATS else 0
