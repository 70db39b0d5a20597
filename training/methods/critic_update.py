"""One update of PPO's critic, in micro-batches and over all processes, and what it says of responses before."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from training.algorithms.gae import value_loss
from training.config import CriticConfig
from training.critic import Critic
from training.distributed import Processes
from training.experience.types import Group
from training.methods.policy_update import TrainedArrays, Update, by_rollout, fill_in, joined, shared_update
from training.optimiser import Optimiser
from training.recorder import Recorder


@dataclass(frozen=True, slots=True)
class CriticReport:
    """Figures of one update of the critic."""

    loss: float
    """Before its weight."""
    clipped_share: float
    """Share of tokens whose gradient the clip removed."""
    grad_norm: float


class CriticUpdater:
    """Turns values and returns into gradients of the clipped value loss, and gradients into an optimiser step."""

    def __init__(
        self,
        config: CriticConfig,
        critic: Critic,
        optimiser: Optimiser,
        micro_batch_tokens: int,
        recorder: Recorder,
        processes: Processes,
    ) -> None:
        self._config = config
        self._critic = critic
        self._optimiser = optimiser
        self._micro_batch_tokens = micro_batch_tokens
        self._recorder = recorder
        self._processes = processes

    @torch.no_grad()
    def measure(self, groups: Sequence[Group]) -> None:
        """Fill in the values of every rollout's tokens as they are now, for all processes."""
        update = shared_update(groups, self._processes)
        found: dict[int, TrainedArrays] = {}
        shards = self._critic.learner.shards
        with self._recorder.phase("updating"), shards.in_use() if shards else nullcontext():
            for places in self._micro_batches(update):
                values = self._critic.values([update.examples[place] for place in places])
                arrays = by_rollout({"values": values}, [update.rollouts[place] for place in places])
                found |= dict(zip(places, arrays, strict=True))
            fill_in(update.rollouts, found, self._processes)

    def update(self, update: Update, step: int) -> CriticReport:
        """One optimiser step on the value loss of the update's tokens."""
        loss, clipped = 0.0, 0
        with self._recorder.phase("updating"):
            learner = self._critic.learner
            for places in self._processes.in_step(self._micro_batches(update), learner.shards is not None):
                if not places:
                    learner.take_part()
                    continue
                of_batch, of_clip = self._backward(update, places)
                loss, clipped = loss + of_batch, clipped + of_clip
            grad_norm = self._optimiser.update(step)
        tokens = max(sum(rollout.drawn for rollout in update.rollouts), 1)
        gathered = self._processes.gather((loss, clipped))
        return CriticReport(sum(each[0] for each in gathered), sum(each[1] for each in gathered) / tokens, grad_norm)

    def state_dict(self) -> dict[str, Any]:
        """Weights, moments and counts."""
        return {"model": self._critic.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        self._critic.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _backward(self, update: Update, places: Sequence[int]) -> tuple[float, int]:
        """Add the gradients of some rollouts; returns their loss and how many of their tokens were clipped."""
        rollouts = [update.rollouts[place] for place in places]
        values = self._critic.values([update.examples[place] for place in places])
        old = joined([None if r.values is None else r.of_drawn(r.values) for r in rollouts], values.device)
        returns = joined([None if r.returns is None else r.of_drawn(r.returns) for r in rollouts], values.device)
        lengths = torch.tensor([rollout.drawn for rollout in rollouts])
        weights = torch.tensor([update.weights[place] for place in places]).repeat_interleave(lengths).to(values.device)
        loss, clipped = value_loss(values, old, returns, weights, clip=self._config.value_clip)
        (self._config.value_weight * loss).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), int(clipped.sum())

    def _micro_batches(self, update: Update) -> list[list[int]]:
        return update.micro_batches(self._micro_batch_tokens, packed=self._critic.packed)
