"""Ranked responses as tokens: what one element of a batch is when people's rankings are learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.algorithms.preferences import PairBatch, TieModel, pairs_of
from training.batching import Example
from training.codec import Codec
from training.errors import InputError
from training.rankings import RankingRow


@dataclass(frozen=True, slots=True, eq=False)
class RankedItem:
    """A prompt with its responses, and all labels of them that order at least two."""

    number: int
    """Among all items of the run, held-out ones included."""
    examples: list[Example]
    """The responses; all have the same prompt."""
    rows: list[RankingRow]
    pairs: PairBatch
    """Of all labels, in terms of `examples`; the weights sum to 1."""
    labels: list[int]
    """Of each pair, the place of its label in `rows`."""

    @property
    def tokens(self) -> int:
        """Of all responses."""
        return sum(len(example.response) for example in self.examples)


@dataclass(frozen=True, slots=True)
class RankedItems:
    """The items of one half, and how many prompts are none."""

    items: list[RankedItem]
    too_long: int
    undecided: int
    """No label orders any two responses."""

    @classmethod
    def of(
        cls,
        rows: Sequence[RankingRow],
        codec: Codec,
        max_length: int,
        ties: TieModel = "drop",
        margins: bool = False,
        first_number: int = 0,
    ) -> "RankedItems":
        """Labels of the same prompt and responses become one item; the items are numbered from `first_number`."""
        by_item: dict[tuple[str, ...], list[RankingRow]] = {}
        for row in rows:
            by_item.setdefault(row.item, []).append(row)
        items: list[RankedItem] = []
        too_long = undecided = 0
        for labels in by_item.values():
            prompt = codec.prompt_ids(labels[0].prompt)
            examples = [Example(prompt, codec.response_ids(response)) for response in labels[0].responses]
            if any(len(example) > max_length for example in examples):
                too_long += 1
            elif (item := _item(first_number + len(items), examples, labels, ties, margins)) is None:
                undecided += 1
            else:
                items.append(item)
        return cls(items, too_long, undecided)

    def require_some(self, max_length: int) -> None:
        """Raise InputError when there is nothing to learn from."""
        if self.items:
            return
        if self.too_long and not self.undecided:
            raise InputError(
                f"all {self.too_long} ranked prompts have a response longer than max_length ({max_length} tokens)"
            )
        if self.undecided:
            raise InputError(
                f"nothing is left to learn from: {self.too_long} ranked prompts are too long, and of {self.undecided} "
                "no label prefers one response to another"
            )
        raise InputError("no ranked prompt is left to learn from; lower heldout_share, or label more")


def _item(
    number: int, examples: list[Example], labels: Sequence[RankingRow], ties: TieModel, margins: bool
) -> RankedItem | None:
    pairs = [pairs_of([label.ranking(margins)], ties) for label in labels]
    deciding = [(label, batch) for label, batch in zip(labels, pairs, strict=True) if len(batch.chosen)]
    if not deciding:
        return None
    rows, batches = [label for label, _ in deciding], [batch for _, batch in deciding]
    each = [replace(batch, weights=batch.weights / len(batches)) for batch in batches]
    owners = [place for place, batch in enumerate(batches) for _ in range(len(batch.chosen))]
    return RankedItem(number, examples, rows, _concatenated(each), owners)


def joined_pairs(items: Sequence[RankedItem]) -> PairBatch:
    """The pairs of several items whose responses stand one after another."""
    batches, start = [], 0
    for item in items:
        pairs = item.pairs
        batches.append(replace(pairs, chosen=pairs.chosen + start, rejected=pairs.rejected + start))
        start += len(item.examples)
    return _concatenated(batches)


def _concatenated(batches: Sequence[PairBatch]) -> PairBatch:
    def joined(name: str) -> Tensor:
        return torch.cat([getattr(batch, name) for batch in batches])

    return PairBatch(*map(joined, ("chosen", "rejected", "weights", "ties", "margins")))
