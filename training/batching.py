"""From prompts and responses to tensors: what shares a forward pass, and how it is laid out.

`pack` puts sequences one after another into a single row without padding, and a prompt only once for all of its
responses. `pad` makes the ordinary rectangle, for models that cannot run packed. Both say, in the same order, where the
N states stand that predict the N response tokens; tokens that nothing is learned from are not among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.packed_attention import AttentionLayout, Segment

SEEN_PER_TOKEN = 6144
"""Earlier tokens that attention looks at for the price of one token's matrices: a layer spends about 24 · hidden² on
the matrices of a token and 4 · hidden on each token it sees. Six times the hidden size, here of half a billion
weights."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and one response to it, as token ids. Only the response is predicted; both have at least one token."""

    prompt: Sequence[int]
    response: Sequence[int]
    mask: npt.NDArray[np.bool_] | None = None
    """Which tokens of the response are predicted; None for all."""

    def of_predicted(self, items: Sequence[int]) -> Sequence[int]:
        """Of one item for each token of the response, those of the tokens that are predicted."""
        return items if self.mask is None else list(compress(items, self.mask))

    @property
    def predicted(self) -> int:
        """How many tokens are."""
        return len(self.response) if self.mask is None else int(self.mask.sum())

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Sequences in one row of T tokens, with N response tokens to predict, in the order of the examples."""

    token_ids: Tensor
    """int64 [1, T]"""
    positions: Tensor
    """int64 [1, T]: place of each token in its own sequence."""
    layout: AttentionLayout
    """Who sees whom."""
    predictors: Tensor
    """int64 [N]: where in the row the state stands that predicts each response token."""
    targets: Tensor
    """int64 [N]: the response tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Sequences as B rows, padded on the right to L columns. Causal attention keeps padding out of sight."""

    token_ids: Tensor
    """int64 [B, L]"""
    mask: Tensor
    """int64 [B, L]: 1 where there is a token."""
    predictors: Tensor
    """int64 [N], in the flattened [B · L]."""
    targets: Tensor
    """int64 [N]"""


def pack(examples: Sequence[Example], device: torch.device) -> Packed:
    """Lay the examples out in one row; neighbours with the same prompt share it."""
    tokens: list[int] = []
    positions: list[int] = []
    predictors: list[int] = []
    segments: list[Segment] = []
    for prompt, siblings in _by_prompt(examples):
        parent, prompt_end = len(segments), len(tokens) + len(prompt) - 1
        segments.append(Segment(len(tokens), len(prompt), None))
        tokens.extend(prompt)
        positions.extend(range(len(prompt)))
        for example in siblings:
            # The last response token predicts nothing that is wanted, so it need not be run.
            start, length = len(tokens), len(example.response) - 1
            segments.append(Segment(start, length, parent))
            tokens.extend(example.response[:-1])
            positions.extend(range(len(prompt), len(prompt) + length))
            predictors.extend(example.of_predicted([prompt_end, *range(start, start + length)]))
    return Packed(
        torch.tensor([tokens], device=device),
        torch.tensor([positions], device=device),
        AttentionLayout.of(segments, device),
        torch.tensor(predictors, device=device),
        _targets(examples, device),
    )


def pad(examples: Sequence[Example], device: torch.device) -> Padded:
    """Lay the examples out in a rectangle."""
    # The last response token predicts nothing that is wanted, and may lie beyond the model's last position.
    width = max(len(example) for example in examples) - 1
    token_ids, mask = (
        torch.zeros(len(examples), width, dtype=torch.long),
        torch.zeros(len(examples), width, dtype=torch.long),
    )
    predictors: list[int] = []
    for row, example in enumerate(examples):
        token_ids[row, : len(example) - 1] = torch.tensor([*example.prompt, *example.response[:-1]])
        mask[row, : len(example) - 1] = 1
        first = row * width + len(example.prompt) - 1
        predictors.extend(example.of_predicted(range(first, first + len(example.response))))
    return Padded(
        token_ids.to(device), mask.to(device), torch.tensor(predictors, device=device), _targets(examples, device)
    )


def micro_batches(examples: Sequence[Example], budget: int, padded: bool = False) -> list[list[int]]:
    """Split into forward passes of about `budget` tokens at most: lists of indices into `examples`.

    Sequences of similar length go together, so that little is wasted on the longest; neighbours with the same prompt
    stay together as long as they fit. A single sequence longer than the budget gets a pass of its own.
    """
    batches: list[list[int]] = []
    filling: list[int] = []
    for unit in _units(examples, budget, padded):
        if filling and _cost([examples[i] for i in filling + unit], padded) > budget:
            batches.append(filling)
            filling = []
        filling = filling + unit
    return [*batches, filling] if filling else batches


def whole_batches(families: Sequence[Sequence[Example]], budget: int, padded: bool = False) -> list[list[int]]:
    """As `micro_batches`, of families of examples that must share a pass: lists of indices into `families`.

    A family larger than the budget gets a pass of its own.
    """
    order = sorted(range(len(families)), key=lambda i: max(len(example) for example in families[i]))
    batches: list[list[int]] = []
    for i in order:
        filled = [example for place in (batches[-1] if batches else []) for example in families[place]]
        if filled and _cost([*filled, *families[i]], padded) <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def share_of_work(examples: Sequence[Example], process: int, processes: int) -> list[int]:
    """Indices of the examples that one of several processes computes: whole prompts, of about equal work each.

    Longest unit first, always to the process with the least work so far (LPT): the most any has to do is at most 4/3
    of what the best possible division would leave it (Graham, 1969), and no two differ by more than the largest unit.
    """
    work = [(work_of([examples[i] for i in unit]), unit) for unit in _prompt_runs(examples)]
    loads, shares = [0.0] * processes, [[] for _ in range(processes)]  # type: tuple[list[float], list[list[int]]]
    for cost, unit in sorted(work, key=lambda each: -each[0]):
        lightest = loads.index(min(loads))
        loads[lightest] += cost
        shares[lightest].extend(unit)
    return sorted(shares[process])


def work_of(examples: Sequence[Example]) -> float:
    """What a packed pass over the examples costs, in tokens: a · L + b · L², each prompt once for its responses."""
    tokens, seen = 0, 0
    for prompt, siblings in _by_prompt(examples):
        lengths = [len(example.response) for example in siblings]
        tokens += len(prompt) + sum(lengths)
        seen += len(prompt) ** 2 // 2 + sum(length * len(prompt) + length**2 // 2 for length in lengths)
    return tokens + seen / SEEN_PER_TOKEN


def _targets(examples: Sequence[Example], device: torch.device) -> Tensor:
    return torch.tensor(
        [token for example in examples for token in example.of_predicted(example.response)], device=device
    )


def _by_prompt(examples: Sequence[Example]) -> Iterator[tuple[Sequence[int], list[Example]]]:
    for _, siblings in groupby(examples, key=lambda example: tuple(example.prompt)):
        family = list(siblings)
        yield family[0].prompt, family


def _prompt_runs(examples: Sequence[Example]) -> list[list[int]]:
    return [list(run) for _, run in groupby(range(len(examples)), key=lambda i: tuple(examples[i].prompt))]


def _units(examples: Sequence[Example], budget: int, padded: bool) -> list[list[int]]:
    """Sequences that should share a pass, in the order of their longest: a rectangle gains nothing from one prompt."""
    runs = [[i] for i in range(len(examples))] if padded else _prompt_runs(examples)
    units: list[list[int]] = []
    for run in runs:
        whole = _cost([examples[i] for i in run], padded) <= budget
        units.extend([run] if whole else [[i] for i in run])
    return sorted(units, key=lambda unit: max(len(examples[i]) for i in unit))


def _cost(examples: Sequence[Example], padded: bool) -> int:
    """Tokens that a forward pass over the examples runs."""
    if padded:
        return len(examples) * max(len(example) for example in examples)
    prompts = sum(len(prompt) for prompt, _ in _by_prompt(examples))
    return prompts + sum(len(example.response) for example in examples)
