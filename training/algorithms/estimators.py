"""What n answers to each of many problems say of a model: avg@k, pass@k and maj@k, each with its interval.

Pure arithmetic: the trainer, the command line and the web compute the same figures from the same answers. Everything
is first computed for one problem, a value in [0, 1]; a figure is the mean over problems, and its interval comes from
the spread between problems, because answers to one problem resemble each other.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.rewards.compare import as_number, is_words, tidy

Z_95 = 1.959964
"""Normal quantile of a two-sided 95 % interval."""
BOOTSTRAP_ROUNDS = 1000
MAJORITY_DRAWS = 200
"""Choices of k answers to a problem over which maj@k is averaged."""
MOST_POINTS = 32
"""Of a curve over k."""

Votes = Mapping[tuple[str | None, bool], int]
"""Of one problem: (answer read off a response, whether it was judged right) → how many responses."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k answers is right, from n of which `right` are: 1 - C(n-c, k) / C(n, k).

    The unbiased estimator of Chen et al. (arXiv 2107.03374, eq. 1), as a product that cannot overflow.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise ValueError(f"pass@k needs 1 <= k <= n and 0 <= right <= n, got k={k}, n={n}, right={right}")
    if n - right < k:
        return 1.0
    return 1.0 - math.prod((n - right - i) / (n - i) for i in range(k))


def majority(votes: Votes) -> float:
    """Whether the answer given most often is right: 1, 0, or the share of right ones among those that tie.

    Answers judged right equal the reference, so they are one answer however they are written; wrong ones are one where
    plain text, numbers or words show that they are. A response without an answer has no vote.
    """
    right, wrong, _ = _ballots(votes)
    most = max(right, *wrong)
    if not most or right < most:
        return 0.0
    return 1.0 / (1 + wrong.count(most))


def majority_at_k(votes: Votes, k: int, draws: int = MAJORITY_DRAWS) -> float:
    """What `majority` is on average among k of the n answers.

    Exact for k = 1 and k = n; between them a mean over `draws` choices without replacement, the same each time.
    """
    right, wrong, silent = _ballots(votes)
    n = right + sum(wrong) + silent
    if not 1 <= k <= n:
        raise ValueError(f"maj@k needs 1 <= k <= n, got k={k}, n={n}")
    if k == n or not right:
        return majority(votes)
    if k == 1:
        return right / n
    chosen = np.random.default_rng(0).multivariate_hypergeometric([right, *wrong, silent], k, size=draws)
    won, others = chosen[:, 0], chosen[:, 1:-1]
    first = (won > 0) & (won >= others.max(axis=1))
    ties = (others == won[:, None]).sum(axis=1)
    return float(np.where(first, 1.0 / (1 + ties), 0.0).mean())


def _ballots(votes: Votes) -> tuple[int, list[int], int]:
    """Right answers, each distinct wrong one (a 0 where there is none), and responses without an answer."""
    wrong: dict[str, int] = {"": 0}
    right = silent = 0
    for (answer, correct), count in votes.items():
        if correct:
            right += count
        elif answer is None:
            silent += count
        else:
            name = canonical(answer)
            wrong[name] = wrong.get(name, 0) + count
    return right, list(wrong.values()), silent


def canonical(answer: str) -> str:
    """One spelling for answers that plain text shows to be equal: numbers by their digits, words without case."""
    text = tidy(answer)
    number = as_number(text)
    if number is not None:
        return number
    return text.casefold() if is_words(text) else text


def mean_interval(values: Sequence[float], most: int | None = None) -> Estimate:
    """Mean over problems of values in [0, 1], with its interval when problems are what was drawn at random.

    The standard error comes from the spread of the values. It is turned into an effective number of independent
    samples, at most `most`, for Wilson's interval, which stays within [0, 1] and does not shrink to nothing at 0 % or
    100 %.
    """
    count, share = len(values), math.fsum(values) / len(values)
    variance = math.fsum((value - share) ** 2 for value in values) / max(count - 1, 1) / count
    effective = min(share * (1 - share) / variance, most or count) if variance else count
    effective = max(effective, 1e-9)
    centre = (share + Z_95**2 / (2 * effective)) / (1 + Z_95**2 / effective)
    half = Z_95 / (1 + Z_95**2 / effective)
    half *= math.sqrt(share * (1 - share) / effective + Z_95**2 / (4 * effective**2))
    return Estimate(share, max(centre - half, 0.0), min(centre + half, 1.0))


def clustered_interval(correct: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """95 % interval of the share of right samples [problems][samples], by `mean_interval`."""
    means = [sum(samples) / len(samples) for samples in correct]
    found = mean_interval(means, sum(map(len, correct)))
    return found.low, found.high


def bootstrap_interval(values: Sequence[float], seed: int = 0, rounds: int = BOOTSTRAP_ROUNDS) -> Estimate:
    """Mean over problems of any values, with a percentile interval: problems are drawn again with replacement."""
    count = len(values)
    rng = random.Random(seed)
    means = sorted(math.fsum(rng.choices(values, k=count)) / count for _ in range(rounds))
    cut = round(0.025 * rounds)
    return Estimate(math.fsum(values) / count, means[cut], means[rounds - 1 - cut])


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test: of the problems that only one of two solves, is either share surprising?"""
    n = only_first + only_second
    if not n:
        return 1.0
    tail = sum(math.comb(n, i) for i in range(min(only_first, only_second) + 1))
    return min(float(2 * tail / 2**n), 1.0)


def curve_points(n: int) -> list[int]:
    """Every k from 1 to n, or about `MOST_POINTS` of them, evenly spread on a logarithmic axis."""
    if n <= MOST_POINTS:
        return list(range(1, n + 1))
    return sorted({round(n ** (i / (MOST_POINTS - 1))) for i in range(MOST_POINTS)})


def doublings(n: int) -> list[int]:
    """1, 2, 4, … and n."""
    return sorted({2**i for i in range(n.bit_length())} | {n})
