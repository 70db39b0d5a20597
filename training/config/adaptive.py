"""Knobs of adaptive training: the hard subset, and the cache of verified solutions (DeepSearch, section 4)."""

from typing import Literal

from pydantic import Field

from training.config.base import Config


class HardSubsetConfig(Config):
    """Train only on problems that direct sampling seldom solves, and look again after each phase (eq. 8 and 9).

    rStar2-Agent's third stage leaves out what is always solved: 8 responses, below a share of 1.
    """

    enabled: bool = False
    """Filter before the first step and after each phase."""

    samples: int = Field(default=4, ge=1, le=1024)
    """Responses to each problem that are looked at (K)."""

    threshold: float = Field(default=0.25, ge=0, le=1)
    """Share of right responses up to which a problem counts as hard (δ)."""

    rule: Literal["at_most", "below"] = "at_most"
    """at_most keeps the share itself (0/4 and 1/4, as released); below keeps smaller ones only, as the paper says."""

    phase_steps: int = Field(default=50, ge=1, le=1_000_000)
    """Steps after which the subset is measured again and the cache is filled."""

    smallest: int = Field(default=32, ge=1)
    """With fewer hard problems than this, the subset stays as it was."""


class SolutionCacheConfig(Config):
    """A problem with verified solutions skips the search: it gets them and direct responses (eq. 10 and 11)."""

    enabled: bool = True
    """Use cached solutions."""

    fill: Literal["rare", "phase", "at_once"] = "rare"
    """rare: after a phase, of problems solved in up to rare_share of their rollouts (released). phase: after a phase,
    of problems that are still hard (the paper; needs the hard subset). at_once: as soon as they are found."""

    rare_share: float = Field(default=0.25, gt=0, le=1)
    """Largest share of right rollouts in a phase for which a problem's solutions are kept."""

    per_problem: int = Field(default=8, ge=1, le=1024)
    """Most solutions kept for a problem."""

    prefer: Literal["newest", "shortest"] = "shortest"
    """Which of a problem's solutions are kept and used: those of the latest policies, or the shortest."""

    most_used: int = Field(default=4, ge=1, le=1024)
    """Most cached solutions in a group, so that direct responses remain to compare with; the paper has no limit."""

    share: bool = True
    """Take in what other runs on the same problems have found, and let them have what this one finds."""

    correction: Literal["none", "truncate"] = "none"
    """Off-policy correction of cached solutions: none (as released), or weights π / π_then cut at 2."""

    drop_garbage: bool = True
    """Leave wrong responses of endless repetition or garbled text out of training (appendix)."""
