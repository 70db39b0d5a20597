"""SRL (arXiv 2510.25992): an expert's steps are predicted one by one, each response paid by its similarity to one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.algorithms.spread import is_kept
from training.config import SrlMethod
from training.events import Alert
from training.events.types import AnyEvent
from training.experience.steps import SIMILARITY, StepExperience
from training.experience.types import Group
from training.methods.grpo import credit
from training.methods.rl import PolicyGradientTraining
from training.methods.types import Outcome
from training.seeds import derive_seed
from training.srl.instances import Refused
from training.srl.tasks import Task, reasons_of
from training.stream import ShuffledStream


class SrlTraining(PolicyGradientTraining):
    """SRL: sample G responses to each task, drop groups that hardly differ, draw others until the batch is full.

    Responses are credited as in GRPO.
    """

    def __init__(
        self,
        config: SrlMethod,
        tasks: ShuffledStream[Task],
        refused: Sequence[Refused],
        steps: StepExperience,
        *parts: Any,
    ) -> None:
        super().__init__(config, *parts)
        self._config = config
        self._tasks = tasks
        self._refused = refused
        self._steps = steps
        self._rounds = 0

    def state_dict(self) -> dict[str, Any]:
        """See `PolicyGradientTraining`."""
        return super().state_dict() | {"tasks": self._tasks.drawn}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """See `PolicyGradientTraining`."""
        self._tasks.drawn = state["tasks"]
        super().load_state_dict(state, step)

    def _gather(self, step: int) -> list[Group]:
        """The groups of one step, those that were dropped included, in the order in which they were drawn."""
        rule, wanted = self._config.dynamic_sampling, self._config.sampling.prompts_per_step
        groups: list[Group] = []
        self._rounds = 0
        for number in range(rule.max_rounds if rule.enabled else 1):
            missing = wanted - sum(group.trained for group in groups)
            if not missing:
                break
            fresh = self._ask(self._tasks.take(missing), derive_seed(self._seed, "sampling", step, number))
            if rule.enabled:
                for group in fresh:
                    group.trained = is_kept(group.rewards, rule.threshold)
            groups += fresh
            self._rounds += 1
        return groups

    def _ask(self, tasks: Sequence[Task], seed: int) -> list[Group]:
        params = self._sampling_params(seed)
        if self._config.granularity == "answer":
            return self._experience.gather([task.problem for task in tasks], [params] * len(tasks))
        return self._steps.gather(tasks, params)

    def _credit(self, groups: Sequence[Group]) -> None:
        credit(groups, self._config.loss.advantage_scale)

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        figures = {
            "srl/rounds": float(self._rounds),
            "srl/dropped_share": float(np.mean([not group.trained for group in groups])),
        }
        if self._config.granularity != "answer":
            figures |= likeness(groups)
        return Outcome(figures, events=self._left_out() if step == 1 else [])

    def _left_out(self) -> list[AnyEvent]:
        """Which problems give nothing to learn, and why."""
        if not self._refused:
            return []
        reasons = "; ".join(reasons_of(self._refused))
        return [
            Alert(
                step=1,
                code="srl_refused",
                severity="warning",
                message=f"{len(self._refused):,} training problems give no step to learn: {reasons}.",
                advice="Cut solutions by another rule (steps.rule), or bring solutions that are written in steps.",
            )
        ]


def likeness(groups: Sequence[Group]) -> dict[str, float]:
    """How much responses are like the expert's steps, of all that were drawn."""
    rollouts = [(rollout, group.expert) for group in groups for rollout in group.rollouts]
    well_formed = [rollout.parts[SIMILARITY] for rollout, _ in rollouts if rollout.extracted is not None]
    exact = [expert is not None and rollout.extracted == expert.task.target for rollout, expert in rollouts]
    figures = {
        "srl/format_failure_share": 1.0 - len(well_formed) / len(rollouts),
        "srl/exact_share": float(np.mean(exact)),
    }
    return figures | ({"srl/similarity": float(np.mean(well_formed))} if well_formed else {})
