"""Reinforcement learning with a clipped policy gradient: GRPO (arXiv 2402.03300, algorithm 1) and its variants."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

from training.algorithms.advantages import AdvantageScale, equal_rewards, group_advantages
from training.config import GrpoMethod, LossConfig, RlMethod
from training.evaluation import Evaluator
from training.events.types import AnyEvent, Phase
from training.experience.agentic_summary import summarise_traces
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.summary import summarise_groups, summarise_updates
from training.experience.types import Group
from training.methods.hard_subset import HardProblems, look
from training.methods.policy_update import PolicyUpdater
from training.methods.roc import mark_learned, roc_figures, tool_errors
from training.methods.types import Outcome, UpdateReport
from training.policy import Reference
from training.problems.types import Problem
from training.recorder import Recorder
from training.reflection import reflection_rates, text_before_reflection
from training.sampling.types import Engine, SamplingParams
from training.seeds import derive_seed
from training.stream import ShuffledStream


class PolicyGradientTraining(ABC):
    """One step: gather groups of scored responses, credit them, update. Methods differ in the first two."""

    phases: tuple[Phase, ...] = ("sampling", "scoring", "updating")
    compares_siblings = True
    """Whether a group of equal rewards teaches nothing."""

    def __init__(
        self,
        config: RlMethod,
        seed: int,
        problems: ShuffledStream[Problem],
        experience: DirectExperience,
        engine: Engine,
        scorer: Scorer,
        updater: PolicyUpdater,
        reference: Reference | None,
        evaluator: Evaluator | None,
    ) -> None:
        self._rl = config
        self._seed = seed
        self._problems = problems
        self._experience = experience
        self._engine = engine
        self._scorer = scorer
        self._updater = updater
        self._reference = reference
        self._evaluator = evaluator
        self._tokens_sampled = 0
        self._tokens_beside = 0
        """Sampled in this step outside of its groups."""

    @abstractmethod
    def _gather(self, step: int) -> list[Group]:
        """The scored groups of a step."""

    @abstractmethod
    def _credit(self, groups: Sequence[Group]) -> None:
        """Give the rollouts their advantages."""

    def _update(self, step: int, groups: Sequence[Group]) -> list[UpdateReport]:
        """Learn from credited groups."""
        updates = [self._updater.prepare(batch) for batch in self._batches(groups)]  # fixes the old policy for all
        return [self._updater.update(update, step) for update in updates]

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        """Further figures and events of a step, after its update."""
        return Outcome({})

    def step(self, step: int) -> Outcome:
        """One round of experience and learning from it."""
        groups = self._gather(step)
        self._credit(groups)
        reports = self._update(step, groups)
        self._engine.update_weights(step)
        self._refresh_reference(step)
        metrics = (
            summarise_groups(groups, self.compares_siblings)
            | summarise_updates(groups, reports)
            | self._reflection(groups)
        )
        more = self._finish(step, groups)
        return Outcome(metrics | self._count_tokens(groups) | more.metrics, groups, more.events)

    def evaluate(self) -> Outcome | None:
        """Held-out problems, answered by the policy as it is now."""
        return self._evaluator.evaluate() if self._evaluator else None

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides the weights and the optimiser."""
        reference = self._reference.state_dict() if self._reference else None
        return {
            "problems": self._problems.drawn,
            "tokens": self._tokens_sampled,
            "reference": reference,
            "scorer": self._scorer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """Continue after `step`."""
        self._problems.drawn = state["problems"]
        self._tokens_sampled = state["tokens"]
        if self._reference:
            self._reference.load_state_dict(state["reference"])
        self._scorer.load_state_dict(state.get("scorer", {}))  # a run of an earlier version had no learned reward
        self._engine.update_weights(step)

    def _sampling_params(self, seed: int, count: int | None = None) -> SamplingParams:
        sampling = self._rl.sampling
        return SamplingParams(
            n=count or sampling.samples_per_prompt,
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            stop_ids=self._experience.stop_ids,
            seed=seed,
        )

    def _batches(self, groups: Sequence[Group]) -> list[list[Group]]:
        """The groups to train on, split into as many parts as there are updates; as equal as they can be."""
        trained = [group for group in groups if group.trained]
        count = self._rl.updates_per_step
        bounds = [len(trained) * part // count for part in range(count + 1)]
        parts = [trained[start:end] for start, end in itertools.pairwise(bounds)]
        return [part for part in parts if part]

    def _count_tokens(self, groups: Sequence[Group]) -> dict[str, float]:
        fresh = sum(group.tokens_sampled for group in groups) + self._tokens_beside
        self._tokens_beside = 0
        self._tokens_sampled += fresh
        return {"tokens/step": fresh, "tokens/total": self._tokens_sampled}

    def _reflection(self, groups: Sequence[Group]) -> dict[str, float]:
        """Reflective words, and how often a wrong answer given before one was put right after it."""
        rollouts = [rollout for group in groups for rollout in group.rollouts]
        rates = reflection_rates([rollout.own_text for rollout in rollouts], sum(rollout.drawn for rollout in rollouts))
        reflected = [
            (rollout, before, group.problem.answer)
            for group in groups
            for rollout in group.rollouts
            if (before := text_before_reflection(rollout.own_text)) is not None
        ]
        judged = self._scorer.judge([(before, answer) for _, before, answer in reflected])
        was_wrong = [rollout for (rollout, _, _), right in zip(reflected, judged, strict=True) if right is False]
        if was_wrong:
            rates["reflection/corrected_share"] = sum(r.correct is True for r in was_wrong) / len(was_wrong)
        return rates

    def _refresh_reference(self, step: int) -> None:
        every = self._rl.loss.reference_refresh_steps if isinstance(self._rl.loss, LossConfig) else 0
        if self._reference and every and step % every == 0:
            self._reference.refresh()


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
