"""Why a token was reinforced: the coefficient that training put on its log-probability.

For the clipped objective J = Σ w · (min(ρA, clip(ρ)A) - β·KL), that training maximises, the direct push on log π of a
token is

    c_t = w · (A · ρ_t · 1[not clipped] - β · ∂KL/∂log π) · mask_t

with ρ = π/π_old and, for the k3 estimator, ∂KL/∂log π = 1 - e^δ, δ = log π_ref - log π (k1: 1, k2: -δ). It is what the
gradient is multiplied with, not how far the token moves: all tokens share the same weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from webapp.inspection.token_arrays import Numbers, TokenArrays

DEFAULTS: dict[str, dict[str, Any]] = {
    "grpo": {},
    "ppo": {},
    "deepsearch": {"clip_high": 0.28, "dual_clip": 10.0},
    "srl": {"aggregation": "seq_mean_token_mean"},
}
"""Methods with such a loss, and where their values are not the common ones."""


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What of a run's stored config the push depends on. Unknown keys and old configs are read with the defaults."""

    surrogate: str
    ratio: str
    clip_low: float
    clip_high: float
    dual_clip: float | None
    aggregation: str
    kl_coefficient: float
    kl_estimator: str
    importance: str
    max_tokens: int
    updates: int
    """That the groups of a step are split into."""
    epochs: int
    """Times that they are learned from; each but the last says nothing of the figures that are kept."""

    @property
    def updates_a_step(self) -> int:
        return self.updates * self.epochs

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "LossSettings | None":
        """None for methods without such a loss."""
        method = config.get("method", {})
        if method.get("kind") not in DEFAULTS:
            return None
        loss = DEFAULTS[method["kind"]] | method.get("loss", {})
        return cls(
            surrogate=loss.get("surrogate", "clip"),
            ratio=loss.get("ratio", "token"),
            clip_low=loss.get("clip_low", 0.2),
            clip_high=loss.get("clip_high", 0.2),
            dual_clip=loss.get("dual_clip"),
            aggregation=loss.get("aggregation", "token_mean"),
            kl_coefficient=loss.get("kl_coefficient", 0.0),
            kl_estimator=loss.get("kl_estimator", "k3"),
            importance=loss.get("importance", "none"),
            max_tokens=method.get("sampling", {}).get("max_tokens", 1),
            updates=method.get("updates_per_step", 1),
            epochs=method.get("epochs", 4 if method["kind"] == "ppo" else 1),
        )


@dataclass(frozen=True, slots=True)
class UpdateSize:
    """All sequences of the optimiser update that a response took part in."""

    sequences: int
    tokens: int


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """What a token counts in the loss, with the formula and its numbers."""

    value: float
    formula: str
    numbers: str


def token_weight(settings: LossSettings, update: UpdateSize, length: int) -> TokenWeight:
    """The weight of each token of a response of ``length`` tokens, by the run's aggregation."""
    if settings.aggregation == "token_mean":
        return TokenWeight(1 / max(update.tokens, 1), "1 / Σ|o|", f"1 / {update.tokens:,}")
    if settings.aggregation == "seq_mean_token_mean":
        value = 1 / (update.sequences * max(length, 1))
        return TokenWeight(value, "1 / (S · |o|)", f"1 / ({update.sequences:,} · {length:,})")
    value = 1 / (update.sequences * settings.max_tokens)
    return TokenWeight(value, "1 / (S · max_tokens)", f"1 / ({update.sequences:,} · {settings.max_tokens:,})")


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """The push on every token of a response, and its two terms before weighting. Arrays are [T]."""

    total: Numbers
    """c_t."""
    policy: Numbers
    """A·ρ, 0 where clipped (cispo: A·clip(ρ))."""
    kl: Numbers
    """β·∂KL/∂log π, 0 without a KL term."""
    weight: TokenWeight

    @property
    def is_uniform(self) -> bool:
        """Whether every token that was trained got the same push."""
        pushed = self.total[self.total != 0]
        return bool(pushed.size) and float(np.ptp(pushed)) <= 1e-6 * float(np.abs(pushed).max())

    def rank(self, token: int) -> int:
        """Place of a token when those of this response are sorted by the size of their push; the hardest is 1."""
        sizes = np.abs(self.total)
        return int((sizes > sizes[token] * (1 + 1e-9)).sum()) + 1


def push_of(arrays: TokenArrays, settings: LossSettings, weight: TokenWeight) -> Push | None:
    """The push on each token of a response that was trained on; None where what it needs was not kept.

    A response with no advantage is not run through the model unless there is a KL term: its push is exactly 0.
    """
    count = len(arrays)
    advantage, ratio = arrays.get("advantage"), arrays.get("ratio")
    if advantage is None:
        return None
    if ratio is None:
        if np.any(advantage) or settings.kl_coefficient:
            return None
        ratio = np.ones(count)
    mask = arrays.get("mask")
    mask = np.ones(count) if mask is None else mask
    kl = _kl_term(arrays, settings, ratio)
    if kl is None:
        return None
    policy = _policy_term(arrays, settings, advantage, ratio)
    return Push(weight.value * (policy - kl) * mask, policy * mask, kl * mask, weight)


def _policy_term(arrays: TokenArrays, settings: LossSettings, advantage: Numbers, ratio: Numbers) -> Numbers:
    if settings.surrogate == "cispo":
        return advantage * np.clip(ratio, 1 - settings.clip_low, 1 + settings.clip_high)
    clipped = arrays.get("clipped")
    if clipped is None:
        return np.where(_beyond_bounds(settings, advantage, ratio), 0.0, advantage * ratio)
    return np.where(clipped != 0, 0.0, advantage * ratio)


def _beyond_bounds(settings: LossSettings, advantage: Numbers, ratio: Numbers) -> npt.NDArray[np.bool_]:
    beyond = np.where(advantage > 0, ratio > 1 + settings.clip_high, ratio < 1 - settings.clip_low)
    if settings.dual_clip is not None:
        beyond = beyond | ((advantage < 0) & (ratio > settings.dual_clip))
    return beyond


def _kl_term(arrays: TokenArrays, settings: LossSettings, ratio: Numbers) -> Numbers | None:
    if not settings.kl_coefficient:
        return np.zeros(len(arrays))
    logprob, reference = arrays.get("logprob"), arrays.get("ref_logprob")
    if logprob is None or reference is None:
        return None
    # Of ratios over whole sequences, the token's own move is not kept; its old log-prob stands in for the new one.
    moved = np.log(ratio) if settings.ratio == "token" else 0.0
    delta = reference - (logprob + moved)
    slope = {"k1": np.ones_like(delta), "k2": -delta}.get(settings.kl_estimator, -np.expm1(delta))
    return settings.kl_coefficient * slope
