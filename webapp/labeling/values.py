"""Labels as a browser sends them, checked strictly, and as they are stored.

A browser knows responses by their handles and sides; what is stored names them by index:

- pairwise: ``{"choice": …}``, sent as a `Choice`; stored with ``first``/``second`` (indices 0 and 1) for the sides
- ranking: ``{"ranks": {handle: rank}}``, 1 the best, equal ranks tie; stored ``{"ranks": [rank of index 0, …]}``
  without gaps (1, 1, 2)
- rating: ``{"ratings": {handle: {criterion: points}}}``; stored ``{"ratings": [{criterion: points}, …]}`` by index
- tree_step: ``{"best": handle}``, or null where no step goes on well; stored ``{"best": index or null}``
"""

from collections.abc import Callable
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.labeling.models import Assignment

Given = TypeVar("Given")
Choice = Literal["left_clearly", "left_slightly", "tie", "right_slightly", "right_clearly", "both_good", "both_bad"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Criterion(_Strict):
    """One line of a rubric: what is rated, from the fewest points to the most."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=120)
    description: str = Field(default="", max_length=2000)
    lowest: int = Field(default=1, ge=0, le=10)
    highest: int = Field(default=5, ge=1, le=10)

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError("the most points must be more than the fewest")
        return self


class _Pairwise(_Strict):
    choice: Choice


class _Ranking(_Strict):
    ranks: dict[str, int]


class _Rating(_Strict):
    ratings: dict[str, dict[str, int]]


class _TreeStep(_Strict):
    best: str | None


_RUBRIC = TypeAdapter(list[Criterion])


def check_rubric(mode: str, rubric: object) -> list[dict[str, Any]]:
    """A rubric as it is stored. Raises UserError when it makes no sense, or a rating has none."""
    try:
        criteria = _RUBRIC.validate_python(rubric)
    except ValidationError as error:
        raise UserError(f"The rubric cannot be read: {_first(error)}") from error
    if len({criterion.key for criterion in criteria}) < len(criteria):
        raise UserError("Two criteria of the rubric have the same key.")
    if bool(criteria) != (mode == Mode.RATING):
        raise UserError("A rating needs a rubric, and no other mode takes one.")
    return [criterion.model_dump() for criterion in criteria]


def stored_value(assignment: Assignment, value: object) -> dict[str, Any]:
    """What is stored of a label that a browser sent for ``assignment``. Raises UserError when it is no such label."""
    try:
        return _READERS[Mode(assignment.project.mode)](assignment, value)
    except ValidationError as error:
        raise UserError(f"This label cannot be read: {_first(error)}") from error


def sent_value(assignment: Assignment, stored: dict[str, Any]) -> dict[str, Any]:
    """The label that a browser would have sent for what is stored: `stored_value` the other way round."""
    handles = dict(zip(assignment.order, assignment.handles, strict=True))
    mode = Mode(assignment.project.mode)
    if mode == Mode.RANKING:
        return {"ranks": {handles[index]: rank for index, rank in enumerate(stored["ranks"])}}
    if mode == Mode.RATING:
        return {"ratings": {handles[index]: rating for index, rating in enumerate(stored["ratings"])}}
    if mode == Mode.TREE_STEP:
        return {"best": None if stored["best"] is None else handles[stored["best"]]}
    side, _, strength = str(stored["choice"]).partition("_")
    if side not in ("first", "second"):
        return {"choice": stored["choice"]}
    is_left = assignment.order[0] == ("first", "second").index(side)
    return {"choice": f"{'left' if is_left else 'right'}_{strength}"}


def _pairwise(assignment: Assignment, value: object) -> dict[str, Any]:
    side, _, strength = _Pairwise.model_validate(value).choice.partition("_")
    if side not in ("left", "right"):
        return {"choice": f"{side}_{strength}" if strength else side}
    index = assignment.order[0 if side == "left" else 1]
    return {"choice": f"{('first', 'second')[index]}_{strength}"}


def _ranking(assignment: Assignment, value: object) -> dict[str, Any]:
    ranks = _by_index(assignment, _Ranking.model_validate(value).ranks, "rank")
    if not all(1 <= rank <= len(ranks) for rank in ranks):
        raise UserError(f"Ranks go from 1 to {len(ranks)}.")
    dense = {rank: place for place, rank in enumerate(sorted(set(ranks)), start=1)}
    return {"ranks": [dense[rank] for rank in ranks]}


def _rating(assignment: Assignment, value: object) -> dict[str, Any]:
    ratings = _by_index(assignment, _Rating.model_validate(value).ratings, "rating")
    criteria = [Criterion.model_validate(each) for each in assignment.project.rubric]
    for rating in ratings:
        if set(rating) != {criterion.key for criterion in criteria}:
            raise UserError("Rate each response by every criterion of the rubric.")
        for criterion in criteria:
            if not criterion.lowest <= rating[criterion.key] <= criterion.highest:
                raise UserError(f"{criterion.label} goes from {criterion.lowest} to {criterion.highest}.")
    return {"ratings": ratings}


def _tree_step(assignment: Assignment, value: object) -> dict[str, Any]:
    best = _TreeStep.model_validate(value).best
    if best is None:
        return {"best": None}
    if best not in assignment.handles:
        raise UserError("This step is not one of those shown. Reload the page.")
    return {"best": assignment.order[assignment.handles.index(best)]}


def _by_index(assignment: Assignment, given: dict[str, Given], what: str) -> list[Given]:
    """Values given by handle, in the order of response indices."""
    if set(given) != set(assignment.handles):
        raise UserError(f"Each response shown needs a {what}, and no other does.")
    indexed = dict(zip(assignment.order, assignment.handles, strict=True))
    return [given[indexed[index]] for index in range(len(indexed))]


_READERS: dict[Mode, Callable[[Assignment, object], dict[str, Any]]] = {
    Mode.PAIRWISE: _pairwise,
    Mode.RANKING: _ranking,
    Mode.RATING: _rating,
    Mode.TREE_STEP: _tree_step,
}


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}." if place else f"{found['msg']}."
