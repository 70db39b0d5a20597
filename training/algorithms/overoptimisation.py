"""How far a stand-in for what is wanted can be followed before what is wanted gets worse.

After Gao et al. (arXiv 2210.10760). A policy is optimised for a proxy reward and judged by a gold reward. The distance
it has come is d = √KL(policy‖initial policy), in square roots of nats; gold rewards are counted from that of the
initial policy, so that they are 0 at d = 0. Pure arithmetic on numbers that were measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Method = Literal["best_of_n", "rl"]


def best_of_n_kl(n: int) -> float:
    """KL(best of n‖one sample) in nats, log n - (n-1)/n, where no two samples have the same proxy reward."""
    if n < 1:
        raise ValueError(f"the best of {n} samples does not exist")
    return math.log(n) - (n - 1) / n


@dataclass(frozen=True, slots=True)
class Peak:
    """Where optimising further begins to hurt."""

    distance: float
    """d* in √nats; its square is the KL."""
    gold: float
    """Gold reward there, above that of the initial policy."""


@dataclass(frozen=True, slots=True)
class GoldCurve:
    """Gold reward against distance: d (a - b d) for the best of n, d (a - b log d) for reinforcement learning."""

    method: Method
    a: float
    b: float

    def gold(self, distance: float) -> float:
        """At a distance in √nats; ValueError below 0. The curve of reinforcement learning was not made for d near 0."""
        if distance < 0:
            raise ValueError(f"a distance is 0 or above, got {distance}")
        if distance == 0:
            return 0.0
        return distance * (self.a - self.b * (distance if self.method == "best_of_n" else math.log(distance)))

    def peak(self) -> Peak | None:
        """Where the curve is highest; None where it has no end (b is 0 or below), or falls from the start (a is)."""
        if self.b <= 0 or (self.method == "best_of_n" and self.a <= 0):
            return None
        if self.method == "best_of_n":
            return Peak(self.a / (2 * self.b), self.a**2 / (4 * self.b))
        try:
            distance = math.exp(self.a / self.b - 1)
        except OverflowError:  # so far away that no policy gets there
            return None
        return Peak(distance, self.b * distance)


def fit_gold_curve(method: Method, distances: Sequence[float], golds: Sequence[float]) -> GoldCurve:
    """The curve with the least squared error at points (distance in √nats, gold reward above the initial policy's).

    Both curves are linear in a and b. Points at distance 0 say nothing, for every curve passes through (0, 0). Raises
    ValueError for points that do not determine a curve or are no points.
    """
    d, gold = np.asarray(distances, dtype=np.float64), np.asarray(golds, dtype=np.float64)
    if d.shape != gold.shape or d.ndim != 1:
        raise ValueError(f"{len(distances)} distances for {len(golds)} gold rewards")
    if not (np.isfinite(d).all() and np.isfinite(gold).all() and (d >= 0).all()):
        raise ValueError("distances are to be finite and 0 or above, gold rewards finite")
    d, gold = d[d > 0], gold[d > 0]
    if (distinct := len(np.unique(d))) < 2:
        raise ValueError(f"a curve needs points at 2 distinct distances above 0 or more, got {distinct}")
    terms = np.column_stack([d, -d * (d if method == "best_of_n" else np.log(d))])
    # Columns of one length let the rank tell points that are too near to each other, and not small distances.
    lengths = np.linalg.norm(terms, axis=0)
    if not lengths.all():
        raise ValueError("the distances are too small to fit a curve")
    solution, _, rank, _ = np.linalg.lstsq(terms / lengths, gold, rcond=None)
    if rank < 2:
        raise ValueError("the distances are too near to each other to fit a curve")
    a, b = (solution / lengths).tolist()
    return GoldCurve(method, a, b)


def expected_best_of_n(proxies: Sequence[float], golds: Sequence[float]) -> npt.NDArray[np.float64]:
    """Expected gold reward of the best of n samples by proxy, for n = 1 .. N: float64 [N].

    From N samples to one prompt, and unbiased: the mean over all choices of n of them. The sample of rank i by rising
    proxy is the best of C(i-1, n-1) of the C(N, n) choices. Among samples of equal proxy the best is drawn fairly, so
    that each counts with their mean. Takes N² steps, in one pass over n. Raises ValueError for lists of different
    lengths, empty ones and values that are not finite.
    """
    proxy, gold = np.asarray(proxies, dtype=np.float64), np.asarray(golds, dtype=np.float64)
    if proxy.shape != gold.shape or proxy.ndim != 1 or not len(proxy):
        raise ValueError(f"{len(proxies)} proxy and {len(golds)} gold rewards: one of each a sample, and one at least")
    if not (np.isfinite(proxy).all() and np.isfinite(gold).all()):
        raise ValueError("proxy and gold rewards are to be finite")
    _, group, sizes = np.unique(proxy, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=gold) / sizes
    ranked = np.repeat(means, sizes)
    count = len(proxy)
    ranks = np.arange(1, count + 1)
    expected = np.empty(count)
    weights = np.full(count, 1 / count)
    for n in range(1, count + 1):
        expected[n - 1] = weights @ ranked
        if n < count:
            # C(i-1, n) / C(N, n+1) from C(i-1, n-1) / C(N, n); 0 from rank n downwards.
            weights *= np.maximum(ranks - n, 0) * ((n + 1) / (n * (count - n)))
    return expected
