"""Keys and values of rows that continue the same prompts: siblings share one copy of their prompt's.

A prompt's states lie once in a *section*, those of its continuations in rows of their own. Attention reads a section
once for all siblings and multiplies matrices where it would multiply vectors (the "cascade" of FlashInfer; Ye et al.,
2024), and a row that enters copies nothing.

Queries of the rows are laid out for that as a grid of sections x slots, in which a section's rows take its first slots.
A slot without a row repeats some row, and its results are dropped. Since live rows differ between sections, a section
takes few rows: a prompt with more samples gets several.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.sampling.kv_cache import KVCache, Window
from training.sampling.row_cache import States, filling

MOST_SIBLINGS = 8
"""Rows that share a section at most: bounds the empty slots beside a section that is left with one row."""


@dataclass(slots=True, eq=False)
class Section:
    """A copy of a prompt's states."""

    place: int
    """Its row in the cache of prompts."""
    joined: int = 0
    """Rows that have entered."""
    live: int = 0
    """Those of them that have not left."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where queries lie among N sections x H key heads x S slots, for R rows. A *unit* is a row's head, or a slot's."""

    slots: int
    units: Tensor
    """int64 [N * H * S] the row's unit in each unit of the grid."""
    places: Tensor
    """int64 [R * H] the grid's unit of each row's unit."""
    bias: Tensor
    """[N * H, 1, columns of prompts] added to scores."""


@dataclass(frozen=True, slots=True)
class SharedWindow:
    """What a decoding step sees: for each row its own tokens, of which it writes the last, and its section's."""

    own: Window
    prompts: Window
    grid: Grid


class SharedCache:
    """See `RowCache`. `prompts` and `own` are empty caches for the sections and for what the rows add to them.

    There must be a section for every `MOST_SIBLINGS` samples of a prompt, or as many as rows.
    """

    def __init__(self, prompts: KVCache, own: KVCache) -> None:
        self.rows = own.rows
        self._prompts = prompts
        # Prompts never grow: the memory for the longest is all they need.
        prompts.open_rows([])
        self._own = own
        self._sections: list[Section] = []
        self._section_of: list[Section] = []
        """Of each live row."""
        self._source: weakref.ref[KVCache] | None = None
        self._filling: dict[int, Section] = {}
        """The latest section of each row of `_source`."""
        self._grid: Grid | None = None

    @property
    def device(self) -> torch.device:
        """See `RowCache`."""
        return self._own.device

    @property
    def token_bytes(self) -> int:
        """See `RowCache`."""
        return self._prompts.token_bytes

    def enter(self, source: KVCache, source_rows: Sequence[int]) -> None:
        """See `RowCache`."""
        if self._source is None or self._source() is not source:
            self._source, self._filling = weakref.ref(source), {}
        copied = []
        for row in source_rows:
            section = self._filling.get(row)
            if section is None or not section.live or section.joined == MOST_SIBLINGS:
                section = self._filling[row] = Section(len(self._sections))
                self._sections.append(section)
                copied.append(row)
            section.joined += 1
            section.live += 1
            self._section_of.append(section)
        if copied:
            self._prompts.enter(source, copied)
        self._own.open_empty_rows(len(source_rows))
        self._grid = None

    def leave(self, places: Sequence[int]) -> None:
        """See `RowCache`."""
        for place in places:
            self._section_of[place].live -= 1
        take_out(self._section_of, places)
        self._own.leave(places)
        empty = [section.place for section in self._sections if not section.live]
        take_out(self._sections, empty)
        self._prompts.leave(empty)
        for place, section in enumerate(self._sections):
            section.place = place
        self._grid = None

    def open_column(self) -> None:
        """See `RowCache`."""
        self._own.open_column()

    def copy_states(self, row: int, token: int, count: int) -> States:
        """See `RowCache`."""
        place = self._section_of[row].place
        length = self._prompts.end - self._prompts.starts[place]
        of_prompt = min(count, max(0, length - token))
        if of_prompt == count:
            return self._prompts.copy_states(place, token, count)
        own = self._own.copy_states(row, token + of_prompt - length, count - of_prompt)
        if not of_prompt:
            return own
        prompt = self._prompts.copy_states(place, token, of_prompt)
        return [torch.cat(pair, dim=2) for pair in zip(prompt, own, strict=True)]

    def window(self) -> SharedWindow:
        """View of the live rows, whose last column gets written."""
        prompts = self._prompts.window(new=0)
        if self._grid is None:
            self._grid = self._lay_out(prompts)
        return SharedWindow(self._own.window(), prompts, self._grid)

    def _lay_out(self, prompts: Window) -> Grid:
        """Give each row the next free slot of its section."""
        heads = prompts.states(0)[0].shape[1]
        sections = np.array([section.place for section in self._section_of])
        by_section = np.argsort(sections, kind="stable")
        firsts = np.searchsorted(sections[by_section], np.arange(prompts.rows))
        slot_of = np.empty_like(sections)
        slot_of[by_section] = np.arange(len(sections)) - firsts[sections[by_section]]
        slots = int(slot_of.max()) + 1
        row_at = np.zeros((prompts.rows, 1, slots), dtype=np.int64)
        row_at[sections, 0, slot_of] = np.arange(len(sections))
        head = np.arange(heads)
        units = row_at * heads + head[:, None]
        places = (sections[:, None] * heads + head) * slots + slot_of[:, None]
        return Grid(
            slots,
            torch.from_numpy(units.reshape(-1)).to(self.device),
            torch.from_numpy(places.reshape(-1)).to(self.device),
            prompts.bias().expand(-1, heads, -1, -1).flatten(0, 1),
        )


def take_out(sections: list[Section], places: Sequence[int]) -> None:
    """Take out what is at `places`, as `RowCache.leave` does."""
    for source, target in zip(*filling(places, len(sections)), strict=True):
        sections[target] = sections[source]
    del sections[len(sections) - len(places) :]
