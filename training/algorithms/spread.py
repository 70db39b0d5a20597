"""Which groups of rewards teach something, by how far they lie apart (SRL's dynamic sampling, arXiv 2510.25992)."""

import math
from collections.abc import Sequence


def population_spread(rewards: Sequence[float]) -> float:
    """√(1/G Σ (r - mean)²) of a group of G rewards, without Bessel's correction."""
    mean = math.fsum(rewards) / len(rewards)
    return math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / len(rewards))


def is_kept(rewards: Sequence[float], threshold: float) -> bool:
    """Whether the group is learned from: its spread is above the threshold, not at it."""
    return max(rewards) > min(rewards) and population_spread(rewards) > threshold
