"""GRPO (arXiv 2402.03300, algorithm 1) and its variants: each response is credited relative to its siblings."""

from collections.abc import Sequence
from typing import Any

import torch

from training.algorithms.advantages import AdvantageScale, group_advantages
from training.config import GrpoMethod
from training.events.types import AnyEvent
from training.experience.agentic_summary import summarise_traces
from training.experience.summary import summarise_staleness
from training.experience.types import Group
from training.methods.ahead import Batch, GatheringAhead
from training.methods.batches import GroupBatches, drop_equal
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
    drop out. With `ahead`, batches are gathered in another thread: what gathers them (experience, problems, recorder)
    is that thread's then, and this one knows of it what the latest batch says.
    """

    def __init__(
        self, config: GrpoMethod, hard: HardProblems, recorder: Recorder, ahead: GatheringAhead | None, *parts: Any
    ) -> None:
        super().__init__(config, *parts)
        self._config = config
        self._hard = hard
        self._recorder = recorder
        self._batches_of_groups = GroupBatches(config.sampling.prompts_per_step, config.dynamic_sampling, config.oldest)
        self._ahead = ahead
        if ahead is not None:
            ahead.gather_by(self._gather_batch)
        if config.hard_subset.enabled:
            self.phases = ("filtering", *self.phases)
        self._batch = Batch([], self._gathering_state())

    def evaluate(self) -> Outcome | None:
        """See `PolicyGradientTraining`; waits for batches under way where they are sampled by the same engine."""
        if self._ahead is not None:
            self._ahead.settle()
        return super().evaluate()

    def state_dict(self) -> dict[str, Any]:
        """See `PolicyGradientTraining`; the hard subset goes on where it was, and so does what was begun ahead."""
        ahead = self._ahead.state_dict() if self._ahead else None
        return super().state_dict() | self._batch.state | {"ahead": ahead}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """See `PolicyGradientTraining`."""
        if "hard" in state:  # a run of an earlier version had none
            self._hard.load_state_dict(state["hard"])
            self._problems = self._stream()
        super().load_state_dict(state, step)
        if "batches" in state:
            self._batches_of_groups.load_state_dict(state["batches"], self._hard.problem)
        self._batch = Batch([], self._gathering_state())
        if self._ahead and state.get("ahead"):
            self._ahead.load_state_dict(state["ahead"])

    def _gather(self, step: int) -> list[Group]:
        """The groups of one step, and what gathering them found."""
        if self._ahead is None:
            self._batch = self._gather_batch(step)
        else:
            self._batch, seconds = self._ahead.take(step)
            self._batch.figures["time/sampling_ahead_s"] = seconds
        self._tokens_beside += self._batch.tokens_beside
        return self._batch.groups

    def _gather_batch(self, step: int) -> Batch:
        """Called in the sampling thread where there is one."""
        events, beside = [], 0
        if self._config.hard_subset.enabled and (step - 1) % self._config.hard_subset.phase_steps == 0:
            event, beside = self._narrow(step)
            events.append(event)

        def ask(count: int, number: int) -> list[Group]:
            params = self._sampling_params(derive_seed(self._seed, "sampling", step, number), self._drawn)
            return self._experience.gather(self._problems.take(count), [params] * count)

        def judge(groups: Sequence[Group], number: int) -> None:
            if self._config.roc.enabled:
                seed = derive_seed(self._seed, "resampling", step, number)
                mark_learned(groups, self._config.sampling.samples_per_prompt, self._config.roc, seed)
            elif self._config.dynamic_sampling.enabled:
                drop_equal(groups)

        groups = self._batches_of_groups.fill(step, ask, judge)
        return Batch(groups, self._gathering_state(), self._figures_of(groups), events, beside)

    def _gathering_state(self) -> dict[str, Any]:
        """What the next batch depends on besides the weights."""
        return {
            "problems": self._problems.drawn,
            "hard": self._hard.state_dict(),
            "batches": self._batches_of_groups.state_dict(),
        }

    def _figures_of(self, groups: Sequence[Group]) -> dict[str, float]:
        figures = summarise_traces(groups) | self._experience.take_figures() | tool_errors(groups)
        figures |= self._experience.token_figures(groups)
        if self._config.hard_subset.enabled:
            figures |= self._hard.figures()
        return figures

    def _narrow(self, step: int) -> tuple[AnyEvent, int]:
        """Look at the problems again, and train on those that are still hard; returns the tokens sampled as well."""
        subset, looked_at = self._config.hard_subset, self._hard.current
        params = self._sampling_params(derive_seed(self._seed, "filter", step), subset.samples)
        looked = list(look(looked_at, params, self._experience, self._recorder))
        right, tokens = [each.right for each in looked], sum(each.tokens for each in looked)
        kept = self._hard.narrow(right)
        self._problems = self._stream()
        return self._hard.event(step, looked_at, right, kept, [False] * len(kept), tokens), tokens

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
        figures = dict(self._batch.figures)
        if self._config.roc.enabled:
            figures |= roc_figures(groups, self._config.roc)
        if self._config.staleness:
            figures |= summarise_staleness(groups, step, self._config.updates_a_step)
        return Outcome(figures, events=self._batch.events)


def credit(groups: Sequence[Group], scale: AdvantageScale) -> None:
    """Give every rollout that is learned from its advantage over its siblings of that kind."""
    for group in groups:
        learned = group.learned
        if not learned:
            continue
        advantages = group_advantages(torch.tensor([rollout.reward for rollout in learned]), scale)
        for rollout, advantage in zip(learned, advantages.tolist(), strict=True):
            rollout.advantage = advantage
