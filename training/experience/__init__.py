"""How experience is gathered: problems go in, groups of scored responses come out."""

from training.experience.types import Group, Rollout

__all__ = ["Group", "Rollout"]
