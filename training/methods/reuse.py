"""Verified solutions in place of a search: which are served, which were found, and what that saved."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.codec import Codec
from training.config import SolutionCacheConfig
from training.distributed import Processes
from training.events import FoundSolution, RejectedSolution, SolutionsFound, UsedSolution
from training.experience.scoring import Scorer
from training.experience.types import Group, Rollout
from training.problems.types import Problem
from training.rewards.verifier import VERIFIER_VERSION
from training.solutions.cache import Solution, SolutionCache
from training.solutions.file import InvalidLine, SolutionLine, read_new
from training.solutions.keys import problem_key, solution_key


class SolutionReuse:
    """The run's cache of verified solutions, between the file that other runs fill and the groups of a step."""

    def __init__(
        self,
        config: SolutionCacheConfig,
        codec: Codec,
        scorer: Scorer,
        file: Path | None,
        room: int,
        processes: Processes,
    ) -> None:
        self._config = config
        self._codec = codec
        self._scorer = scorer
        self._file = file
        self._processes = processes
        self._room = room
        """Tokens a response may have."""
        self._cache = SolutionCache(config)
        self._tokenizer = codec.digest
        self._offset = 0
        self._trees, self._tree_tokens = 0, 0
        self._told: dict[str, set[str]] = {}
        """Solutions that this run has told of, by problem; None for a problem of which it will tell no more."""
        self._rejected: list[RejectedSolution] = []
        self._figures: dict[str, float] = {}

    def key_of(self, problem: Problem) -> str:
        """The name under which all runs know the problem."""
        return problem_key(problem.prompt, problem.answer)

    def has(self, problem: Problem) -> bool:
        """Whether the cache holds a solution of it."""
        return self._config.enabled and bool(self._cache.of(self.key_of(problem)))

    def catch_up(self) -> None:
        """Read what others have found, and what no longer counts."""
        if self._file is None or not self._config.enabled:
            return
        # All processes go by what the first one read: the file may grow between two looks.
        lines, self._offset = self._processes.gather(read_new(self._file, self._offset))[0]
        for line in lines:
            if isinstance(line, InvalidLine):
                self._cache.invalidate(line.problem, line.key)
                continue
            self._cache.reinstate(line.problem, line.key)
            solution = self._read(line) if self._config.share else None
            if solution is not None and len(solution.token_ids) <= self._room:
                self._cache.learn(line.problem, solution)

    def verified_for(self, problems: Sequence[Problem], most: int) -> list[list[Rollout]]:
        """For each problem its cached solutions as rollouts, at most `most`, each found right by the verifier of today.

        What it finds wrong is rejected for good; what it cannot tell (a time limit) waits for another step. All
        processes go by the verdicts of the first, since a verifier on a busy machine may run out of time elsewhere.
        """
        if not self._config.enabled:
            return [[] for _ in problems]
        keys = [self.key_of(problem) for problem in problems]
        asked = [
            (place, solution, self._scorer.judge_text(solution.text, problem.answer))
            for place, (problem, key) in enumerate(zip(problems, keys, strict=True))
            for solution in self._cache.of(key)
        ]
        verdicts = self._processes.gather([verdict.result() for _, _, verdict in asked])[0]
        rollouts: list[list[Rollout]] = [[] for _ in problems]
        for (place, solution, _), verdict in zip(asked, verdicts, strict=True):
            if verdict.correct is False:
                self._reject(keys[place], solution, verdict.reason)
            elif verdict.correct and len(rollouts[place]) < min(most, self._config.most_used):
                rollout = self._as_rollout(solution)
                self._scorer.settle(rollout, verdict)
                rollouts[place].append(rollout)
        return rollouts

    def end_phase(self, still_hard: set[str] | None, to_come: Sequence[Problem]) -> None:
        """Let the cache take in what the phase has found. `to_come` are all problems that later steps may ask."""
        self._cache.end_phase(still_hard)
        asked = {self.key_of(problem) for problem in to_come}
        self._told = {key: told for key, told in self._told.items() if key in asked}

    def account(self, step: int, groups: Sequence[Group]) -> SolutionsFound | None:
        """Note what a step found and used; returns what there is to tell others."""
        found: list[FoundSolution] = []
        used: list[UsedSolution] = []
        searches = [group.search.tokens for group in groups if group.search is not None]
        self._trees, self._tree_tokens = self._trees + len(searches), self._tree_tokens + sum(searches)
        for index, group in enumerate(groups):
            fresh = [rollout for rollout in group.rollouts if not rollout.cached]
            right = [rollout for rollout in fresh if rollout.correct is True and rollout.finish_reason == "stop"]
            key = self.key_of(group.problem)
            self._cache.note(key, [r.correct is True for r in fresh], [self._as_solution(r) for r in right])
            found += self._new_ones(key, group, index, right)
            used += self._used(key, group)
        reused = sum(any(rollout.cached for rollout in group.rollouts) for group in groups)
        self._figures = {
            "cache/reuse_share": reused / max(len(groups), 1),
            "cache/tokens_saved": float(sum(each.tokens_saved for each in used)),
            "cache/found": float(len(found)),
            "cache/rejected": float(len(self._rejected)),
        }
        rejected, self._rejected = self._rejected, []
        if not (found or used or rejected):
            return None
        return SolutionsFound(step=step, found=found, used=used, rejected=rejected)

    def figures(self, groups: int) -> dict[str, float]:
        """Of the step last accounted for."""
        if not self._config.enabled:
            return {}
        return self._figures | {"cache/problems": float(len(self._cache))}

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        counts = {"trees": self._trees, "tree_tokens": self._tree_tokens, "offset": self._offset}
        told = {problem: sorted(keys) for problem, keys in self._told.items()}
        return counts | {"cache": self._cache.state_dict(), "told": told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self._trees, self._tree_tokens, self._offset = state["trees"], state["tree_tokens"], state["offset"]
        self._cache.load_state_dict(state["cache"])
        self._told = {problem: set(keys or ()) for problem, keys in state["told"].items()}

    def _reject(self, problem: str, solution: Solution, reason: str) -> None:
        """Never serve it again, and tell the others."""
        self._cache.invalidate(problem, solution.key)
        told = RejectedSolution(problem=problem, key=solution.key, reason=reason)
        if told not in self._rejected:  # a problem may come up twice in a step
            self._rejected.append(told)

    def _read(self, line: SolutionLine) -> Solution | None:
        """As this model would say it: ended by one of its own stop ids. None where its tokenizer cannot write the text.

        Ids of another tokenizer mean something else, and another model may end its responses otherwise: then the text
        is read anew.
        """
        if line.tokenizer == self._tokenizer and self._ends_once(line.token_ids):
            logprobs = np.frombuffer(b64decode(line.logprobs), "<f4")
            return Solution(line.text, tuple(line.token_ids), tuple(logprobs.tolist()), line.verifier)
        ids = self._codec.response_ids(line.text)
        if not self._ends_once(ids) or solution_key(self._codec.text(ids)) != solution_key(line.text):
            return None
        return Solution(line.text, tuple(ids), (), line.verifier)

    def _ends_once(self, ids: Sequence[int]) -> bool:
        """Whether the last id ends a response, and none before it does."""
        return [place for place, token in enumerate(ids) if token in self._codec.stop_ids] == [len(ids) - 1]

    def _as_rollout(self, solution: Solution) -> Rollout:
        """Without log-probs of the policy that sampled it there is nothing to correct by."""
        known = len(solution.logprobs) == len(solution.token_ids)
        return Rollout(
            token_ids=list(solution.token_ids),
            text=solution.text,
            finish_reason="stop",
            sampler_logprobs=np.array(solution.logprobs if known else [0.0] * len(solution.token_ids), np.float32),
            entropies=np.zeros(len(solution.token_ids), np.float32),
            cached=True,
            corrected=known and self._config.correction == "truncate",
        )

    def _as_solution(self, rollout: Rollout) -> Solution:
        logprobs = tuple(rollout.sampler_logprobs.tolist())
        return Solution(rollout.text, tuple(rollout.token_ids), logprobs, VERIFIER_VERSION)

    def _new_ones(self, key: str, group: Group, index: int, right: Sequence[Rollout]) -> list[FoundSolution]:
        """Solutions that the cache has taken in and this run has not told of before: what is used is known to all."""
        told = self._told.setdefault(key, set()) if right else set()
        new = []
        for rollout in sorted(right, key=len):
            name = self._as_solution(rollout).key
            if name not in told and self._cache.holds(key, name):
                told.add(name)
                new.append(self._as_found(key, group, index, rollout))
        return new

    def _as_found(self, key: str, group: Group, index: int, rollout: Rollout) -> FoundSolution:
        return FoundSolution(
            problem=key,
            problem_id=group.problem.id,
            prompt=group.problem.prompt,
            answer=group.problem.answer,
            text=rollout.text,
            token_ids=rollout.token_ids,
            logprobs=b64encode(rollout.sampler_logprobs.astype("<f4").tobytes()).decode("ascii"),
            tokenizer=self._tokenizer,
            verifier=VERIFIER_VERSION,
            index=index,
            node=rollout.end,
        )

    def _used(self, key: str, group: Group) -> list[UsedSolution]:
        """What the group's cached solutions saved, divided among them.

        That is what this run's searches have cost on average, less the group's direct responses; nothing where those
        cost more, or before the first search.
        """
        cached = [rollout for rollout in group.rollouts if rollout.cached]
        if not cached:
            return []
        average = round(self._tree_tokens / self._trees) if self._trees else 0
        each, left = divmod(max(average - group.tokens_sampled, 0), len(cached))
        return [
            UsedSolution(problem=key, key=self._as_solution(rollout).key, tokens_saved=each + (place < left))
            for place, rollout in enumerate(cached)
        ]
