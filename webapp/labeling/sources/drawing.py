"""What the ways of drawing items share: what is asked, and what came of it."""

from dataclasses import dataclass, field

from django.db.models import QuerySet

from webapp.labeling.items import ItemDraft
from webapp.runs.models import Run

MOST_DRAWN = 1000
"""Items of one draw."""
AT_ONCE = 100
"""Groups or nodes whose texts are read together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a run, how much of it, and by which seed."""

    run: Run
    split: str
    first_step: int | None
    last_step: int | None
    responses: int
    count: int
    seed: int

    def steps(self, column: str) -> dict[str, int]:
        """The step range as conditions on a column."""
        ends = {f"{column}__gte": self.first_step, f"{column}__lte": self.last_step}
        return {name: step for name, step in ends.items() if step is not None}


@dataclass(slots=True)
class Drawn:
    """Items that could be added, and what was left out."""

    matching: int
    already_here: int
    """Of those that match, in the project before."""
    too_alike: int = 0
    """Looked at, and left out: too few different texts."""
    drafts: list[ItemDraft] = field(default_factory=list)


def name_of(run: Run, step: int) -> str:
    """Who wrote a response of a run, in words."""
    return f"run {run.pk} ({run.name}), step {step}"[:160]


def runs_with(rows: QuerySet[Run]) -> QuerySet[Run]:
    """Runs to choose from, the newest first, without what is long."""
    return rows.only("id", "name", "step", "method").order_by("-pk")
