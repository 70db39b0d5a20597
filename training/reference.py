"""What the KL penalty holds a policy to: the policy as it was, frozen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.adapter import adapter_of, is_adapted, trained_state
from training.batching import Example
from training.offload import FrozenWeights
from training.policy import Policy


class Reference(Protocol):
    """A policy that does not learn."""

    @property
    def model(self) -> PreTrainedModel:
        """What samples from it, within `answering`."""
        ...

    def in_use(self) -> AbstractContextManager[None]:
        """Within it the reference can be asked."""
        ...

    def answering(self) -> AbstractContextManager[None]:
        """Within it `model` is the reference."""
        ...

    def logprobs(self, examples: Sequence[Example], temperature: float) -> Tensor:
        """Log-probabilities [N] of the response tokens, without gradients."""
        ...

    def refresh(self) -> None:
        """Take the policy's weights of now."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a later process needs to have the same reference."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        ...


def reference_to(policy: Policy, offload: bool = False) -> Reference:
    """A reference to the policy as it is now. With `offload` a copy waits in host memory until it is asked."""
    return AdapterReference(policy) if is_adapted(policy.model) else CopiedReference(policy, offload)


class CopiedReference:
    """A frozen copy of the policy."""

    def __init__(self, policy: Policy, offload: bool = False) -> None:
        """With `offload` it waits in host memory, or shared out as the policy is; it answers within `in_use` only."""
        self._policy = policy
        self._copy = policy.frozen_copy()
        self._weights = self._copy.shards or FrozenWeights(self._copy.model, policy.device, offload)

    @property
    def model(self) -> PreTrainedModel:
        """The frozen model."""
        return self._copy.model

    def in_use(self) -> AbstractContextManager[None]:
        """Within it the model is on its device."""
        return self._weights.in_use()

    answering = in_use

    @torch.no_grad()
    def logprobs(self, examples: Sequence[Example], temperature: float) -> Tensor:
        """See `Reference`."""
        return self._copy.statistics(examples, temperature).logprobs

    def refresh(self) -> None:
        """See `Reference`."""
        if self._copy.shards is not None and self._policy.shards is not None:
            self._copy.shards.take(self._policy.shards)
        else:
            self.load_state_dict(self._policy.model.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """The weights; of shards, in the first process only."""
        return dict((self._copy.shards or self._copy.model).state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take other weights."""
        (self._copy.shards or self._copy.model).load_state_dict(state)


class AdapterReference:
    """The policy itself without its adapter, which costs no memory, or with an earlier state of it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._weights: dict[str, Tensor] = {}
        """Of the adapter; none while the reference is the model that training began with."""

    @property
    def model(self) -> PreTrainedModel:
        """The policy's."""
        return self._policy.model

    def in_use(self) -> AbstractContextManager[None]:
        """It always is; the policy can be asked, too."""
        return nullcontext()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """See `Reference`; meanwhile the policy cannot be asked."""
        with adapter_of(self._policy.model, self._weights):
            yield

    @torch.no_grad()
    def logprobs(self, examples: Sequence[Example], temperature: float) -> Tensor:
        """See `Reference`."""
        with self.answering():
            return self._policy.statistics(examples, temperature).logprobs

    def refresh(self) -> None:
        """See `Reference`."""
        self._weights = {name: weights.clone() for name, weights in trained_state(self._policy.model).items()}

    def state_dict(self) -> dict[str, Any]:
        """The adapter's weights."""
        return dict(self._weights)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Reference`."""
        device = self._policy.device
        self._weights = {name: weights.to(device) for name, weights in state.items()}
