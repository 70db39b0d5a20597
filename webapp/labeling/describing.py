"""Stored labels in words, for those who may see who wrote what: responses by number, from 1."""

from itertools import groupby
from typing import Any

from webapp.labeling.choices import Mode

CHOICES = {
    "first_clearly": "1 clearly better",
    "first_slightly": "1 slightly better",
    "tie": "equal",
    "second_slightly": "2 slightly better",
    "second_clearly": "2 clearly better",
    "both_good": "both good",
    "both_bad": "both bad",
}


def in_words(mode: Mode, value: dict[str, Any]) -> str:
    """What a label says: ``2 > 1 = 3`` of a ranking; `values` tells what is stored in each mode."""
    if mode == Mode.PAIRWISE:
        return CHOICES[value["choice"]]
    if mode == Mode.RANKING:
        places = sorted((rank, index + 1) for index, rank in enumerate(value["ranks"]))
        return " > ".join(
            " = ".join(str(number) for _, number in same) for _, same in groupby(places, key=lambda place: place[0])
        )
    if mode == Mode.RATING:
        return "; ".join(
            f"{number}: " + ", ".join(f"{key} {points}" for key, points in rating.items())
            for number, rating in enumerate(value["ratings"], start=1)
        )
    return "none goes on well" if value["best"] is None else f"{value['best'] + 1} goes on best"
