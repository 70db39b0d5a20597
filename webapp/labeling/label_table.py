"""Labels as plain rows, apart from any database: what the statistics of labeling read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

Ranks = tuple[int, ...]
CHOICES = 5
"""Points of the pairwise scale: clearly, slightly, tie, slightly, clearly."""
TIE = 3


@dataclass(frozen=True, slots=True)
class Label:
    """What one annotator said of one item: a ``choice`` between two responses, or ``ranks`` of K of them.

    Responses are numbered by the item, never by where they were shown, so that labels of annotators who saw them in
    different orders can be held against each other. Raises ValueError where the row contradicts itself.
    """

    item: str
    annotator: str
    choice: int | None = None
    """1: response 0 is clearly better, 3: tie, 5: response 1 is clearly better."""
    ranks: Ranks | None = None
    """One a response; lower is better, equal is a tie. Only their order counts."""
    order: tuple[int, ...] = ()
    """Numbers of the responses as they were shown, first one first; empty where unknown."""
    lengths: tuple[int, ...] = ()
    """Of the responses, in tokens or characters; empty where unknown."""
    seconds: float | None = None
    """From showing the item to the label."""

    def __post_init__(self) -> None:
        if (self.choice is None) == (self.ranks is None):
            raise ValueError("A label is either a choice or ranks.")
        if self.choice is not None and not 1 <= self.choice <= CHOICES:
            raise ValueError(f"A choice is 1 to {CHOICES}, not {self.choice}.")
        if self.size < 2:
            raise ValueError("A label compares at least two responses.")
        if self.order and sorted(self.order) != list(range(self.size)):
            raise ValueError("The order shown must name every response once.")
        if self.lengths and len(self.lengths) != self.size:
            raise ValueError("There must be one length a response.")

    @property
    def size(self) -> int:
        """How many responses were compared."""
        return 2 if self.ranks is None else len(self.ranks)

    @property
    def ranking(self) -> Ranks:
        """Competition ranks (1, 2, 2, 4); of a choice (1, 2), (1, 1) or (2, 1)."""
        if self.ranks is not None:
            return _kept_ranks(self.ranks)
        choice = self.choice or TIE
        return (1, 1) if choice == TIE else (1, 2) if choice < TIE else (2, 1)


def competition_ranks(values: Sequence[float]) -> Ranks:
    """Rank 1 for the lowest; equal values share a rank and leave a gap behind them."""
    ordered = sorted(values)
    return tuple(1 + ordered.index(value) for value in values)


# Every statistic asks each label for its ranking, many times.
_kept_ranks = lru_cache(maxsize=65_536)(competition_ranks)


def by_item(labels: Iterable[Label]) -> list[list[Label]]:
    """The labels of each item, items as they first occur, annotators by name.

    Of an annotator who labeled an item several times the first label counts: the later ones are not independent of it.
    """
    items: dict[str, dict[str, Label]] = {}
    for label in labels:
        items.setdefault(label.item, {}).setdefault(label.annotator, label)
    return [[row[name] for name in sorted(row)] for row in items.values()]
