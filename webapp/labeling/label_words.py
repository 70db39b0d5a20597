"""What a stored label says, in words and figures, with responses by letter in the order of their numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from webapp.labeling.choices import Mode
from webapp.labeling.label_form import LETTERS

CHOICES = {
    "first_clearly": "A is clearly better",
    "first_slightly": "A is slightly better",
    "tie": "Tie",
    "second_slightly": "B is slightly better",
    "second_clearly": "B is clearly better",
    "both_good": "Both good",
    "both_bad": "Both bad",
}


def said(mode: Mode, value: Mapping[str, Any]) -> str:
    """The label as a whole: ``A is clearly better``, ``B, A = C``, ``C goes on best``; empty of ratings."""
    if mode == Mode.PAIRWISE:
        return CHOICES[value["choice"]]
    if mode == Mode.RANKING:
        return _order(value["ranks"])
    if mode == Mode.TREE_STEP:
        return "None goes on well" if value["best"] is None else f"{LETTERS[value['best']]} goes on best"
    return ""


def cells(mode: Mode, value: Mapping[str, Any], rubric: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the label says of each response: its rank, or its points by each criterion; empty of other modes."""
    if mode == Mode.RANKING:
        return [str(rank) for rank in value["ranks"]]
    if mode == Mode.RATING:
        return [", ".join(f"{each['label']} {points[each['key']]}" for each in rubric) for points in value["ratings"]]
    return []


def _order(ranks: Sequence[int]) -> str:
    """Best first; ties joined by ``=``."""
    tied: dict[int, list[str]] = {}
    for letter, rank in zip(LETTERS, ranks, strict=False):
        tied.setdefault(rank, []).append(letter)
    return ", ".join(" = ".join(tied[rank]) for rank in sorted(tied))
