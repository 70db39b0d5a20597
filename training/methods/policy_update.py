"""One update of the policy from groups of credited rollouts, in micro-batches and over all processes."""

import itertools
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.algorithms.losses import LossInputs, LossOutputs, policy_loss, token_weights
from training.batching import Example, micro_batches, share_of_work
from training.config import RlMethod
from training.distributed import Processes
from training.experience.types import Floats, Group, Rollout
from training.methods.types import UpdateReport
from training.optimiser import Optimiser
from training.policy import Policy, TokenStatistics
from training.recorder import Recorder
from training.reference import Reference


@dataclass(slots=True, eq=False)
class Update:
    """This process's share of one optimiser update: rollouts, with the place of each among all of the update."""

    rollouts: list[Rollout]
    """All rollouts of the update."""
    examples: list[Example]
    weights: list[float]
    """What a token of each rollout counts in the loss."""
    mine: list[int]
    """Places of the rollouts whose gradients this process computes."""

    @property
    def own(self) -> list[Rollout]:
        """Those rollouts."""
        return [self.rollouts[place] for place in self.mine]

    def micro_batches(self, budget: int, *, packed: bool) -> list[list[int]]:
        """The places of those rollouts, split into forward passes of about `budget` tokens at most."""
        batches = micro_batches([self.examples[place] for place in self.mine], budget, padded=not packed)
        return [[self.mine[i] for i in batch] for batch in batches]


TrainedArrays = dict[str, Floats]
"""What training found out about one rollout, by field of `Rollout`; arrays are [T]."""


