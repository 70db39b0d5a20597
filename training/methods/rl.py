"""Reinforcement learning with a clipped policy gradient: the step that all its methods share."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from training.config import LossConfig, RlMethod
from training.evaluation import Evaluator
from training.events.types import Phase
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.summary import summarise_groups, summarise_updates
from training.experience.types import Group
from training.interleaving import interleaving_rates
from training.methods.policy_update import PolicyUpdater
from training.methods.types import Outcome, UpdateReport
from training.problems.types import Problem
from training.reference import Reference
from training.reflection import reflection_rates, text_before_reflection
from training.sampling.types import Engine, SamplingParams, rest
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
        self._updater.ask_reference(updates)
        return [self._updater.update(update, step) for update in updates]

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        """Further figures and events of a step, after its update."""
        return Outcome({})

    def step(self, step: int) -> Outcome:
        """One round of experience and learning from it."""
        groups = self._gather(step)
        self._credit(groups)
        rest(self._engine)
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
        """Reflective words, planning and checking, and how often a wrong answer before such a word was put right."""
        rollouts = [rollout for group in groups for rollout in group.rollouts]
        texts = [rollout.own_text for rollout in rollouts]
        rates = reflection_rates(texts, sum(rollout.drawn for rollout in rollouts)) | interleaving_rates(texts)
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
            self._scorer.forget_reference()
