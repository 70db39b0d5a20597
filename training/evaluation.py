"""Held-out accuracy: sampled pass@1 with its confidence interval, and greedy accuracy, always on the same problems."""

import math
from collections.abc import Sequence
from dataclasses import replace

from training.experience.direct import DirectExperience
from training.experience.types import Group
from training.methods.types import Outcome
from training.problems.types import Problem
from training.recorder import Recorder
from training.sampling.types import SamplingParams

Z_95 = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


class Evaluator:
    """Asks the same problems with the same random numbers each time, so that what changes is the policy."""

    def __init__(
        self, experience: DirectExperience, problems: Sequence[Problem], params: SamplingParams, recorder: Recorder
    ) -> None:
        self._experience = experience
        self._problems = list(problems)
        self._params = params
        self._recorder = recorder

    def evaluate(self) -> Outcome:
        """Sample each problem `params.n` times and once greedily. The score is the sampled pass@1."""
        greedy = replace(self._params, n=1, temperature=0.0)
        count = len(self._problems)
        with self._recorder.phase("evaluating"):
            both = self._experience.gather(self._problems * 2, [self._params] * count + [greedy] * count)
        sampled, likeliest = both[:count], both[count:]
        correct = [[rollout.correct is True for rollout in group.rollouts] for group in sampled]
        pass_at_1 = sum(map(sum, correct)) / (count * self._params.n)
        low, high = clustered_interval(correct)
        lengths = [len(rollout) for group in sampled for rollout in group.rollouts]
        metrics = {
            "heldout/pass_at_1": pass_at_1,
            "heldout/pass_at_1_low": low,
            "heldout/pass_at_1_high": high,
            "heldout/greedy": sum(group.rollouts[0].correct is True for group in likeliest) / count,
            "heldout/length_mean": sum(lengths) / len(lengths),
        }
        return Outcome(metrics, _merged(sampled, likeliest), score=pass_at_1)


def clustered_interval(correct: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """95 % interval of the share of correct samples [problems][samples], when problems are what was drawn at random.

    Samples of one problem resemble each other, so the standard error comes from the spread of the problems' means.
    It is turned into an effective number of independent samples for Wilson's interval, which stays within [0, 1] and
    does not shrink to nothing at 0 % or 100 %.
    """
    means = [sum(samples) / len(samples) for samples in correct]
    count, share = len(means), sum(means) / len(means)
    variance = sum((mean - share) ** 2 for mean in means) / max(count - 1, 1) / count
    effective = min(share * (1 - share) / variance, sum(map(len, correct))) if variance else count
    centre = (share + Z_95**2 / (2 * effective)) / (1 + Z_95**2 / effective)
    half = Z_95 / (1 + Z_95**2 / effective)
    half *= math.sqrt(share * (1 - share) / effective + Z_95**2 / (4 * effective**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _merged(sampled: Sequence[Group], likeliest: Sequence[Group]) -> list[Group]:
    for group, greedy in zip(sampled, likeliest, strict=True):
        greedy.rollouts[0].greedy = True
        group.rollouts.append(greedy.rollouts[0])
    return list(sampled)
