"""How much the distance from the reference policy costs: the coefficient β of the KL penalty, fixed or controlled."""

import math
from collections.abc import Mapping
from typing import Protocol

MOST_ERROR = 0.2
"""Relative distance from the target beyond which the coefficient moves no faster."""


class KlControl(Protocol):
    """Gives the coefficient of an update and learns from the KL that was measured in it."""

    coefficient: float

    def update(self, kl: float, sequences: int) -> None:
        """Take in the mean KL of a sequence in nats, measured over so many of them."""

    def state_dict(self) -> dict[str, float]:
        """What a checkpoint keeps."""

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint; ValueError for what is no state of a controller."""


class FixedKl:
    """The same coefficient throughout; a checkpoint does not override what the config says."""

    def __init__(self, coefficient: float) -> None:
        self.coefficient = _checked(coefficient)

    def update(self, kl: float, sequences: int) -> None:
        """Nothing to learn."""

    def state_dict(self) -> dict[str, float]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Nothing to go on from."""


class AdaptiveKl:
    """Steers the KL of a sequence to a target (Ziegler et al., arXiv 1909.08593, section 2.2).

    β ← β · (1 + clip(KL / target - 1, ±0.2) · sequences / horizon): the coefficient grows by a factor of about e^0.2
    over `horizon` sequences that are far above `target` nats, and shrinks likewise below it.
    """

    def __init__(self, coefficient: float, target: float, horizon: int) -> None:
        if not (0 < target < math.inf and horizon > 0):
            raise ValueError(f"target and horizon are to be above 0, got {target} and {horizon}")
        self.coefficient = _checked(coefficient)
        if not coefficient:
            raise ValueError("a coefficient of 0 stays 0 whatever the KL: start above it")
        self.target = target
        self.horizon = horizon

    def update(self, kl: float, sequences: int) -> None:
        """Move the coefficient after an update of so many sequences whose mean KL was `kl` nats.

        Raises ValueError for a KL that is not finite, and for so many sequences that the coefficient could reach 0.
        """
        if not math.isfinite(kl):
            raise ValueError(f"the KL of an update is not finite: {kl}")
        if not 0 <= sequences * MOST_ERROR < self.horizon:
            raise ValueError(f"{sequences} sequences an update are too many for a horizon of {self.horizon}")
        error = min(max(kl / self.target - 1, -MOST_ERROR), MOST_ERROR)
        self.coefficient *= 1 + error * sequences / self.horizon

    def state_dict(self) -> dict[str, float]:
        """The coefficient."""
        return {"coefficient": self.coefficient}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on with the coefficient of a checkpoint; target and horizon are the config's."""
        if state.keys() != {"coefficient"}:
            raise ValueError(f"no state of an adaptive coefficient: {sorted(state)}")
        self.coefficient = _checked(state["coefficient"])


def _checked(coefficient: float) -> float:
    if not 0 <= coefficient < math.inf:
        raise ValueError(f"a coefficient of KL is 0 or above, got {coefficient}")
    return float(coefficient)
