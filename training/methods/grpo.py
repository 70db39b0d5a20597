"""GRPO (arXiv 2402.03300, algorithm 1) and its variants: each response is credited relative to its siblings."""

from collections.abc import Sequence
from typing import Any

import torch

from training.algorithms.advantages import AdvantageScale, equal_rewards, group_advantages
from training.config import GrpoMethod
from training.events.types import AnyEvent
from training.experience.agentic_summary import summarise_traces
from training.experience.types import Group
from training.methods.hard_subset import HardProblems, look
from training.methods.rl import PolicyGradientTraining
from training.methods.roc import mark_learned, roc_figures, tool_errors
from training.methods.types import Outcome
from training.problems.types import Problem
from training.recorder import Recorder
from training.seeds import derive_seed
from training.stream import ShuffledStream


class GrpoTraining(PolicyGradientTraining):
    """GRPO: sample G responses to each problem, and credit each relative to its siblings (algorithm 1).

    With resample-on-correct more are sampled than learned from; with a hard subset, problems that are solved too often
    drop out.
    """

    def __init__(self, config: GrpoMethod, hard: HardProblems, recorder: Recorder, *parts: Any) -> None:
        super().__init__(config, *parts)
        self._config = config
        self._hard = hard
        self._recorder = recorder
        if config.hard_subset.enabled:
            self.phases = ("filtering", *self.phases)
        self._events: list[AnyEvent] = []

    def state_dict(self) -> dict[str, Any]:
        """See `PolicyGradientTraining`; the hard subset goes on where it was."""
        return super().state_dict() | {"hard": self._hard.state_dict()}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """See `PolicyGradientTraining`."""
        if "hard" in state:  # a run of an earlier version had none
            self._hard.load_state_dict(state["hard"])
            self._problems = self._stream()
        super().load_state_dict(state, step)

    def _gather(self, step: int) -> list[Group]:
        """The groups of one step; with dynamic sampling, those of equal rewards are replaced by new ones (DAPO)."""
        self._events = []
        if self._config.hard_subset.enabled and (step - 1) % self._config.hard_subset.phase_steps == 0:
            self._narrow(step)
        wanted = self._config.sampling.prompts_per_step
        rounds = self._config.dynamic_sampling.max_rounds if self._config.dynamic_sampling.enabled else 1
        groups: list[Group] = []
        for number in range(rounds):
            missing = wanted - sum(group.trained for group in groups)
            if not missing:
                break
            params = self._sampling_params(derive_seed(self._seed, "sampling", step, number), self._drawn)
            fresh = self._experience.gather(self._problems.take(missing), [params] * missing)
            if self._config.roc.enabled:
                seed = derive_seed(self._seed, "resampling", step, number)
                mark_learned(fresh, self._config.sampling.samples_per_prompt, self._config.roc, seed)
            elif self._config.dynamic_sampling.enabled:
                for group in fresh:
                    group.trained = not equal_rewards(torch.tensor(group.rewards))
            groups += fresh
        return groups

    def _narrow(self, step: int) -> None:
        """Look at the problems again, and train on those that are still hard."""
        subset, looked_at = self._config.hard_subset, self._hard.current
        params = self._sampling_params(derive_seed(self._seed, "filter", step), subset.samples)
        looked = list(look(looked_at, params, self._experience, self._recorder))
        right, tokens = [each.right for each in looked], sum(each.tokens for each in looked)
        kept = self._hard.narrow(right)
        self._problems = self._stream()
        self._tokens_beside += tokens
        self._events.append(self._hard.event(step, looked_at, right, kept, [False] * len(kept), tokens))

    def _stream(self) -> ShuffledStream[Problem]:
        """The current problems, in an order of their own each phase."""
        phase = self._hard.phase
        return ShuffledStream(self._hard.current, derive_seed(self._seed, "phase", phase) if phase else self._seed)

    @property
    def _drawn(self) -> int:
        """Rollouts drawn for each problem."""
        roc = self._config.roc
        return self._config.sampling.samples_per_prompt * (roc.oversample if roc.enabled else 1)

    def _credit(self, groups: Sequence[Group]) -> None:
        credit(groups, self._config.loss.advantage_scale)

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        figures = summarise_traces(groups) | self._experience.take_figures() | tool_errors(groups)
        figures |= self._experience.token_figures(groups)
        if self._config.roc.enabled:
            figures |= roc_figures(groups, self._config.roc)
        if self._config.hard_subset.enabled:
            figures |= self._hard.figures()
        return Outcome(figures, events=self._events)


def credit(groups: Sequence[Group], scale: AdvantageScale) -> None:
    """Give every rollout that is learned from its advantage over its siblings of that kind."""
    for group in groups:
        learned = group.learned
        if not learned:
            continue
        advantages = group_advantages(torch.tensor([rollout.reward for rollout in learned]), scale)
        for rollout, advantage in zip(learned, advantages.tolist(), strict=True):
            rollout.advantage = advantage
