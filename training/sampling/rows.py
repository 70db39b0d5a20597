"""Per-row tensors of a batch: how each row is sampled, and what it has drawn so far."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from training.sampling.draw import Drawn, uniform_streams
from training.sampling.requests import Sample


@dataclass(frozen=True, slots=True)
class RowTensors:
    """Tensors with one entry for each of R places of a batch; T is the largest `max_tokens`."""

    last: Tensor
    """int64 [R, 1] token drawn last."""
    position: Tensor
    """int64 [R, 1] position of `last` in its sequence."""
    drawn: Tensor
    """int64 [R, 1] tokens drawn."""
    ended: Tensor
    """bool [R, 1] a stop id was drawn."""
    temperature: Tensor
    """float32 [R, 1], 1 in greedy rows."""
    greedy: Tensor
    """bool [R, 1]"""
    top_k: Tensor
    """int64 [R, 1]"""
    top_p: Tensor
    """float32 [R, 1]"""
    stops: Tensor
    """int64 [R, S], filled up with -1, which no token is."""
    uniforms: Tensor
    """float64 [R, T] the random number for each draw."""
    tokens: Tensor
    """int64 [R, T]"""
    logprobs: Tensor
    """float32 [R, T]"""
    entropies: Tensor
    """float32 [R, T]"""

    @classmethod
    def room(cls, places: int, longest: int, stops: int, device: torch.device) -> "RowTensors":
        """Empty places for rows of up to `longest` tokens and `stops` stop ids."""

        def zeros(width: int, dtype: torch.dtype) -> Tensor:
            return torch.zeros(places, width, dtype=dtype, device=device)

        return cls(
            last=zeros(1, torch.int64),
            position=zeros(1, torch.int64),
            drawn=zeros(1, torch.int64),
            ended=zeros(1, torch.bool),
            temperature=zeros(1, torch.float32),
            greedy=zeros(1, torch.bool),
            top_k=zeros(1, torch.int64),
            top_p=zeros(1, torch.float32),
            stops=zeros(stops, torch.int64),
            uniforms=zeros(longest, torch.float64),
            tokens=zeros(longest, torch.int64),
            logprobs=zeros(longest, torch.float32),
            entropies=zeros(longest, torch.float32),
        )

    def enter(self, first: int, samples: Sequence[Sample]) -> None:
        """Give the places from `first` on to rows that are about to draw their first token."""
        places = slice(first, first + len(samples))
        params = [sample.params for sample in samples]
        stops = self.stops.shape[1]
        streams = uniform_streams(
            [each.seed for each in params],
            [sample.stream for sample in samples],
            [sample.sample_index for sample in samples],
            self.uniforms.shape[1],
        )
        self.position[places] = torch.tensor([[len(sample.prompt) - 1] for sample in samples])
        self.drawn[places] = 0
        self.ended[places] = False
        self.temperature[places] = torch.tensor([[each.temperature or 1.0] for each in params])
        self.greedy[places] = torch.tensor([[each.temperature == 0] for each in params])
        self.top_k[places] = torch.tensor([[each.top_k if each.temperature else 0] for each in params])
        self.top_p[places] = torch.tensor([[each.top_p if each.temperature else 1.0] for each in params])
        self.stops[places] = torch.tensor([each.stop_ids + (-1,) * (stops - len(each.stop_ids)) for each in params])
        self.uniforms[places] = torch.from_numpy(streams)

    def record(self, places: slice, drawn: Drawn) -> None:
        """Add one token to each of the rows in `places`."""
        column = self.drawn[places]
        self.last[places] = drawn.tokens
        self.tokens[places].scatter_(1, column, drawn.tokens)
        self.logprobs[places].scatter_(1, column, drawn.logprobs)
        self.entropies[places].scatter_(1, column, drawn.entropies)
        self.ended[places] |= (self.stops[places] == drawn.tokens).any(1, keepdim=True)
        column += 1
        self.position[places] += 1

    def move(self, sources: Tensor, targets: Tensor) -> None:
        """Copy rows `sources` over rows `targets` (int64 index tensors of one length)."""
        for field in fields(self):
            tensor: Tensor = getattr(self, field.name)
            tensor[targets] = tensor[sources]
