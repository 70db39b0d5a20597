"""The fields in which a label is entered, the same on every page that takes one; and what a form sends in them.

Their names: ``choice`` (pairwise), ``rank-HANDLE`` (ranking), ``rate-HANDLE-CRITERION`` (rating), ``best`` (tree step;
``none`` where no step goes on well). `values` checks what comes of them.

A page that takes labels puts `labeling/label_form.html` into a ``<form>`` of its own, with ``form`` from `label_form`,
and reads what is sent by `value_of`. The module ``js/labeling/label-form.js`` with ``css/labeling-desk.css`` adds
dragging, moving and folding; the element's ``value`` is then the label as JSON, and ``press`` acts on keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.showing import Card

LETTERS = "ABCDEFGHI"
NONE = "none"

CHOICES = (
    ("left_clearly", "A is clearly better", "A ≫ B", "1"),
    ("left_slightly", "A is slightly better", "A > B", "2"),
    ("tie", "Tie", "=", "3"),
    ("right_slightly", "B is slightly better", "B > A", "4"),
    ("right_clearly", "B is clearly better", "B ≫ A", "5"),
    ("both_good", "Both good", "+ +", "9"),
    ("both_bad", "Both bad", "− −", "0"),
)
"""Of a pair: value, words, sign, key."""


@dataclass(frozen=True, slots=True)
class Option:
    """A radio button, or an option of a list."""

    value: str
    words: str
    chosen: bool
    sign: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class RatedCriterion:
    """A criterion's buttons for one response."""

    key: str
    name: str
    label: str
    description: str
    options: list[Option]


@dataclass(frozen=True, slots=True)
class FormCard:
    """A response and the fields that belong to it."""

    letter: str
    handle: str
    text: str
    ranks: list[Option]
    ratings: list[RatedCriterion]
    is_best: bool


@dataclass(frozen=True, slots=True)
class LabelForm:
    """All that `labeling/label_form.html` shows. ``handles`` of its cards name the fields."""

    mode: Mode
    cards: list[FormCard]
    choices: list[Option]
    none_is_best: bool


def label_form(mode: Mode, cards: Sequence[Card], rubric: Sequence[Mapping[str, Any]], value: object) -> LabelForm:
    """The form for cards in the order shown, filled with ``value`` as far as it makes sense; it may be anything.

    A ranking that nobody touched yet is the order shown.
    """
    known = value if isinstance(value, dict) else {}
    return LabelForm(
        mode=mode,
        cards=[_card(mode, cards, place, rubric, known) for place in range(len(cards))],
        choices=[Option(value, words, known.get("choice") == value, *more) for value, words, *more in CHOICES],
        none_is_best="best" in known and known["best"] is None,
    )


def _card(
    mode: Mode, cards: Sequence[Card], place: int, rubric: Sequence[Mapping[str, Any]], known: dict[str, Any]
) -> FormCard:
    card, ranks, ratings = cards[place], [], []
    if mode == Mode.RANKING:
        given = _inside(known, "ranks").get(card.handle, place + 1)
        ranks = [Option(str(rank), str(rank), given == rank) for rank in range(1, len(cards) + 1)]
    if mode == Mode.RATING:
        points = _inside(_inside(known, "ratings"), card.handle)
        ratings = [_criterion(card, criterion, points) for criterion in rubric]
    is_best = known.get("best") == card.handle
    return FormCard(LETTERS[place], card.handle, card.text, ranks, ratings, is_best)


def _criterion(card: Card, criterion: Mapping[str, Any], points: dict[str, Any]) -> RatedCriterion:
    return RatedCriterion(
        key=criterion["key"],
        name=f"rate-{card.handle}-{criterion['key']}",
        label=criterion["label"],
        description=criterion["description"],
        options=[
            Option(str(each), str(each), points.get(criterion["key"]) == each)
            for each in range(criterion["lowest"], criterion["highest"] + 1)
        ],
    )


def value_of(
    mode: Mode, handles: Sequence[str], rubric: Sequence[Mapping[str, Any]], fields: Mapping[str, str]
) -> dict[str, Any]:
    """The label in the fields of a form, as `values` takes it. Raises UserError when a field is missing."""
    if mode == Mode.PAIRWISE:
        return {"choice": _field(fields, "choice")}
    if mode == Mode.RANKING:
        return {"ranks": {handle: _number(fields, f"rank-{handle}") for handle in handles}}
    if mode == Mode.RATING:
        return {
            "ratings": {
                handle: {each["key"]: _number(fields, f"rate-{handle}-{each['key']}") for each in rubric}
                for handle in handles
            }
        }
    best = _field(fields, "best")
    return {"best": None if best == NONE else best}


def _field(fields: Mapping[str, str], name: str) -> str:
    found = fields.get(name)
    if not found:
        raise UserError("Something is not answered yet. Go back and choose.")
    return found


def _number(fields: Mapping[str, str], name: str) -> int:
    try:
        return int(_field(fields, name))
    except ValueError as error:
        raise UserError("A rank or rating is a whole number.") from error


def _inside(known: dict[str, Any], name: str) -> dict[str, Any]:
    found = known.get(name)
    return found if isinstance(found, dict) else {}
