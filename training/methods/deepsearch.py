"""DeepSearch (arXiv 2509.25454): trees in place of direct samples, a hard subset, solutions that skip a search.

One step: problems with cached solutions get those and direct responses; all others are searched together; each
trajectory is credited step by step; one clipped policy-gradient update follows, as in GRPO.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from training.algorithms.advantages import group_advantages
from training.algorithms.tree_credit import TreePath, tree_credit
from training.codec import Codec
from training.config import DeepSearchMethod
from training.events.types import AnyEvent, Phase
from training.experience.tree import SearchRound, TreeExperience
from training.experience.tree_records import tree_event, worth_keeping
from training.experience.types import Group, Rollout
from training.methods.hard_subset import HardProblems, hard_ones, look
from training.methods.reuse import SolutionReuse
from training.methods.rl import PolicyGradientTraining
from training.methods.search_figures import credit_figures, search_figures
from training.methods.types import Outcome
from training.problems.types import Problem
from training.recorder import Recorder
from training.search.journal import SearchJournal, fingerprint
from training.seeds import derive_seed
from training.solutions.garbage import is_garbage
from training.stream import ShuffledStream


class DeepSearchTraining(PolicyGradientTraining):
    """GRPO's loop around searches."""

    phases: tuple[Phase, ...] = ("filtering", "searching", "sampling", "scoring", "updating")

    def __init__(
        self,
        config: DeepSearchMethod,
        trees: TreeExperience,
        hard: HardProblems,
        reuse: SolutionReuse,
        journal: SearchJournal,
        model: torch.nn.Module,
        codec: Codec,
        recorder: Recorder,
        *parts: Any,
    ) -> None:
        super().__init__(config, *parts)
        self._config = config
        self._trees = trees
        self._hard = hard
        self._reuse = reuse
        self._journal = journal
        self._model = model
        self._codec = codec
        self._recorder = recorder
        self._saved_step = 0
        self._events: list[AnyEvent] = []
        self._figures: dict[str, float] = {}

    @property
    def experience(self) -> TreeExperience:
        """What searches."""
        return self._trees

    def state_dict(self) -> dict[str, Any]:
        """See `PolicyGradientTraining`; the cache and the hard subset go on where they were."""
        self._saved_step = self._engine.weights_version
        return super().state_dict() | {"hard": self._hard.state_dict(), "reuse": self._reuse.state_dict()}

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """See `PolicyGradientTraining`."""
        self._hard.load_state_dict(state["hard"])
        self._reuse.load_state_dict(state["reuse"])
        self._problems = self._stream()
        super().load_state_dict(state, step)
        self._saved_step = step

    def _gather(self, step: int) -> list[Group]:
        self._events, self._figures = [], {}
        self._journal.forget(self._saved_step)
        self._reuse.catch_up()
        if (step - 1) % self._config.hard_subset.phase_steps == 0:
            self._begin_phase(step)
        problems = self._problems.take(self._config.sampling.prompts_per_step)
        cached = self._reuse.verified_for(problems, self._config.sampling.samples_per_prompt)
        seed = derive_seed(self._seed, "search", step)
        groups: list[Group | None] = [None] * len(problems)
        places = [place for place, solutions in enumerate(cached) if not solutions]
        weights = fingerprint(self._model)
        if places:
            asked = SearchRound([problems[place] for place in places], seed, step, weights, places)
            for place, group in zip(places, self._trees.gather(asked), strict=True):
                groups[place] = group
        self._fill_cached(groups, problems, cached, derive_seed(self._seed, "sampling", step))
        gathered = [group for group in groups if group is not None]
        self._scorer.score(gathered)  # cached solutions; all others are scored already
        return gathered

    def _fill_cached(
        self, groups: list[Group | None], problems: Sequence[Problem], cached: Sequence[list[Rollout]], seed: int
    ) -> None:
        """Groups of cached solutions and direct responses (eq. 11), in the places that are still empty."""
        size = self._config.sampling.samples_per_prompt
        for place, solutions in enumerate(cached):
            if groups[place] is None and len(solutions) == size:
                prompt = self._codec.prompt_ids(problems[place].prompt)
                groups[place] = Group(problems[place], prompt, list(solutions), self._engine.weights_version)
        places = [place for place, group in enumerate(groups) if group is None]
        if not places:
            return
        params = [self._sampling_params(derive_seed(seed, place), size - len(cached[place])) for place in places]
        direct = self._experience.gather([problems[place] for place in places], params)
        for place, group in zip(places, direct, strict=True):
            group.rollouts = [*cached[place], *group.rollouts]
            groups[place] = group

    def _begin_phase(self, step: int) -> None:
        """Look at the problems again, and let the cache take in what the phase before has found."""
        looked_at = self._hard.current
        right: list[int] = []
        if self._config.hard_subset.enabled:
            right = self._look(step)
            kept = self._hard.narrow(right)
            self._problems = self._stream()
        hard = hard_ones(looked_at, right, self._config.hard_subset) if right else []
        still_hard = {self._reuse.key_of(problem) for problem in hard} if right else None
        if step > 1:
            self._reuse.end_phase(still_hard, self._hard.current)
        if right:
            cached = [self._reuse.has(problem) for problem in looked_at]
            self._events.append(self._hard.event(step, looked_at, right, kept, cached, self._tokens_beside))

    def _look(self, step: int) -> list[int]:
        """How many of K direct responses to each current problem are right."""
        params = self._sampling_params(derive_seed(self._seed, "filter", step), self._config.hard_subset.samples)
        looked = list(look(self._hard.current, params, self._experience, self._recorder))
        self._tokens_beside += sum(each.tokens for each in looked)
        return [each.right for each in looked]

    def _stream(self) -> ShuffledStream[Problem]:
        """The current problems, in an order of their own each phase."""
        phase = self._hard.phase
        return ShuffledStream(self._hard.current, derive_seed(self._seed, "phase", phase) if phase else self._seed)

    def _credit(self, groups: Sequence[Group]) -> None:
        for group in groups:
            if group.search is None:
                self._credit_outcomes(group)
            elif group.rollouts:
                self._credit_tree(group)
            else:
                group.trained = False
            if self._config.cache.drop_garbage:
                drop_garbage(group)

    def _credit_tree(self, group: Group) -> None:
        search = group.search
        assert search is not None
        paths = []
        for rollout, recorded in zip(group.rollouts, search.recorded, strict=True):
            nodes = search.tree.path(recorded.end)[1:]
            q = tuple(search.tree.q[nodes].tolist())
            paths.append(TreePath(tuple(nodes), q, recorded.reward, self._scorer.beside(rollout)))
        credit = tree_credit(paths, self._config.credit, self._config.loss.advantage_scale)
        group.trained, group.scores = credit.trained, credit.scores
        for rollout, path, advantages in zip(group.rollouts, paths, credit.advantages, strict=True):
            tokens = search.tree.tokens[list(path.nodes)]
            rollout.token_advantages = np.repeat(advantages, tokens).astype(np.float32)
            rollout.advantage = float(rollout.token_advantages.mean())

    def _credit_outcomes(self, group: Group) -> None:
        """±1 and what is paid beside it for every token, less the group's mean (appendix A.3)."""
        worth = [(1.0 if r.correct is True else -1.0) + self._scorer.beside(r) for r in group.rollouts]
        advantages = group_advantages(torch.tensor(worth), self._config.loss.advantage_scale)
        for rollout, advantage in zip(group.rollouts, advantages.tolist(), strict=True):
            rollout.advantage = advantage

    def _finish(self, step: int, groups: Sequence[Group]) -> Outcome:
        kept = worth_keeping(groups, self._config.search.kept_trees)
        trees = [
            tree_event(group, step, "train", index, self._codec, self._config.search, self._config.credit,
                       kept.get(index, ""))
            for index, group in enumerate(groups)
            if group.search is not None
        ]  # fmt: skip
        solutions = self._reuse.account(step, groups)
        figures = search_figures(groups, self._trees.clock) | credit_figures(groups) | self._reuse.figures(len(groups))
        figures |= self._hard.figures()
        return Outcome(figures, events=[*self._events, *trees, *([solutions] if solutions else [])])


def drop_garbage(group: Group) -> None:
    """Wrong responses of endless repetition or garbled text teach nothing (appendix)."""
    for rollout in group.rollouts:
        if rollout.correct is not True and rollout.teaches and is_garbage(rollout.text):
            rollout.advantage, rollout.token_advantages = 0.0, None
