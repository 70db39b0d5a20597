"""A reward model: a causal language model's body with a linear head, whose outputs at a response's end are rewards.

It is stored as any sequence classifier of transformers with one label a head, so that
`AutoModelForSequenceClassification` reads it; what its rewards are shifted by stands in its config.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from training.batching import Example, pack, pad
from training.body import copy_body
from training.errors import InputError
from training.frames import has_weights
from training.learner import Learner
from training.policy import packed_states, probe_examples
from training.quantised import four_bit_layers, is_quantised

PROBE_TOLERANCE = 1e-4
"""Largest difference of a state, beside the largest state, that passes for rounding."""
ROUGH_TOLERANCE = 0.02
"""The same where layers compute in bfloat16."""
SHIFT = "reward_shift"
"""Name of the shift in the model's config: one number a head."""


class RewardModel(Learner):
    """Scores whole responses, B at a time, with H heads; an ensemble has more than one.

    Whether the body runs packed, with a prompt only once for all its responses, is found out by trying, as `Policy`
    does.
    """

    def __init__(self, model: PreTrainedModel, dtype: str = "float32", packing: bool = True) -> None:
        self.model = model.eval()  # no dropout: a reward must be the same whenever it is asked for
        self.device: torch.device = model.device
        self.heads: int = model.config.num_labels
        self._dtype = getattr(torch, dtype)
        self.packed = packing and self._runs_packed()

    @classmethod
    def from_policy(
        cls, policy: PreTrainedModel, heads: int = 1, seed: int = 0, dtype: str = "float32", four_bits: bool = False
    ) -> Self:
        """A policy's body, copied, with untrained heads: normal weights of deviation 1 / (hidden + 1).

        With `four_bits` the copy's matrices are held so from the first. Raises InputError where they cannot be, and
        when transformers has no classifier on such a body.
        """
        config = copy.deepcopy(policy.config)
        config.num_labels = heads
        if config.pad_token_id is None:  # some models end at several tokens
            ends = config.eos_token_id
            config.pad_token_id = ends[0] if isinstance(ends, list) else ends
        if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
            raise _no_classifier(config, "transformers has no sequence classifier for it")
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
        copy_body(policy, model, four_bit_layers(policy.device) if four_bits else None)
        weights = torch.randn(model.score.weight.shape, generator=torch.Generator().manual_seed(seed))
        model.score.weight = nn.Parameter((weights / (config.get_text_config().hidden_size + 1)).to(policy.device))
        if lacking := [name for name, parameter in model.named_parameters() if parameter.is_meta]:
            raise _no_classifier(config, f"their classifier has {', '.join(lacking)} beside body and head")
        return cls(model, dtype)

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: str = "float32", attention: str = "auto") -> Self:
        """What `save` wrote. Raises InputError when the folder holds no reward model."""
        try:
            model, told = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation=None if attention == "auto" else attention,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"cannot load a reward model from {folder}: {error}") from error
        if told["missing_keys"]:
            raise InputError(f"{folder} is no reward model: it lacks {', '.join(sorted(told['missing_keys']))}")
        for parameter in model.parameters():
            # Weights read from a file may lie at any address; results must not depend on that, to the last bit.
            parameter.data = parameter.data.clone()
        return cls(model.to(device), dtype)

    @property
    def shift(self) -> Tensor:
        """What is taken off the rewards: float32 [H]."""
        shift = getattr(self.model.config, SHIFT, None) or [0.0] * self.heads
        return torch.tensor(shift, dtype=torch.float32, device=self.device)

    def shift_to_zero(self, rewards: Tensor) -> None:
        """Take the mean of these rewards [N, H], of a reference set, off all rewards from now on (InstructGPT)."""
        setattr(self.model.config, SHIFT, (self.shift + rewards.detach().mean(0)).tolist())

    def drop_shift(self) -> None:
        """Give rewards as they come, from now on."""
        setattr(self.model.config, SHIFT, None)

    def rewards(self, examples: Sequence[Example]) -> Tensor:
        """Float32 [B, H]: each head's reward of each response, read at its last token."""
        ends = [Example(each.prompt, [*each.response, 0], _only_last(len(each.response) + 1)) for each in examples]
        return self.at_tokens(ends)

    def at_tokens(self, examples: Sequence[Example]) -> Tensor:
        """Float32 [N, H]: what each head says in the state that each of the N response tokens is predicted from."""
        return self._heads(examples) - self.shift

    def _heads(self, examples: Sequence[Example]) -> Tensor:
        def of(model: PreTrainedModel) -> Tensor:
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
                states = (self._packed_states if self.packed else self._padded_states)(model, examples)
            # Not in bfloat16: it knows rewards to three digits, and what is learned from are small differences of them.
            rewards: Tensor = model.score(states.to(torch.float32))
            return rewards

        return self._in_pass(of)

    def take_part(self) -> None:
        """See `Learner`."""
        rewards = self._heads(probe_examples(self.model))
        rewards.backward(torch.zeros_like(rewards))  # type: ignore[no-untyped-call]

    def _packed_states(self, model: PreTrainedModel, examples: Sequence[Example]) -> Tensor:
        return packed_states(model, pack(examples, self.device))

    def _padded_states(self, model: PreTrainedModel, examples: Sequence[Example]) -> Tensor:
        padded = pad(examples, self.device)
        body = model.base_model(input_ids=padded.token_ids, attention_mask=padded.mask, use_cache=False)
        states: Tensor = body.last_hidden_state.flatten(0, 1)
        return states.index_select(0, padded.predictors)

    @torch.no_grad()
    def _runs_packed(self) -> bool:
        """As far as can be known: not of a frame."""
        if not has_weights(self.model):
            return False
        probe = probe_examples(self.model)
        try:
            found = self._packed_states(self.model, probe)
        except (NotImplementedError, TypeError, AttributeError, ValueError):
            return False
        expected = self._padded_states(self.model, probe)
        tolerance = ROUGH_TOLERANCE if is_quantised(self.model) else PROBE_TOLERANCE
        return bool((found - expected).abs().max() < tolerance * expected.abs().max())


def _no_classifier(config: PretrainedConfig, why: str) -> InputError:
    return InputError(
        f"no reward model or critic can be made of {config.model_type} models: {why}; choose a model of another family"
    )


def _only_last(length: int) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = np.arange(length) == length - 1
    return mask
