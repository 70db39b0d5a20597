"""How a response came by its reward and its advantage among its siblings, spelled out with the numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.inspection.models import EQUAL_SPREAD


@dataclass(frozen=True, slots=True)
class RewardPart:
    """One reward, before and after its weight."""

    name: str
    value: float
    weight: float

    @property
    def contribution(self) -> float:
        return self.weight * self.value


def reward_parts(parts: Mapping[str, float], config: Mapping[str, Any]) -> list[RewardPart]:
    """The parts of a reward with the weights of the run's config; a part it does not weigh counts once."""
    weights = dict(config.get("method", {}).get("reward", {}))
    weights["learned"] = (weights.get("learned") or {}).get("weight")
    return [RewardPart(name, float(value), _weight(weights.get(name))) for name, value in sorted(parts.items())]


def paid_beside(parts: Mapping[str, float], config: Mapping[str, Any]) -> float:
    """What a response of a search is paid besides being right or wrong."""
    weighed = reward_parts(parts, config)
    return sum(part.contribution for part in weighed if part.name in {"overlong", "missing_end", "learned"})


def _weight(stored: Any) -> float:
    return float(stored) if isinstance(stored, int | float) else 1.0


@dataclass(frozen=True, slots=True)
class Credit:
    """Where an advantage comes from: A = (r - mean) / std over the siblings of the group.

    r is the reward; beside cached solutions it is what the response is worth: ±1 and the overlong penalty.
    """

    rewards: list[tuple[float, int]]
    """Each reward of the group and how many responses earned it, highest first."""
    reward: float
    mean: float
    spread: float
    """What the difference was divided by; 1 where the run only subtracts the mean."""
    scale: str
    """``sample``, ``population`` or ``none``."""
    stored: float | None
    of_worth: bool = False

    @property
    def computed(self) -> float:
        return 0.0 if self.is_equal else (self.reward - self.mean) / self.spread

    @property
    def is_equal(self) -> bool:
        return self.rewards[0][0] - self.rewards[-1][0] <= EQUAL_SPREAD

    @property
    def agrees(self) -> bool:
        """Whether the stored advantage is what these numbers give."""
        return self.stored is None or math.isclose(self.stored, self.computed, rel_tol=1e-3, abs_tol=1e-3)

    @property
    def count(self) -> int:
        return sum(count for _, count in self.rewards)


def credit_of(
    reward: float,
    stored: float | None,
    siblings: Sequence[float],
    config: Mapping[str, Any],
    *,
    of_worth: bool = False,
) -> Credit | None:
    """The advantage of a response among the rewards of its group, itself included; None for an empty group."""
    if not siblings:
        return None
    scale = advantage_scale(config)
    count, mean = len(siblings), math.fsum(siblings) / len(siblings)
    squares = math.fsum((each - mean) ** 2 for each in siblings)
    freedom = max(count - 1, 1) if scale == "sample" else count
    spread = 1.0 if scale == "none" else math.sqrt(squares / freedom)
    rewards = sorted(Counter(siblings).items(), reverse=True)
    return Credit(rewards, reward, mean, spread, scale, stored, of_worth)


def advantage_scale(config: Mapping[str, Any]) -> str:
    """What differences to the mean are divided by: ``sample``, ``population`` or ``none``."""
    method = config.get("method", {})
    return str(
        method.get("loss", {}).get("advantage_scale", "none" if method.get("kind") == "deepsearch" else "sample")
    )
