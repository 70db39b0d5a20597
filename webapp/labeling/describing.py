"""Stored labels in words, for those who may see who wrote what: responses by number, from 1, or by other names."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from webapp.labeling.choices import Mode

NUMBERS = "123456789"
CHOICES = {
    "first_clearly": "{0} clearly better",
    "first_slightly": "{0} slightly better",
    "tie": "equal",
    "second_slightly": "{1} slightly better",
    "second_clearly": "{1} clearly better",
    "both_good": "both good",
    "both_bad": "both bad",
}


def in_words(mode: Mode, value: dict[str, Any], names: Sequence[str] = NUMBERS) -> str:
    """What a label says: ``2 > 1 = 3`` of a ranking; `values` tells what is stored in each mode."""
    if mode == Mode.PAIRWISE:
        return CHOICES[value["choice"]].format(*names)
    if mode == Mode.RANKING:
        places = sorted((rank, index) for index, rank in enumerate(value["ranks"]))
        return " > ".join(
            " = ".join(names[index] for _, index in same) for _, same in groupby(places, key=lambda place: place[0])
        )
    if mode == Mode.RATING:
        return "; ".join(
            f"{name}: " + ", ".join(f"{key} {points}" for key, points in rating.items())
            for name, rating in zip(names, value["ratings"], strict=False)
        )
    return "none goes on well" if value["best"] is None else f"{names[value['best']]} goes on best"


def by_response(mode: Mode, value: dict[str, Any], rubric: Sequence[dict[str, Any]]) -> list[str]:
    """What a label says of each response: its rank, or its points by each criterion; empty of other modes."""
    if mode == Mode.RANKING:
        return [str(rank) for rank in value["ranks"]]
    if mode == Mode.RATING:
        return [", ".join(f"{each['label']} {points[each['key']]}" for each in rubric) for points in value["ratings"]]
    return []
