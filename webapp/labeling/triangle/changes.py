"""Labels on which a reward model changed its mind: pairs that one run orders one way and another run the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from webapp.labeling.models import LabelProject
from webapp.labeling.triangle.judged import JudgedItem, Response, judged_items
from webapp.labeling.triangle.scores import Score, StoredScores, latest, run_of, scoring_runs
from webapp.runs.models import Run

ROWS = 50
Rewards = Mapping[tuple[int, int], Score]
Pair = tuple[JudgedItem, Response, Response, float, float]
"""What people prefer to what, and by how much each of the two runs does."""


@dataclass(frozen=True, slots=True)
class Change:
    """Two responses that the runs order differently; people prefer ``better``."""

    item: JudgedItem
    better: Response
    worse: Response
    before: float
    """Reward of the better one less that of the other, by the first run."""
    after: float
    heldout: bool
    """Whether neither run learned from the item's labels."""

    @property
    def toward(self) -> bool:
        """Whether the second run sides with people."""
        return self.after > 0

    @property
    def key(self) -> str:
        """Names it among the changes of a project."""
        return f"{self.item.number}-{self.better.index}-{self.worse.index}"


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """Everything the page shows; without two runs to compare only ``runs``."""

    runs: list[Run]
    first: Run | None = None
    second: Run | None = None
    pairs: int = 0
    """Pairs that people put in an order and both runs scored."""
    right_before: int = 0
    """Of these, those that the first run orders as people do."""
    right_after: int = 0
    toward: int = 0
    away: int = 0
    direction: str = ""
    rows: tuple[Change, ...] = ()
    after: str = ""
    """Key of the last change of the page, where more follow."""

    @property
    def changed(self) -> int:
        return self.toward + self.away


def read_changes(project: LabelProject, asked: Mapping[str, str]) -> ChangesPage:
    """The page that an address asks for: from run ``a``, else the one before, to ``b``, else the newest.

    Raises UserError for runs that scored nothing here.
    """
    runs = scoring_runs(project)
    if len(runs) < 2:
        return ChangesPage(runs)
    second = run_of(runs, asked["b"]) if asked.get("b") else runs[0]
    older = [run for run in runs if run.pk < second.pk] or [run for run in runs if run.pk != second.pk]
    first = run_of(runs, asked["a"]) if asked.get("a") else older[0]
    rewards = latest(project, first), latest(project, second)
    pairs = list(_pairs(project, *rewards))
    changes = _changes(pairs, rewards)
    direction = asked.get("direction", "") if asked.get("direction") in ("toward", "away") else ""
    shown = [each for each in changes if not direction or each.toward == (direction == "toward")]
    begin = 1 + next((n for n, each in enumerate(shown) if each.key == asked.get("after")), -1)
    rows = tuple(shown[begin : begin + ROWS])
    return ChangesPage(
        runs, first, second,
        pairs=len(pairs),
        right_before=sum(old > 0 for *_, old, _ in pairs),
        right_after=sum(new > 0 for *_, new in pairs),
        toward=sum(change.toward for change in changes),
        away=sum(not change.toward for change in changes),
        direction=direction,
        rows=rows,
        after=rows[-1].key if begin + ROWS < len(shown) else "",
    )  # fmt: skip


def _pairs(project: LabelProject, before: Rewards, after: Rewards) -> Iterator[Pair]:
    """What people put in an order and both runs scored."""
    for item in judged_items(project, StoredScores()):
        for better, worse in item.preferred:
            old, new = _margin(before, item, better, worse), _margin(after, item, better, worse)
            if old is not None and new is not None:
                yield item, better, worse, old, new


def _changes(pairs: Iterable[Pair], rewards: tuple[Rewards, Rewards]) -> list[Change]:
    """Pairs that the runs order differently, the largest change first."""
    changes = [
        Change(*pair, heldout=all(each[pair[0].pk, pair[1].index].heldout for each in rewards))
        for pair in pairs
        if pair[3] * pair[4] < 0
    ]
    return sorted(changes, key=lambda change: (-abs(change.after - change.before), change.key))


def _margin(rewards: Rewards, item: JudgedItem, better: Response, worse: Response) -> float | None:
    """None where one of the two has no reward."""
    one, other = rewards.get((item.pk, better.index)), rewards.get((item.pk, worse.index))
    return one.reward - other.reward if one and other else None
