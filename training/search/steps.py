"""How a response is cut into steps: by a fixed number of tokens, or after a separator."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from transformers import PreTrainedTokenizerBase

from training.config import SearchConfig
from training.errors import InputError
from training.sampling.types import Completion
from training.search.tree import Step


@dataclass(frozen=True, slots=True)
class StepRule:
    """Where steps end.

    Attributes:
        max_tokens: of a whole response.
        max_depth: steps a response may have; the last one takes what is left.
        step_tokens: tokens of a step; 0 where a separator ends it.
        separator_ids: tokens that hold the separator, and so end a step.
    """

    max_tokens: int
    max_depth: int
    step_tokens: int
    separator_ids: frozenset[int]

    @classmethod
    def of(cls, config: SearchConfig, max_tokens: int, tokenizer: PreTrainedTokenizerBase) -> Self:
        """The rule of a config. Raises InputError when its steps do not divide the response, or have no separator."""
        if config.step == "tokens":
            if max_tokens % config.max_depth:
                raise InputError(f"{max_tokens} tokens cannot be cut into {config.max_depth} steps of equal length")
            return cls(max_tokens, config.max_depth, max_tokens // config.max_depth, frozenset())
        ids = sorted(set(tokenizer.get_vocab().values()))
        texts = tokenizer.batch_decode([[token] for token in ids])
        found = frozenset(token for token, text in zip(ids, texts, strict=True) if config.separator in text)
        if not found:
            raise InputError(
                f"no token of this tokenizer holds the separator {config.separator!r}; choose another, "
                "or cut steps by tokens"
            )
        return cls(max_tokens, config.max_depth, 0, found)

    def room(self, length: int, whole: bool) -> int:
        """Tokens to sample after a node whose response has `length` tokens so far: a step, or all that are left."""
        left = self.max_tokens - length
        return min(left, self.step_tokens) if self.step_tokens and not whole else left

    def stops(self, depth: int, whole: bool) -> tuple[int, ...]:
        """Ids besides the end tokens at which to stop sampling; the last step runs to the end."""
        return () if whole or depth + 1 >= self.max_depth else tuple(self.separator_ids)

    def cut(self, completion: Completion, depth: int) -> list[Step]:
        """The steps of what was sampled after a node at `depth`; at least one."""
        ids = completion.token_ids
        bounds = [0, *self._ends(ids, self.max_depth - depth), len(ids)]
        return [
            Step(list(ids[start:end]), completion.logprobs[start:end], completion.entropies[start:end])
            for start, end in pairwise(bounds)
        ]

    def _ends(self, ids: Sequence[int], steps_left: int) -> list[int]:
        """Where steps end within the ids, the last end left out."""
        if self.step_tokens:
            inner = list(range(self.step_tokens, len(ids), self.step_tokens))
        else:
            inner = [place + 1 for place, token in enumerate(ids[:-1]) if token in self.separator_ids]
        return inner[: max(steps_left - 1, 0)]
