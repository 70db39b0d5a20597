"""Knobs of Resample-on-Correct: many rollouts are drawn, few are learned from (rStar2-Agent, section 2.2.3)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible

MOST_SAMPLES = 1024
"""As many as `SamplingConfig.samples_per_prompt` may be."""


class RocConfig(Config):
    """Draw more rollouts than are learned from: failures are kept as they come, successes by how clean they are."""

    enabled: bool = False
    """Draw oversample times samples_per_prompt, keep samples_per_prompt of each group, drop groups of equal rewards."""

    oversample: int = Field(default=2, ge=2, le=8)
    """Rollouts drawn for each one that is kept."""

    rule: Literal["paper", "released"] = "paper"
    """paper: clean successes are likelier to be drawn, half of the failures stay. released: the cleanest successes
    stay, halves are rounded to even, and both kinds have a minimum."""

    error_ratio: bool = True
    """Successes with failing tool calls count as less clean; those without any call by half."""

    answer_format: bool = True
    """Successes without an answer tag, or with several, count as less clean."""

    epsilon: float = Field(default=0.01, gt=0, le=1)
    """A success is drawn with weight 1 / (penalty + epsilon), by the paper's rule: the smaller, the more the spotless
    ones are preferred."""

    min_right: int = Field(default=2, ge=0, le=1024)
    """Successes that stay of a group where there are that many, by the released rule."""

    min_wrong: int = Field(default=2, ge=0, le=1024)
    """Failures that stay of a group where there are that many, by the released rule."""

    @model_validator(mode="after")
    def _something_makes_a_success_clean(self) -> Self:
        if self.enabled and not (self.error_ratio or self.answer_format):
            raise impossible(
                "with neither the error ratio nor the answer format no success is cleaner than another; "
                "switch one of them on",
                {"error_ratio": True},
                {"answer_format": True},
                {"enabled": False},
            )
        return self


def minimums_fit(roc: RocConfig, group: int) -> None:
    """Raise, named as from the method, when the minimums together are more than the rollouts that are kept."""
    together = roc.min_right + roc.min_wrong
    if not roc.enabled or roc.rule != "released" or together <= group:
        return
    fixes = [{"roc.min_right": group // 2, "roc.min_wrong": group // 2}]
    if together <= MOST_SAMPLES:
        fixes.append({"sampling.samples_per_prompt": together})
    message = (
        f"at least {roc.min_right} right and {roc.min_wrong} wrong rollouts cannot both stay in a group of {group}"
    )
    raise impossible(message, *fixes)
