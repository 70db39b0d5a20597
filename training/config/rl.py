"""Knobs that every reinforcement learning method shares: sampling, rewards, loss, updates."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.learned import LearnedRewardConfig
from training.config.nearest import MOST_SEQUENCES, MOST_TOKENS, MOST_UPDATES, nearest_divisor, nearest_multiple
from training.config.overoptimisation import OveroptimisationConfig


class SamplingConfig(Config):
    """How responses are drawn from the policy."""

    prompts_per_step: int = Field(default=32, ge=1, le=MOST_SEQUENCES)
    """Distinct problems sampled at each step."""

    samples_per_prompt: int = Field(default=8, ge=2, le=1024)
    """Responses drawn for each problem (the group size G)."""

    max_tokens: int = Field(default=96, ge=1, le=MOST_TOKENS)
    """Longest response; what reaches it is cut and counted as truncated."""

    temperature: float = Field(default=1.0, gt=0, le=5)
    """Divides the logits before sampling."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Smallest set of tokens whose probability reaches this; 1 keeps all."""

    top_k: int = Field(default=0, ge=0)
    """Only the k likeliest tokens; 0 keeps all."""

    max_rows: int = Field(default=512, ge=1, le=65_536)
    """Most responses decoded at once; more wait their turn."""


class RewardConfig(Config):
    """What a response is paid for."""

    accuracy: float = Field(default=1.0, ge=0)
    """Paid when the verifier finds the answer right."""

    format: float = Field(default=0.0, ge=0)
    """Paid when the response follows the format below."""

    format_rule: Literal["answer", "think_answer"] = "answer"
    """answer: exactly one final answer is marked. think_answer: <think>…</think> followed by <answer>…</answer>."""

    language: float = Field(default=0.0, ge=0)
    """Paid for the share of the words of the reasoning that are in the script below (DeepSeek-R1: language
    consistency); reasoning without words, in digits and symbols, gets all of it."""

    language_script: Literal["latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "hangul", "cjk"] = "latin"
    """The script of the language to think in; which language a word is of is not looked at."""

    overlong_buffer: int = Field(default=0, ge=0)
    """DAPO soft overlong penalty: from max_tokens minus this, falls linearly to -1 at max_tokens; 0 turns it off."""

    missing_end: float = Field(default=0.0, ge=0)
    """Taken off a response that was cut at max_tokens before it came to an end of its own."""

    verifier_timeout_s: float = Field(default=3.0, gt=0, le=120)
    """Longest time one answer may take to verify."""

    learned: LearnedRewardConfig = LearnedRewardConfig()


class SurrogateConfig(Config):
    """The clipped policy-gradient loss and its options."""

    surrogate: Literal["clip", "cispo"] = "clip"
    """clip: PPO's minimum of ratio and clipped ratio. cispo: the clipped ratio, detached, weighs the log-likelihood."""

    ratio: Literal["token", "sequence", "sequence_token"] = "token"
    """Level of the probability ratio: token (GRPO), sequence (GSPO), sequence_token (GSPO-token)."""

    clip_low: float = Field(default=0.2, gt=0)
    """The ratio is clipped below at 1 minus this."""

    clip_high: float = Field(default=0.2, gt=0)
    """The ratio is clipped above at 1 plus this (clip-higher: 0.28)."""

    dual_clip: float | None = Field(default=None, gt=1)
    """Bounds the loss of negative advantages at this many times the advantage; empty for none."""

    aggregation: Literal["token_mean", "seq_mean_token_mean", "sum_norm"] = "token_mean"
    """token_mean (DAPO), seq_mean_token_mean (GRPO), sum_norm: token sum over sequences × max_tokens (Dr. GRPO)."""

    importance: Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"] = "none"
    """Weigh what the sampler drew by π_trainer / π_sampler, where these differ: kernels, precision, older weights.
    Of each token, or the product over a response; truncate (TIS) cuts large weights, mask (MIS, IcePop) drops them."""

    importance_cap: float = Field(default=2.0, gt=0)
    """Weights above this are cut to it (truncate) or to zero (mask)."""

    importance_floor: float = Field(default=0.0, ge=0)
    """mask: weights below this are set to zero, too (IcePop: 0.5, with a cap of 5); truncate has none."""

    old_policy: Literal["recomputed", "sampler"] = "recomputed"
    """What the clipped ratio compares with: log-probabilities by the trainer's own forward as the step begins, or those
    the sampler reported, which saves that forward and clips the sampler's difference with the update's."""

    @model_validator(mode="after")
    def _bounds_leave_something(self) -> Self:
        if self.importance_floor >= self.importance_cap:
            raise impossible(
                f"no weight is at least {self.importance_floor:g} and at most {self.importance_cap:g}",
                {"importance_floor": self.importance_cap / 2},
                {"importance_floor": 0.0},
            )
        return self

    @model_validator(mode="after")
    def _corrects_once(self) -> Self:
        if self.old_policy == "sampler" and self.importance != "none":
            raise impossible(
                "a ratio to the sampler's own log-probabilities leaves no difference for importance weights to correct",
                {"importance": "none"},
                {"old_policy": "recomputed"},
            )
        return self


class LossConfig(SurrogateConfig):
    """The clipped loss of methods that compare siblings, with its penalty for leaving the reference."""

    advantage_scale: Literal["sample", "population", "none"] = "sample"
    """Divide by the group's sample or population standard deviation, or only subtract the mean (Dr. GRPO)."""

    kl_coefficient: float = Field(default=0.0, ge=0)
    """Weight of the KL penalty to the reference policy; 0 leaves it out."""

    kl_estimator: Literal["k1", "k2", "k3"] = "k3"
    """Schulman's estimators of KL(policy‖reference)."""

    reference_refresh_steps: int = Field(default=0, ge=0)
    """Replace the reference by the policy every so many steps; 0 never."""


class RlMethod(Config):
    """What GRPO and the methods that gather their experience otherwise have in common."""

    sampling: SamplingConfig = SamplingConfig()

    reward: RewardConfig = RewardConfig()

    loss: SurrogateConfig = LossConfig()

    updates_per_step: int = Field(default=1, ge=1, le=MOST_UPDATES)
    """Optimizer updates each batch of rollouts is split into; the old policy is kept through all of them."""

    overoptimisation: OveroptimisationConfig = OveroptimisationConfig()

    @property
    def kl_in_loss(self) -> float:
        """Weight of the KL penalty in the loss."""
        return self.loss.kl_coefficient if isinstance(self.loss, LossConfig) else 0.0

    @property
    def needs_reference(self) -> bool:
        """Whether a frozen copy of the policy is kept: for a penalty, or to tell how far a learned reward leads."""
        return self.kl_in_loss > 0 or self.reward.learned.enabled

    @property
    def updates_a_step(self) -> int:
        """Optimizer updates of a step in all."""
        return self.updates_per_step

    @property
    def keeps_old_policy(self) -> bool:
        """Whether log-probabilities are fixed before the first update, since later ones still need them."""
        return self.updates_per_step > 1 and self.loss.old_policy == "recomputed"

    @model_validator(mode="after")
    def _updates_divide_prompts(self) -> Self:
        prompts, updates = self.sampling.prompts_per_step, self.updates_per_step
        if prompts % updates:
            fewer = nearest_divisor(prompts, updates, MOST_UPDATES)
            more = nearest_multiple(prompts, updates, MOST_SEQUENCES)
            raise impossible(
                f"{prompts} prompts per step cannot be split into {updates} equal updates; "
                f"nearest that work: {fewer} update{'s' * (fewer > 1)}, or {more} prompts per step",
                {"updates_per_step": fewer},
                {"sampling.prompts_per_step": more},
            )
        return self

    @model_validator(mode="after")
    def _overlong_fits(self) -> Self:
        longest, buffer = self.sampling.max_tokens, self.reward.overlong_buffer
        if buffer and buffer >= longest:
            raise impossible(
                f"the overlong buffer ({buffer} tokens) must be smaller than max_tokens ({longest}); "
                f"a fifth of it is DAPO's choice: {longest // 5}",
                {"reward.overlong_buffer": longest // 5},
            )
        return self
