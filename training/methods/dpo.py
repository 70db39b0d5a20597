"""Direct preference optimisation: the policy's log-ratios to the model it began as are trained like rewards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from training.algorithms.dpo import dpo_losses, gradient_weights, implicit_rewards, sequence_log_ratios
from training.algorithms.preferences import PairBatch
from training.batching import Example, micro_batches
from training.config import DpoMethod
from training.evaluation import Evaluator
from training.methods.preferences import PreferenceTraining
from training.methods.ranked_items import RankedItem
from training.methods.types import Outcome
from training.policy import Policy
from training.sampling.types import Engine

ROUNDING = 1e-4
"""Before the first step the policy is its reference, and what is left of log-ratios orders nothing."""


def sequence_logprobs(policy: Policy, examples: Sequence[Example]) -> Tensor:
    """log π of each whole response: [len(examples)], with a gradient."""
    logprobs = policy.statistics(examples).logprobs
    owners = torch.repeat_interleave(
        torch.arange(len(examples), device=logprobs.device),
        torch.tensor([example.predicted for example in examples], device=logprobs.device),
    )
    return sequence_log_ratios(logprobs, torch.zeros_like(logprobs), owners, len(examples))


@torch.no_grad()
def reference_logprobs(policy: Policy, items: Sequence[RankedItem], micro_batch_tokens: int) -> list[Tensor]:
    """log π_ref of the responses of each item, float32 [K] on the CPU, under the policy as it is."""
    examples = [example for item in items for example in item.examples]
    found = torch.zeros(len(examples))
    for places in micro_batches(examples, micro_batch_tokens, padded=not policy.packed):
        batch = sequence_logprobs(policy, [examples[place] for place in places])
        found[places] = batch.to("cpu", torch.float32)
    return list(torch.split(found, [len(item.examples) for item in items]))


class DpoTraining(PreferenceTraining):
    """DPO on all pairs of each ranking; the reference's log-probabilities were computed once, before the first step."""

    rounding = ROUNDING

    def __init__(
        self,
        config: DpoMethod,
        policy: Policy,
        references: Sequence[Tensor],
        engine: Engine,
        evaluator: Evaluator | None,
        *parts: Any,
    ) -> None:
        """`references`: log π_ref of the responses of each item, by the item's number."""
        self._method = config
        self._policy = policy
        self._references = references
        self._engine = engine
        self._evaluator = evaluator
        super().__init__(config, *parts, learner=policy, padded=not policy.packed)

    def evaluate(self) -> Outcome | None:
        """Held-out labels, and held-out accuracy of sampled answers where there are problems to ask."""
        outcome = self._evaluator.evaluate() if self._evaluator else None
        predicted = super().evaluate()
        if outcome is None or predicted is None:
            return outcome or predicted
        return replace(
            outcome, metrics=outcome.metrics | predicted.metrics, events=predicted.events, score=predicted.score
        )

    def _updated(self, step: int) -> None:
        self._engine.update_weights(step)

    def _rewards(self, items: Sequence[RankedItem]) -> Tensor:
        """Implicit rewards β (log π - log π_ref), up to a constant of each prompt."""
        logprobs = sequence_logprobs(self._policy, [example for item in items for example in item.examples])
        references = torch.cat([self._references[item.number] for item in items]).to(logprobs.device)
        return self._method.beta * (logprobs - references)

    def _loss(self, rewards: Tensor, pairs: PairBatch, items: int) -> Tensor:
        ratios = rewards / self._method.beta
        losses = dpo_losses(
            ratios[pairs.chosen], ratios[pairs.rejected], self._method.beta, self._method.loss, self._method.smoothing
        )
        return (pairs.weights.to(losses.dtype) * losses).sum() / items

    def _figures(self, rewards: Tensor, pairs: PairBatch) -> dict[str, float]:
        """Implicit rewards of both sides, and how much is left to learn."""
        ratios = rewards[:, 0] / self._method.beta
        chosen, rejected = ratios[pairs.chosen], ratios[pairs.rejected]
        return super()._figures(rewards, pairs) | {
            "preference/chosen_reward": float(implicit_rewards(chosen, self._method.beta).mean()),
            "preference/rejected_reward": float(implicit_rewards(rejected, self._method.beta).mean()),
            "preference/unlearned": float(gradient_weights(chosen, rejected, self._method.beta).mean()),
        }
