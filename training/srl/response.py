"""What of a response is the step: the monologue before it is never scored."""

from training.srl.similarity import similarity

OPEN, CLOSE = "<think>", "</think>"
FORMAT_FAILURE = -1.0
"""Reward of a response in any other form."""
MOST_CHARACTERS = 8192
"""Longer actions are no single step; comparing takes time with the product of the lengths."""


def action_of(response: str) -> str | None:
    """The action in ``<think>monologue</think>action``; None where the response has another form.

    Each tag stands there once, nothing but white space before the first, and the action is neither blank nor longer
    than `MOST_CHARACTERS`. A monologue may be empty.
    """
    if response.count(OPEN) != 1 or response.count(CLOSE) != 1:
        return None
    before, rest = response.split(OPEN)
    if before.strip() or CLOSE not in rest:
        return None
    action = rest.split(CLOSE)[1].strip()
    return action if 0 < len(action) <= MOST_CHARACTERS else None


def step_reward(response: str, target: str, autojunk: bool = False) -> float:
    """Similarity of the response's action to the expert's, in [0, 1]; -1 on a format failure (arXiv 2510.25992)."""
    action = action_of(response)
    return FORMAT_FAILURE if action is None else similarity(action, target.strip(), autojunk)
