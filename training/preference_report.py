"""How well rewards predict labels: by annotator, by difference in length, by confidence; and where they fail most."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

import torch
from torch import Tensor

from training.algorithms.preferences import TieRule, outcome_logprobs
from training.events import RankingsScored
from training.events.preferences import (
    CalibrationBin,
    ItemScored,
    LengthBin,
    OfAnnotator,
    PairCount,
    WrongPair,
)
from training.methods.ranked_items import RankedItem, joined_pairs

LENGTH_EDGES = (-1.0, -0.5, -0.25, -0.05, 0.05, 0.25, 0.5, 1.0)
"""Of the difference in tokens over the longer length."""
CONFIDENCE_EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WRONG_PAIRS = 50
"""Told one by one."""
TEXT_CHARACTERS = 600
"""Of a text that is told with them."""

Scored = tuple[Sequence[RankedItem], Tensor, bool]
"""Items, the rewards [N, H] of their responses one after another, and whether they are held out."""


def report_event(
    step: int, loss: float, scored: Sequence[Scored], rule: TieRule, shift: Tensor | None = None
) -> RankingsScored:
    """The event of an evaluation. The first of `scored` is what was predicted; `shift` [H] is taken off all rewards."""
    items, rewards, _ = scored[0]
    pairs, means = joined_pairs(items), rewards.mean(1)
    differences = (means[pairs.chosen] - means[pairs.rejected])[~pairs.ties].tolist()
    decided = [pair for pair, tied in zip(_pairs(items), pairs.ties.tolist(), strict=True) if not tied]
    right = [difference > 0 for difference in differences]
    return RankingsScored(
        step=step,
        heads=rewards.shape[1],
        loss=loss,
        pairs=len(right),
        right=sum(right),
        ties=int(pairs.ties.sum()),
        annotators=_by_annotator(decided, right),
        lengths=_by_length(decided, right),
        calibration=_calibration(differences, rule),
        agreement=_agreement(items),
        wrong=_wrong(decided, differences),
        items=[told for each in scored for told in _scores(*each, shift)],
    )


class _Pair:
    """A pair of a label."""

    def __init__(self, item: RankedItem, place: int) -> None:
        self.item = item
        self.chosen, self.rejected = int(item.pairs.chosen[place]), int(item.pairs.rejected[place])
        self.label = item.rows[item.labels[place]]

    @property
    def length_gap(self) -> float:
        chosen, rejected = (len(self.item.examples[place].response) for place in (self.chosen, self.rejected))
        return (chosen - rejected) / max(chosen, rejected)


def _pairs(items: Sequence[RankedItem]) -> list[_Pair]:
    return [_Pair(item, place) for item in items for place in range(len(item.labels))]


def _by_annotator(pairs: Sequence[_Pair], right: Sequence[bool]) -> list[OfAnnotator]:
    found: dict[str, list[bool]] = defaultdict(list)
    for pair, won in zip(pairs, right, strict=True):
        found[pair.label.annotator].append(won)
    return [OfAnnotator(annotator=name, pairs=len(won), right=sum(won)) for name, won in sorted(found.items())]


def _by_length(pairs: Sequence[_Pair], right: Sequence[bool]) -> list[LengthBin]:
    gaps = [pair.length_gap for pair in pairs]
    bins = []
    for low, high in pairwise(LENGTH_EDGES):
        within = [won for gap, won in zip(gaps, right, strict=True) if low <= gap < high]
        bins.append(LengthBin(low=low, high=high, pairs=len(within), right=sum(within)))
    return bins


def _calibration(differences: Sequence[float], rule: TieRule) -> list[CalibrationBin]:
    """Where a tie has a chance of its own, of the chance that is left."""
    won, lost, _ = outcome_logprobs(torch.tensor(differences, dtype=torch.float64).abs(), rule)
    confidences = (won - torch.logaddexp(won, lost)).exp().tolist()
    bins = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        last = high == CONFIDENCE_EDGES[-1]
        within = [i for i, p in enumerate(confidences) if low <= p < high or (last and p >= high)]
        mean = sum(confidences[i] for i in within) / len(within) if within else (low + high) / 2
        right = sum(differences[i] > 0 for i in within)
        bins.append(CalibrationBin(low=low, high=high, pairs=len(within), right=right, confidence=mean))
    return bins


def _agreement(items: Iterable[RankedItem]) -> PairCount | None:
    pairs = agree = 0
    for item in items:
        for one, other in combinations(item.rows, 2):
            for i, j in combinations(range(len(item.examples)), 2):
                here, there = one.ranks[i] - one.ranks[j], other.ranks[i] - other.ranks[j]
                if here and there:
                    pairs += 1
                    agree += (here > 0) == (there > 0)
    return PairCount(pairs=pairs, right=agree) if pairs else None


def _wrong(pairs: Sequence[_Pair], differences: Sequence[float]) -> list[WrongPair]:
    """Those with the most negative differences, the worst first."""
    worst = sorted((i for i, difference in enumerate(differences) if difference <= 0), key=lambda i: differences[i])
    told = []
    for i in worst[:WRONG_PAIRS]:
        label, chosen, rejected = pairs[i].label, pairs[i].chosen, pairs[i].rejected
        told.append(
            WrongPair(
                project=label.project,
                item=label.item_number,
                annotator=label.annotator,
                chosen=chosen,
                rejected=rejected,
                difference=differences[i],
                prompt=label.prompt[:TEXT_CHARACTERS],
                chosen_text=label.responses[chosen][:TEXT_CHARACTERS],
                rejected_text=label.responses[rejected][:TEXT_CHARACTERS],
            )
        )
    return told


def _scores(items: Sequence[RankedItem], rewards: Tensor, heldout: bool, shift: Tensor | None) -> Iterable[ItemScored]:
    shifted = rewards if shift is None else rewards - shift
    several = rewards.shape[1] > 1
    parts = torch.split(shifted, [len(item.examples) for item in items]) if items else ()
    for item, own in zip(items, parts, strict=True):
        means = own.mean(1).tolist()
        spreads = own.std(dim=1, correction=0).tolist() if several else []
        # Two items of a project may ask the same.
        for project, number in sorted({(row.project, row.item_number or 0) for row in item.rows}):
            if number:
                yield ItemScored(project=project, item=number, heldout=heldout, rewards=means, spreads=spreads)
