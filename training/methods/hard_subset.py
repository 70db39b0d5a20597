"""The hard subset: the problems that direct sampling seldom solves, looked at again after each phase (eq. 8 and 9)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from training.config import HardSubsetConfig
from training.events import HardSubset
from training.experience.direct import DirectExperience
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import SamplingParams

RESPONSES_AT_ONCE = 4096
"""Of a look; more are sampled in parts, since all of a large set's responses would not fit in memory."""
ROUNDING = 1e-9
"""A threshold of 0.29 times 100 samples is meant to be 29."""


class Looked(NamedTuple):
    """A look at one problem."""

    right: int
    """Of its K direct responses."""
    tokens: int
    """Of all of them."""


def look(
    problems: Sequence[Problem],
    params: SamplingParams,
    experience: DirectExperience,
    recorder: Recorder,
    at_once: int = RESPONSES_AT_ONCE,
) -> Iterator[Looked]:
    """Ask each problem directly and count; no more than `at_once` responses are held, or those to one problem."""
    size = max(at_once // params.n, 1)
    with recorder.phase("filtering", total=params.n * len(problems)):
        for start in range(0, len(problems), size):
            recorder.begin_part(start * params.n)
            part = problems[start : start + size]
            for group in experience.gather(part, [params] * len(part), first=start, paid=False):
                yield Looked(sum(rollout.correct is True for rollout in group.rollouts), group.tokens_sampled)


def is_hard(right: int, samples: int, config: HardSubsetConfig) -> bool:
    """Whether a problem with so many right responses stays: a share of at most, or below, the threshold."""
    most = config.threshold * samples
    return right <= most + ROUNDING if config.rule == "at_most" else right < most - ROUNDING


def hard_ones(problems: Sequence[Problem], right: Sequence[int], config: HardSubsetConfig) -> list[Problem]:
    """Those of the problems that are hard, however few."""
    return [p for p, count in zip(problems, right, strict=True) if is_hard(count, config.samples, config)]


class HardProblems:
    """The problems that are trained on now. A phase may only narrow them, as in the paper."""

    def __init__(self, config: HardSubsetConfig, problems: Sequence[Problem]) -> None:
        self.current: list[Problem] = list(problems)
        self.phase = 0
        """Looks taken so far."""
        self._config = config
        self._all = {problem.id: problem for problem in problems}

    def narrow(self, right: Sequence[int]) -> list[bool]:
        """Keep the hard ones, given how many of K responses to each current problem were right.

        With fewer than `smallest` of them, the problems stay as they were. Returns what was kept.
        """
        kept = [is_hard(count, self._config.samples, self._config) for count in right]
        if sum(kept) < min(self._config.smallest, len(self.current)):
            kept = [True] * len(self.current)
        self.current = [problem for problem, keep in zip(self.current, kept, strict=True) if keep]
        self.phase += 1
        return kept

    def problem(self, name: str) -> Problem:
        """The problem of this id, hard or not."""
        return self._all[name]

    def figures(self) -> dict[str, float]:
        """How many problems are trained on, and their share of all."""
        return {"hard/problems": float(len(self.current)), "hard/share": len(self.current) / max(len(self._all), 1)}

    def event(
        self, step: int, looked_at: Sequence[Problem], right: Sequence[int], kept: Sequence[bool],
        cached: Sequence[bool], tokens: int,
    ) -> HardSubset:  # fmt: skip
        """What the look just taken found."""
        return HardSubset(
            step=step, phase=self.phase - 1, samples=self._config.samples, ids=[p.id for p in looked_at],
            right=list(right), kept=list(kept), cached=list(cached), tokens=tokens,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {"phase": self.phase, "ids": [problem.id for problem in self.current]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self.phase = state["phase"]
        self.current = [self._all[name] for name in state["ids"]]
