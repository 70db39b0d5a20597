"""Test-time search: answers problems with the trajectories of a tree instead of independent samples.

The verifier judges every end while the tree grows, and what it says decides which ends are recorded and where the tree
grows on. So it is an oracle at test time: the answers show what such a search can find, not what the model would say.
"""

from collections.abc import Sequence

from training.assembly import Parts, search_engine
from training.config import EvaluateMethod, SamplingConfig, SearchConfig
from training.evaluation import greedily
from training.events import TreeRecord
from training.experience.direct import DirectExperience
from training.experience.scoring import Scorer
from training.experience.tree import SearchRound, TreeExperience
from training.experience.tree_records import tree_event, worth_keeping
from training.experience.types import Group
from training.problems.types import Problem
from training.sampling.types import SamplingParams
from training.search.journal import SearchJournal


class SearchAnswers:
    """Grows a tree for each problem of a batch, under one search config."""

    def __init__(
        self, parts: Parts, method: EvaluateMethod, search: SearchConfig, scorer: Scorer, direct: DirectExperience
    ) -> None:
        self._codec = parts.codec
        self._search = search
        self._greedy = method.greedy
        self._direct = direct
        sampling = SamplingConfig(
            prompts_per_step=method.prompts_per_batch,
            samples_per_prompt=max(method.samples, 2),  # training's least; what is recorded is `SearchRound.wanted`
            max_tokens=method.max_tokens,
            temperature=method.temperature,
            top_p=method.top_p,
            top_k=method.top_k,
            max_rows=method.max_rows,
        )
        engine = search_engine(parts, method.max_rows, search)
        journal = SearchJournal(None)  # a batch is soon searched again
        self._trees = TreeExperience(
            engine, parts.codec, scorer, parts.recorder, parts.processes, sampling, search, journal
        )

    def answer(self, batch: int, problems: Sequence[Problem], params: SamplingParams) -> list[Group]:
        """A group for each problem: up to `params.n` trajectories of its tree, and a greedy answer if asked for.

        A tree that recorded nothing within its limits is stood in for by direct samples: no problem goes unanswered.
        """
        groups = self._trees.gather(SearchRound(problems, params.seed, batch, weights="", wanted=params.n))
        empty = [group for group in groups if not group.rollouts]
        if empty:
            direct = self._direct.gather([group.problem for group in empty], [params] * len(empty))
            for group, instead in zip(empty, direct, strict=True):
                group.rollouts = instead.rollouts
        return greedily(self._direct, groups, params) if self._greedy else groups

    def trees(self, groups: Sequence[Group], batch: int) -> list[TreeRecord]:
        """The events of the groups' trees; those worth it with all nodes."""
        kept = worth_keeping(groups, self._search.kept_trees)
        return [
            tree_event(group, batch, "heldout", index, self._codec, self._search, None, kept.get(index, ""))
            for index, group in enumerate(groups)
            if group.search is not None
        ]
