"""What a labeler sees of an assignment. Blind by construction: prompt and texts alone, until the label is in."""

from dataclasses import dataclass

from webapp.core.errors import UserError
from webapp.labeling.choices import AssignmentState, Reveal
from webapp.labeling.models import Assignment, ItemResponse


@dataclass(frozen=True, slots=True)
class Card:
    """A response as shown: the name by which the browser knows it, and its text."""

    handle: str
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a response was, told once its label is in."""

    handle: str
    source: str
    correct: bool | None
    reward: float | None


def cards(assignment: Assignment) -> list[Card]:
    """The responses in the order of this assignment."""
    return [Card(handle, response.text) for handle, response in _shown(assignment)]


def identities(assignment: Assignment) -> list[Identity]:
    """Who wrote what, in the order shown. Raises UserError (403) before the label, and where nothing is revealed."""
    if assignment.project.reveal != Reveal.AFTER_SUBMIT or assignment.state != AssignmentState.SUBMITTED:
        raise UserError("Who wrote these is not told.", status=403)
    return [
        Identity(handle, response.source, response.correct, response.reward) for handle, response in _shown(assignment)
    ]


def _shown(assignment: Assignment) -> list[tuple[str, ItemResponse]]:
    responses = {response.index: response for response in assignment.item.responses.all()}
    return [(handle, responses[index]) for index, handle in zip(assignment.order, assignment.handles, strict=True)]
