"""The rows being decoded, from the step they enter at to the step they leave at.

Live rows fill the first places. A row that ends gives its place to the last one, so a step costs what the live rows
cost, and entering or leaving copies a few rows instead of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.sampling.draw import draw
from training.sampling.forward import Forward
from training.sampling.prefill import Prefilled
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample
from training.sampling.row_cache import RowCache, filling
from training.sampling.rows import RowTensors
from training.sampling.types import Completion, FinishReason, SamplingParams

LOOK_EVERY = {"cpu": 1, "cuda": 8}
"""Steps between two looks at which rows have ended, by device: a look waits for a GPU, an ended row costs its work."""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A sample in the batch, and the number of the step at which it drew its first token."""

    sample: Sample
    entered: int

    @property
    def full_at(self) -> int:
        """The step that draws its last token."""
        return self.entered + self.sample.params.max_tokens - 1

    def drawn(self, step: int) -> int:
        """Tokens drawn after `step`, those after a stop id included."""
        return step - self.entered + 1


class Batch:
    """Decodes in the rows of `cache` with weights of `version`; `params` are all that its samples will have."""

    def __init__(self, cache: RowCache, params: Sequence[SamplingParams], version: int) -> None:
        device = cache.device
        longest = max(each.max_tokens for each in params)
        stops = max(len(each.stop_ids) for each in params)
        self._cache = cache
        self._version = version
        self._live: list[LiveRow] = []
        self._step = 0
        self._look_every = LOOK_EVERY.get(device.type, 1)
        self._next_look = 0
        self._next_full = 0
        self._any_greedy = any(each.temperature == 0 for each in params)
        self._any_cut = any(each.top_k or each.top_p < 1 for each in params)
        self._tensors = RowTensors.room(cache.rows, longest, max(1, stops), device)

    def __len__(self) -> int:
        return len(self._live)

    @property
    def free(self) -> int:
        """Places without a row."""
        return self._cache.rows - len(self._live)

    def enter(self, samples: Sequence[Sample], prefilled: Prefilled, prompt_rows: Sequence[int]) -> None:
        """Add rows, each after one of the prefilled prompts, and draw their first tokens."""
        first = len(self._live)
        self._cache.enter(prefilled.cache, prompt_rows)
        self._tensors.enter(first, samples)
        self._live += [LiveRow(sample, self._step) for sample in samples]
        self._draw(slice(first, len(self._live)), prefilled.logits[list(prompt_rows)])
        self._next_look = self._step
        self._next_full = min(row.full_at for row in self._live)

    def step(self, forward: Forward) -> None:
        """Draw one more token for every row."""
        places = slice(0, len(self._live))
        self._cache.open_column()
        logits = forward(self._tensors.last[places], self._tensors.position[places], self._cache.window())
        self._step += 1
        self._draw(places, logits)

    def leave(self, prefixes: PrefixCache, abort: bool = False) -> list[tuple[Sample, Completion]]:
        """Take out the rows that have ended, all of them when the call is aborted; their states go to `prefixes`.

        Raises FloatingPointError when a row was drawn from logits that are not numbers.
        """
        if self._step < self._next_look and not abort:
            return []
        ended: list[bool] = self._tensors.ended[: len(self._live), 0].tolist()
        leaving: list[int] = []
        if abort or True in ended or self._step >= self._next_full:
            leaving = [
                place for place, row in enumerate(self._live) if abort or ended[place] or self._step >= row.full_at
            ]
        finished = self._completions(leaving, ended, prefixes) if leaving else []
        self._close_up(leaving)
        return finished

    def empty_completion(self) -> Completion:
        """What a sample gets that the call was aborted before."""
        nothing = np.zeros(0, dtype=np.float32)
        return Completion([], nothing, nothing, "abort", self._version)

    def _draw(self, places: slice, logits: Tensor) -> None:
        tensors = self._tensors
        drawn = draw(
            logits,
            tensors.uniforms[places].gather(1, tensors.drawn[places]),
            tensors.temperature[places],
            tensors.greedy[places] if self._any_greedy else None,
            (tensors.top_k[places], tensors.top_p[places]) if self._any_cut else None,
        )
        tensors.record(places, drawn)

    def _completions(
        self, leaving: Sequence[int], ended: Sequence[bool], prefixes: PrefixCache
    ) -> list[tuple[Sample, Completion]]:
        tensors, most = self._tensors, max(self._live[place].drawn(self._step) for place in leaving)
        index = torch.tensor(leaving, device=tensors.tokens.device)
        tokens = tensors.tokens[index, :most].tolist()
        logprobs, entropies = (part[index, :most].cpu().numpy() for part in (tensors.logprobs, tensors.entropies))
        if np.isnan(logprobs).any():
            raise FloatingPointError(
                "the model's logits are not numbers (NaN): its weights have diverged or are damaged"
            )
        finished = []
        for line, place in enumerate(leaving):
            row = self._live[place]
            ids, reason = cut(tokens[line][: row.drawn(self._step)], row.sample.params, ended[place])
            prefixes.keep((*row.sample.prompt, *ids[:-1]), self._cache, place)
            figures = logprobs[line, : len(ids)].copy(), entropies[line, : len(ids)].copy()
            finished.append((row.sample, Completion(ids, *figures, reason, self._version)))
        return finished

    def _close_up(self, leaving: Sequence[int]) -> None:
        """Fill the places that became free with the last rows, and note what the next steps need to know."""
        if leaving:
            sources, targets = filling(leaving, len(self._live))
            self._cache.leave(leaving)
            if targets:
                self._tensors.move(*torch.tensor([sources, targets], device=self._cache.device))
            for source, target in zip(sources, targets, strict=True):
                self._live[target] = self._live[source]
            del self._live[len(self._live) - len(leaving) :]
            self._next_full = min((row.full_at for row in self._live), default=0)
        self._next_look = min(self._step + self._look_every, self._next_full)


def cut(ids: list[int], params: SamplingParams, ended: bool) -> tuple[list[int], FinishReason]:
    """The tokens up to the first stop id, and why the row ended there."""
    if ended:
        first_stop = next(place for place, token in enumerate(ids) if token in params.stop_ids)
        return ids[: first_stop + 1], "stop"
    return ids, "length" if len(ids) >= params.max_tokens else "abort"
