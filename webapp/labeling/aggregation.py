"""From labels to one verdict on an item, and to plain wins between the named sources of its responses."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from webapp.labeling.label_table import Ranks, competition_ranks


@dataclass(frozen=True, slots=True)
class Consensus:
    """What several labels of one item amount to."""

    ranks: Ranks
    """One a response, competition ranks: lower is better, equal is a tie."""
    agreed: bool
    """Whether all labels say this; if not, the item is one for adjudication."""
    support: float
    """Share of the labels that say exactly this."""
    n: int


@dataclass(frozen=True, slots=True)
class SourceRanking:
    """One label of an item whose responses came from named sources, such as models."""

    item: str
    sources: tuple[str, ...]
    ranks: Ranks
    """Of the source in the same place; lower is better, equal is a tie."""

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.ranks) or len(self.ranks) < 2:
            raise ValueError("There must be one rank a source, and at least two of them.")


@dataclass(frozen=True, slots=True)
class Win:
    """``weight`` of a win of one source over another: 1, or 0.5 each way for a tie."""

    item: int
    winner: int
    loser: int
    weight: float


@dataclass(frozen=True, slots=True)
class Wins:
    """All comparisons of different sources; items and sources by number."""

    sources: tuple[str, ...]
    items: int
    rows: tuple[Win, ...]


def consensus(labels: Sequence[Ranks]) -> Consensus:
    """The ranking that more than half of the labels give, or else the order of the mean ranks.

    Tied responses share the mean of the places they take, so that nobody's ranking weighs more for its ties. Raises
    ValueError without labels, or where they rank different numbers of responses.
    """
    if not labels or len({len(ranks) for ranks in labels}) != 1:
        raise ValueError("A consensus needs labels of the same responses.")
    rankings = [competition_ranks(ranks) for ranks in labels]
    common, count = Counter(rankings).most_common(1)[0]
    if 2 * count > len(rankings):
        ranks = common
    else:
        # Twice the mean place of each response, summed: whole numbers, so that equal sums are equal.
        places = [[2 * rank + ranking.count(rank) - 1 for rank in ranking] for ranking in rankings]
        ranks = competition_ranks([sum(column) for column in zip(*places, strict=True)])
    support = sum(ranking == ranks for ranking in rankings)
    return Consensus(ranks, support == len(rankings), support / len(rankings), len(rankings))


def wins_of(rankings: Iterable[SourceRanking]) -> Wins:
    """Every two responses of different sources as a win, or as half a win each where they tie.

    Items and sources are numbered as items first occur and sources by name; a source that was never compared with
    another one is left out.
    """
    items: dict[str, int] = {}
    found: list[tuple[int, str, str, float]] = []
    for ranking in rankings:
        item = items.setdefault(ranking.item, len(items))
        for (one, first), (other, second) in combinations(zip(ranking.sources, ranking.ranks, strict=True), 2):
            if one == other:
                continue
            if first == second:
                found += [(item, one, other, 0.5), (item, other, one, 0.5)]
            else:
                found.append((item, one, other, 1.0) if first < second else (item, other, one, 1.0))
    sources = tuple(sorted({name for row in found for name in row[1:3]}))
    numbers = {name: number for number, name in enumerate(sources)}
    rows = tuple(Win(item, numbers[winner], numbers[loser], weight) for item, winner, loser, weight in found)
    return Wins(sources, len(items), rows)