class PolicyUpdater:
    """Turns rollouts into gradients of the clipped policy-gradient loss, and gradients into an optimiser step."""

    def __init__(
        self,
        config: RlMethod,
        policy: Policy,
        reference: Reference | None,
        optimiser: Optimiser,
        micro_batch_tokens: int,
        recorder: Recorder,
        processes: Processes,
    ) -> None:
        self._config = config
        self._policy = policy
        self._reference = reference
        self._optimiser = optimiser
        self._micro_batch_tokens = micro_batch_tokens
        self._recorder = recorder
        self._processes = processes

    def prepare(self, groups: Sequence[Group], run_all: bool = False) -> Update:
        """Fix what the update will compare with: token weights, and log-probs of the policy as it is now.

        Where the old policy is not kept, as with a single update a step, none are computed: those of the update's own
        forward are the same. With `run_all` others learn from the update, too, where the policy has nothing to learn.
        """
        rollouts = [rollout for group in groups for rollout in group.learned]
        examples = [example for group in groups for example in group.examples]
        lengths = [rollout.drawn for rollout in rollouts]
        weights = token_weights(lengths, self._config.loss.aggregation, self._config.sampling.max_tokens)
        # Without a KL term, no advantage means no gradient: such rollouts count in the weights, but are not run.
        every = run_all or self._reference is not None
        teaching = [place for place, rollout in enumerate(rollouts) if every or rollout.teaches]
        share = share_of_work([examples[place] for place in teaching], self._processes.rank, self._processes.count)
        update = Update(rollouts, examples, weights, [teaching[place] for place in share])
        if self._config.keeps_old_policy and self._policy.shards is not None:
            self._policy.shards.gather()
        if self._config.keeps_old_policy and any(rollouts[place].logprobs is None for place in update.mine):
            self._fill_old_logprobs(update)
        return update

    def ask_reference(self, updates: Sequence[Update]) -> None:
        """Fill in what the reference thinks of the rollouts of all these updates, where that is not known yet.

        Asked for together, so that a reference that waits in host memory comes but once.
        """
        missing = [update for update in updates if any(r.reference_logprobs is None for r in update.own)]
        if self._reference is None or not self._processes.any(bool(missing)):
            return  # else all let it come, who may have to put it together
        temperature = self._config.sampling.temperature
        with self._recorder.phase("updating"), self._reference.in_use():
            for update in missing:
                for places in self._micro_batches(update):
                    logprobs = self._reference.logprobs([update.examples[place] for place in places], temperature)
                    rollouts = [update.rollouts[place] for place in places]
                    arrays = by_rollout({"reference_logprobs": logprobs}, rollouts)
                    for rollout, found in zip(rollouts, arrays, strict=True):
                        rollout.reference_logprobs = found["reference_logprobs"]

    def update(self, update: Update, step: int) -> UpdateReport:
        """One optimiser step on the update's loss; fills in what was found out about each rollout."""
        loss = 0.0
        found: dict[int, TrainedArrays] = {}
        with self._recorder.phase("updating"):
            for places in self._processes.in_step(self._micro_batches(update), self._policy.shards is not None):
                if not places:
                    self._policy.take_part()
                    continue
                outputs, arrays = self._backward(update, places)
                loss += float(outputs.loss.detach())
                found |= dict(zip(places, arrays, strict=True))
            grad_norm = self._optimiser.update(step)
            fill_in(update.rollouts, found, self._processes)
        return UpdateReport(sum(self._processes.gather(loss)), grad_norm, self._optimiser.rate(step))

    @torch.no_grad()
    def measure(self, groups: Sequence[Group]) -> None:
        """Fill in what the policy and the reference think of every rollout now, for all processes."""
        update = shared_update(groups, self._processes)
        if self._policy.shards is not None:
            self._policy.shards.gather()
        found: dict[int, TrainedArrays] = {}
        asked = self._reference.in_use() if self._reference else nullcontext()
        with self._recorder.phase("updating"), asked:
            for places in self._micro_batches(update):
                examples = [update.examples[place] for place in places]
                temperature = self._config.sampling.temperature
                columns = {
                    "logprobs": self._policy.statistics(examples, temperature).logprobs,
                    "reference_logprobs": self._reference.logprobs(examples, temperature) if self._reference else None,
                }
                arrays = by_rollout(columns, [update.rollouts[place] for place in places])
                found |= dict(zip(places, arrays, strict=True))
            fill_in(update.rollouts, found, self._processes)

    def _backward(self, update: Update, places: Sequence[int]) -> tuple[LossOutputs, list[TrainedArrays]]:
        """Add the gradients of some rollouts; returns what was found out about each."""
        examples = [update.examples[place] for place in places]
        rollouts = [update.rollouts[place] for place in places]
        now = self._policy.statistics(examples, self._config.sampling.temperature)
        inputs = self._inputs(update, places, now)
        outputs = policy_loss(inputs, self._config.loss)
        outputs.loss.backward()  # type: ignore[no-untyped-call]
        clipped = outputs.clipped_low.to(torch.uint8) + 2 * outputs.clipped_high.to(torch.uint8)
        columns = {
            "logprobs": self._own_logprobs(rollouts, inputs, now),
            "ratios": outputs.ratios,
            "clipped": clipped,
            "reference_logprobs": inputs.reference_logprobs,
            "kl": outputs.kl,
            "bounded": outputs.bounded,
        }
        return outputs, by_rollout(columns, rollouts)

    def _own_logprobs(self, rollouts: Sequence[Rollout], inputs: LossInputs, now: TokenStatistics) -> Tensor | None:
        """What this trainer's policy gives the tokens, where that is not known yet."""
        if self._config.loss.old_policy == "recomputed":
            return inputs.old_logprobs
        return now.logprobs.detach() if any(rollout.logprobs is None for rollout in rollouts) else None

    def _inputs(self, update: Update, places: Sequence[int], now: TokenStatistics) -> LossInputs:
        rollouts = [update.rollouts[place] for place in places]
        lengths = torch.tensor([rollout.drawn for rollout in rollouts])
        device = now.logprobs.device

        def per_token(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32).repeat_interleave(lengths).to(device)

        kept_old = [None if r.logprobs is None else r.of_drawn(r.logprobs) for r in rollouts]
        sampled = joined([rollout.of_drawn(rollout.sampler_logprobs) for rollout in rollouts], device)
        cached = per_token([r.cached for r in rollouts]) > 0 if any(r.cached for r in rollouts) else None
        if self._config.loss.old_policy == "sampler":
            old = sampled if cached is None else torch.where(cached, now.logprobs.detach(), sampled)
        else:
            old = joined(kept_old, device) if self._config.keeps_old_policy else now.logprobs.detach()
        of_reference = [None if r.reference_logprobs is None else r.of_drawn(r.reference_logprobs) for r in rollouts]
        return LossInputs(
            logprobs=now.logprobs,
            old_logprobs=old,
            advantages=joined([rollout.of_drawn(rollout.advantages) for rollout in rollouts], device),
            sequences=torch.arange(len(rollouts)).repeat_interleave(lengths).to(device),
            weights=per_token([update.weights[place] for place in places]),
            reference_logprobs=joined(of_reference, device) if self._reference else None,
            sampler_logprobs=sampled,
            corrected=per_token([rollout.corrected for rollout in rollouts]) > 0
            if any(r.corrected for r in rollouts)
            else None,
            cached=cached,
        )

    @torch.no_grad()
    def _fill_old_logprobs(self, update: Update) -> None:
        with self._recorder.phase("updating"):
            for places in self._micro_batches(update):
                examples = [update.examples[place] for place in places]
                logprobs = self._policy.statistics(examples, self._config.sampling.temperature).logprobs
                rollouts = [update.rollouts[place] for place in places]
                for rollout, arrays in zip(rollouts, by_rollout({"logprobs": logprobs}, rollouts), strict=True):
                    rollout.logprobs = arrays["logprobs"]

    def _micro_batches(self, update: Update) -> list[list[int]]:
        return update.micro_batches(self._micro_batch_tokens, packed=self._policy.packed)


def shared_update(groups: Sequence[Group], processes: Processes) -> Update:
    """All rollouts that are learned from, whatever their advantage, and this process's share of them."""
    rollouts = [rollout for group in groups for rollout in group.learned]
    examples = [example for group in groups for example in group.examples]
    return Update(rollouts, examples, [], share_of_work(examples, processes.rank, processes.count))


def fill_in(rollouts: Sequence[Rollout], found: dict[int, TrainedArrays], processes: Processes) -> None:
    """Tell all processes what this one found out about some of the rollouts, by their places."""
    for place, arrays in itertools.chain.from_iterable(each.items() for each in processes.gather(found)):
        for name, array in arrays.items():
            setattr(rollouts[place], name, array)


def by_rollout(columns: dict[str, Tensor | None], rollouts: Sequence[Rollout]) -> list[TrainedArrays]:
    """Cut packed columns [N] into the arrays [T] of each rollout, with 0 for tokens that it did not draw."""
    bounds = np.cumsum([rollout.drawn for rollout in rollouts])[:-1]
    cut = {
        name: np.split(column.detach().cpu().numpy(), bounds) for name, column in columns.items() if column is not None
    }
    return [{name: rollout.spread(cut[name][i]) for name in cut} for i, rollout in enumerate(rollouts)]


def joined(arrays: Sequence[Floats | None], device: torch.device) -> Tensor:
    return torch.from_numpy(np.concatenate([array for array in arrays if array is not None])).to(device)
