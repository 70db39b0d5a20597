"""PPO with a critic (arXiv 1707.06347), as it is used for learning from human feedback (arXiv 2009.01325, 2203.02155).

One step: sample responses; pay each token -β·KL and the last one the reward; let the critic turn rewards into an
advantage for every token; learn from the batch in several epochs of mini-batches, policy and critic alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.algorithms.gae import generalised_advantages, token_rewards, whiten
from training.algorithms.kl_control import KlControl
from training.config import PpoMethod
from training.experience.types import Group, Rollout
from training.methods.critic_update import CriticReport, CriticUpdater
from training.methods.policy_update import joined
from training.methods.rl import PolicyGradientTraining
from training.methods.types import Outcome, UpdateReport
from training.seeds import derive_seed, shuffled

CPU = torch.device("cpu")


class PpoTraining(PolicyGradientTraining):
    """The loop of policy gradients with a critic that learns beside the policy."""

    compares_siblings = False

    def __init__(self, config: PpoMethod, critic: CriticUpdater, kl: KlControl, *parts: Any) -> None:
        super().__init__(config, *parts)
        self._config = config
        self._critic = critic
        self._kl = kl
        self._figures: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """See `PolicyGradientTraining`; the critic, its optimiser and the KL coefficient go on where they were."""
        return super().state_dict() | {"critic": self._critic.state_dict(), "kl": self._kl.state_dict()}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """See `PolicyGradientTraining`."""
        super().load_state_dict(state, step)
        self._critic.load_state_dict(state["critic"])
        self._kl.load_state_dict(state["kl"])

    def _gather(self, step: int) -> list[Group]:
        problems = self._problems.take(self._config.sampling.prompts_per_step)
        params = self._sampling_params(derive_seed(self._seed, "sampling", step))
        return self._experience.gather(problems, [params] * len(problems))

    def _credit(self, groups: Sequence[Group]) -> None:
        """Advantages of every token, the same in all processes: each knows all that any of them measured."""
        self._updater.measure(groups)
        self._critic.measure(groups)
        rollouts = [rollout for group in groups for rollout in group.learned]
        critic, beta = self._config.critic, self._kl.coefficient
        sequences = torch.arange(len(rollouts)).repeat_interleave(torch.tensor([r.drawn for r in rollouts]))
        values = packed("values", rollouts)
        rewards, nats = self._token_rewards(rollouts, sequences)
        if critic.whiten_rewards:
            rewards = whiten(rewards, shift_mean=False)
        advantages, returns = generalised_advantages(
            rewards, values, sequences, discount=critic.discount, trace=critic.gae_lambda
        )
        _hand_out(rollouts, whiten(advantages), returns)
        self._figures = {
            "kl/coefficient": beta,
            "reward/kl_penalty": -beta * nats,
            "critic/explained_variance": explained_variance(values, returns),
            "critic/value_mean": float(values.mean()),
            "critic/return_mean": float(returns.mean()),
        }
        self._kl.update(nats, len(rollouts))

    def _token_rewards(self, rollouts: Sequence[Rollout], sequences: Tensor) -> tuple[Tensor, float]:
        """The reward of each token [N], and the mean KL of a response to the reference, in nats; 0 without one."""
        logprobs = packed("logprobs", rollouts)
        scores = torch.tensor([rollout.reward for rollout in rollouts])
        reference = packed("reference_logprobs", rollouts) if self._reference else logprobs
        rewards = token_rewards(logprobs, reference, scores, sequences, self._kl.coefficient)
        return rewards, float((logprobs - reference).sum(dtype=torch.float64)) / len(rollouts)

    def _update(self, step: int, groups: Sequence[Group]) -> list[UpdateReport]:
        reports: list[UpdateReport] = []
        of_critic: list[CriticReport] = []
        for epoch in range(self._config.epochs):
            order = shuffled(len(groups), self._seed, "epoch", step, epoch)
            for batch in self._batches([groups[place] for place in order]):
                update = self._updater.prepare(batch, run_all=True)  # the critic learns from all
                reports.append(self._updater.update(update, step))
                of_critic.append(self._critic.update(update, step))
        self._figures |= {
            "critic/loss": float(np.mean([report.loss for report in of_critic])),
            "critic/clip_share": float(np.mean([report.clipped_share for report in of_critic])),
            "critic/grad_norm": float(np.mean([report.grad_norm for report in of_critic])),
        }
        return reports

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        return Outcome(self._figures)


def packed(name: str, rollouts: Sequence[Rollout]) -> Tensor:
    """Entries of an array of each rollout, of the tokens it drew, one rollout after another [N]."""
    return joined([rollout.of_drawn(getattr(rollout, name)) for rollout in rollouts], CPU)


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """1 - Var(R - V) / Var(R): 1 for a critic that knows, 0 for one that says the same of all, below it is misled."""
    spread = float(returns.var(correction=0))
    return 1 - float((returns - values).var(correction=0)) / spread if spread > 0 else 0.0


def _hand_out(rollouts: Sequence[Rollout], advantages: Tensor, returns: Tensor) -> None:
    bounds = np.cumsum([rollout.drawn for rollout in rollouts])[:-1]
    parts = (np.split(each.numpy(), bounds) for each in (advantages, returns))
    for rollout, advantage, of_return in zip(rollouts, *parts, strict=True):
        rollout.token_advantages = rollout.spread(advantage)
        rollout.advantage = float(advantage.mean())
        rollout.returns = rollout.spread(of_return)
