"""Reward against people over the steps of a run: whether what is optimised still is what people want.

Of the responses that were rollouts of the run, or written by its checkpoints: the mean reward, how often they beat
responses from elsewhere in the eyes of people, and how often people side with the reward between two of one step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from webapp.labeling.estimates import Estimate, estimate, ratio
from webapp.labeling.triangle.judged import JudgedItem, Response

MOST_POINTS = 12
"""More steps than this are taken together, neighbours with neighbours."""


@dataclass(frozen=True, slots=True)
class StepPoint:
    """Some neighbouring steps, often one."""

    first: int
    last: int
    reward: Estimate
    """Mean; n counts responses."""
    win_rate: Estimate
    """Share of comparisons with responses from elsewhere that people decide for these, ties half; n counts items."""
    agreement: Estimate
    """Share of people's preferences between two responses of one step that the rewards share; n counts items."""

    @property
    def label(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def middle(self) -> float:
        return (self.first + self.last) / 2


Alarm = Literal["", "suspected", "found"]


@dataclass(frozen=True, slots=True)
class StepSeries:
    """All points of a run, by step."""

    points: tuple[StepPoint, ...]

    @property
    def alarm(self) -> Alarm:
        """Whether the reward rose from the first to the last point while people liked the responses less.

        ``found`` where the intervals of both are apart, ``suspected`` where only the figures say so.
        """
        if len(self.points) < 2:
            return ""
        first, last = self.points[0], self.points[-1]
        told = [
            (_rises(first.reward, last.reward), _rises(getattr(last, name), getattr(first, name)))
            for name in ("win_rate", "agreement")
        ]
        if any(up == down == "apart" for up, down in told):
            return "found"
        return "suspected" if any(up and down for up, down in told) else ""


def runs_in(items: Iterable[JudgedItem]) -> list[int]:
    """Runs whose responses are among the items, those of most responses first."""
    counts: dict[int, int] = {}
    for item in items:
        for each in item.responses:
            if each.run is not None and each.step is not None:
                counts[each.run] = counts.get(each.run, 0) + 1
    return sorted(counts, key=lambda run: (-counts[run], run))


def series_of(items: Sequence[JudgedItem], run: int) -> StepSeries:
    """The points of one run."""
    return StepSeries(tuple(_point(items, run, part) for part in _parts(items, run)))


def alarm_of(items: Sequence[JudgedItem], run: int) -> Alarm:
    """The alarm of a run's series, without what lies between its ends."""
    parts = _parts(items, run)
    return StepSeries(tuple(_point(items, run, part) for part in (parts[0], parts[-1]))).alarm if parts else ""


def _parts(items: Sequence[JudgedItem], run: int) -> list[list[int]]:
    """The steps of each point."""
    own = [each for item in items for each in item.responses if each.run == run]
    steps = sorted({each.step for each in own if each.step is not None})
    size = -(-len(steps) // MOST_POINTS) or 1
    return [steps[start : start + size] for start in range(0, len(steps), size)]


def _point(items: Sequence[JudgedItem], run: int, steps: list[int]) -> StepPoint:
    rewards: list[float] = []
    wins: list[tuple[float, float]] = []
    agreed: list[tuple[float, float]] = []
    for item in items:
        own = [each for each in item.responses if each.run == run and each.step in steps]
        if not own:
            continue
        rewards += [each.score.reward for each in own if each.score]
        wins.append(_wins(item, own))
        agreed.append(_agreed(item, own))
    values = np.array(rewards)
    return StepPoint(
        steps[0],
        steps[-1],
        estimate(lambda at: float(values[at].mean()), len(values), "No response of these steps has a reward."),
        ratio(*_columns(wins), "People compared none of these responses with one from elsewhere."),
        ratio(*_columns(agreed), "People preferred none of two responses of one step."),
    )


def _wins(item: JudgedItem, own: Sequence[Response]) -> tuple[float, float]:
    """Comparisons won by responses of these steps against all others of the item, of how many."""
    if item.ranks is None:
        return 0.0, 0.0
    rank = dict(zip((each.index for each in item.responses), item.ranks, strict=True))
    chosen = {each.index for each in own}
    others = [each.index for each in item.responses if each.index not in chosen]
    won = sum(
        1.0 if rank[one] < rank[other] else 0.5 * (rank[one] == rank[other]) for one in chosen for other in others
    )
    return won, float(len(chosen) * len(others))


def _agreed(item: JudgedItem, own: Sequence[Response]) -> tuple[float, float]:
    """Preferences between two responses of one step that their rewards share, of how many with different rewards."""
    steps = {each.index: each.step for each in own}
    gaps = [
        better.score.reward - worse.score.reward
        for better, worse in item.preferred
        if better.index in steps
        and steps[better.index] == steps.get(worse.index)
        and better.score is not None
        and worse.score is not None
    ]
    return float(sum(gap > 0 for gap in gaps)), float(sum(gap != 0 for gap in gaps))


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [top for top, _ in pairs], [bottom for _, bottom in pairs]


def _rises(before: Estimate, after: Estimate) -> Literal["", "rises", "apart"]:
    if before.value is None or after.value is None or after.value <= before.value:
        return ""
    if before.high is None or after.low is None or after.low <= before.high:
        return "rises"
    return "apart"
