"""Tree experience: each problem is searched, and the recorded trajectories of its tree are its group of responses."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from training.codec import Codec
from training.config import SamplingConfig, SearchConfig
from training.distributed import Processes
from training.events import GrowingTree as GrowingTreeShown
from training.events import TreesGrowing
from training.experience.scoring import Scorer
from training.experience.tree_records import growing_tree
from training.experience.types import Group, Rollout
from training.problems.types import Problem
from training.recorder import Recorder
from training.rewards.verifier import Verdict
from training.sampling.meeting import sampling_shares
from training.sampling.types import Engine
from training.search.endings import Judged
from training.search.growing import GrowingTree
from training.search.journal import SearchJournal, restore, tree_key
from training.search.loop import Clock, Draw, grow
from training.search.steps import StepRule
from training.seeds import derive_seed

GLIMPSE_EVERY_S = 1.0
"""Time between two glimpses of growing trees; each is a line in the event file."""
GLIMPSE_TREES = 6
GLIMPSE_NODES = 1500
"""Most trees shown while they grow, and most nodes of all of them; the first is shown whatever its size, and the larger
it is the seldomer."""


@dataclass(frozen=True, slots=True)
class SearchRound:
    """What to search in one step."""

    problems: Sequence[Problem]
    seed: int
    step: int
    weights: str
    """Fingerprint of the policy's weights: finished trees of the journal count for these only."""
    places: Sequence[int] = field(default_factory=list)
    """Numbers of the problems among all of the step; by default 0, 1, …"""
    wanted: int = 0
    """Ends to record in each tree; 0 for `samples_per_prompt`."""


class TreeExperience:
    """Searches all problems of a step together; with several processes each does its share of the trees."""

    def __init__(
        self,
        engine: Engine,
        codec: Codec,
        scorer: Scorer,
        recorder: Recorder,
        processes: Processes,
        sampling: SamplingConfig,
        search: SearchConfig,
        journal: SearchJournal,
    ) -> None:
        self.clock = Clock()
        """What the latest gathering took, in this process."""
        self._engine = engine
        self._codec = codec
        self._scorer = scorer
        self._recorder = recorder
        self._processes = processes
        self._sampling = sampling
        self._search = search
        self._journal = journal
        self._rule = StepRule.of(search, sampling.max_tokens, codec.tokenizer)
        self._next_glimpse = 0.0

    def gather(self, asked: SearchRound) -> list[Group]:
        """One group for each problem, in order. What a tree becomes depends on its place and the seed alone."""
        places = list(asked.places) or list(range(len(asked.problems)))
        mine = self._processes.share(range(len(places)))
        with sampling_shares(self._engine):
            groups = self._gather([asked.problems[i] for i in mine], [places[i] for i in mine], asked)
        if self._scorer.has_learned:
            with self._recorder.phase("scoring"):
                self._scorer.score(groups)
        return self._processes.unshare(groups)

    def _gather(self, problems: Sequence[Problem], places: Sequence[int], asked: SearchRound) -> list[Group]:
        wanted = asked.wanted or self._sampling.samples_per_prompt
        trees = [self._seedling(derive_seed(asked.seed, "tree", place), wanted) for place in places]
        keys = [
            tree_key(asked.weights, asked.seed, self._search, self._sampling, wanted, problem) for problem in problems
        ]
        kept = self._journal.read(asked.step, dict(zip(places, keys, strict=True)))
        for tree, place in zip(trees, places, strict=True):
            if place in kept:
                restore(tree, kept[place])
        prompts = [self._codec.prompt_ids(problem.prompt) for problem in problems]
        with self._recorder.phase("searching", total=len(trees)):
            self.clock = self._grow(trees, problems, prompts, places, keys, asked)
        return [
            Group(problem, prompt, self._rollouts(tree), self._engine.weights_version, search=tree)
            for problem, prompt, tree in zip(problems, prompts, trees, strict=True)
        ]

    def _grow(
        self,
        trees: Sequence[GrowingTree],
        problems: Sequence[Problem],
        prompts: Sequence[list[int]],
        places: Sequence[int],
        keys: Sequence[str],
        asked: SearchRound,
    ) -> Clock:
        kept = {number for number, tree in enumerate(trees) if tree.is_done}
        draw = Draw(self._sampling.temperature, self._sampling.top_p, self._sampling.top_k, asked.seed)
        answers = [problem.answer for problem in problems]

        def judge(ended: Sequence[tuple[int, list[int], bool]]) -> list[Judged]:
            pending = [
                (self._scorer.judge_text(self._codec.text(ids), answers[number]), by_itself)
                for number, ids, by_itself in ended
            ]
            return [Judged((v := future.result()).correct, v.extracted, by_itself) for future, by_itself in pending]

        def after_round(live: int) -> None:
            for number, tree in enumerate(trees):
                if tree.is_done and number not in kept:
                    kept.add(number)
                    self._journal.keep(asked.step, places[number], keys[number], tree)
            self._recorder.progress(len(trees) - live)
            self._glimpse(trees, problems, places, live, asked.step)

        return grow(trees, places, prompts, self._engine, judge, draw, self._codec.stop_ids, after_round)

    def _seedling(self, seed: int, wanted: int) -> GrowingTree:
        return GrowingTree(self._search, self._rule, wanted, self._codec.stop_ids, seed)

    def _rollouts(self, tree: GrowingTree) -> list[Rollout]:
        rollouts = []
        for recorded in tree.recorded:
            steps = [tree.tree.steps[node] for node in tree.tree.path(recorded.end)]
            ids = [token for step in steps for token in step.token_ids]
            judged = tree.judged[recorded.end]
            rollout = Rollout(
                token_ids=ids,
                text=self._codec.text(ids),
                finish_reason="stop" if judged.ended else "length",
                sampler_logprobs=np.concatenate([step.logprobs for step in steps]),
                entropies=np.concatenate([step.entropies for step in steps]),
                end=recorded.end,
            )
            self._scorer.settle(rollout, Verdict(judged.correct, judged.extracted, ""))
            rollouts.append(rollout)
        return rollouts

    def _glimpse(
        self, trees: Sequence[GrowingTree], problems: Sequence[Problem], places: Sequence[int], live: int, step: int
    ) -> None:
        """Show a few trees as they stand, now and then: those that grow before those that are done."""
        now = time.monotonic()
        if now < self._next_glimpse or not live:
            return
        shown: list[GrowingTreeShown] = []
        nodes = 0
        for number in sorted(range(len(trees)), key=lambda number: trees[number].is_done):
            size = len(trees[number].tree)
            if shown and (len(shown) == GLIMPSE_TREES or nodes + size > GLIMPSE_NODES):
                break
            nodes += size
            shown.append(growing_tree(trees[number], problems[number], places[number], self._codec))
        self._next_glimpse = now + GLIMPSE_EVERY_S * max(nodes / GLIMPSE_NODES, 1.0)
        self._recorder.emit(TreesGrowing(step=step, trees=shown, live=live, done=len(trees) - live))
