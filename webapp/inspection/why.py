"""Why one token was reinforced, from the reward to the push on its log-probability, with the numbers in between."""

import math
from dataclasses import dataclass

import numpy as np

from training.token_classes import UNCLASSED
from webapp.inspection.push import LossSettings, Push
from webapp.inspection.rollout_page import RolloutPage
from webapp.inspection.scales import CLASS
from webapp.inspection.tree_credit import StepCredit
from webapp.inspection.visible import visible


@dataclass(frozen=True, slots=True)
class Why:
    """One token and what training did about it. Figures that were not kept are None."""

    token: int
    count: int
    text: str
    token_id: int | None
    logprob: float | None
    entropy: float | None
    advantage: float | None
    value: float | None
    """What a critic expected still to come before the token."""
    ratio: float | None
    is_clipped: bool
    is_masked: bool
    settings: LossSettings | None
    push: Push | None
    step: StepCredit | None
    """What the token's step was credited with, for responses of a tree."""
    writer: str
    """Who put the token there where the model did not draw it; empty where it did."""
    kind: str
    """Its class among the most uncertain tokens; empty where it is not one of them."""
    untrained: str
    """Why there is no push, in words; empty where there is one."""

    @property
    def probability(self) -> float | None:
        return None if self.logprob is None else math.exp(self.logprob)

    @property
    def total(self) -> float | None:
        """c_t."""
        return None if self.push is None else float(self.push.total[self.token])

    @property
    def policy(self) -> float | None:
        return None if self.push is None else float(self.push.policy[self.token])

    @property
    def kl(self) -> float | None:
        return None if self.push is None else float(self.push.kl[self.token])

    @property
    def rank(self) -> int | None:
        return None if self.push is None else self.push.rank(self.token)

    @property
    def log_ratio(self) -> float | None:
        return math.log(self.ratio) if self.ratio else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        return None if self.settings is None else (1 - self.settings.clip_low, 1 + self.settings.clip_high)

    @property
    def direction(self) -> str:
        """What the push does to the token's probability."""
        if not self.total:
            return "no push"
        return "made more likely" if self.total > 0 else "made less likely"

    @property
    def effect(self) -> str:
        """The same for a heading: what was done to the token."""
        if not self.total:
            return "left alone"
        return "reinforced" if self.total > 0 else "discouraged"

    @property
    def clip_reason(self) -> str:
        """Which bound took the gradient away."""
        if not self.is_clipped or self.settings is None or self.ratio is None or not self.advantage:
            return ""
        if self.advantage > 0:
            return "it had already become likelier than the upper bound allows"
        if self.settings.dual_clip is not None and self.ratio > self.settings.dual_clip:
            return "the dual clip bounds losses of such unlikely moves"
        return "it had already become less likely than the lower bound allows"


def explain(page: RolloutPage, token: int) -> Why | None:
    """What is known of token number ``token``, from 0; None where there is no such token."""
    arrays = page.arrays
    if arrays is None or not 0 <= token < len(arrays):
        return None

    def at(name: str) -> float | None:
        column = arrays.get(name)
        return None if column is None or not np.isfinite(column[token]) else float(column[token])

    return Why(
        token=token,
        count=len(arrays),
        text=visible(page.text[arrays.starts[token] : arrays.ends[token]]),
        token_id=None if arrays.ids is None else int(arrays.ids[token]),
        logprob=at("logprob"),
        entropy=at("entropy"),
        advantage=page.rollout.advantage if at("advantage") is None else at("advantage"),
        value=at("value"),
        ratio=None if at("mask") == 0 else at("ratio"),
        is_clipped=bool(at("clipped")),
        is_masked=at("mask") == 0,
        settings=page.settings,
        push=page.push,
        step=page.tree_credit.step_of(token) if page.tree_credit else None,
        writer=page.trace.writer_of(token) if at("mask") == 0 and page.trace else "",
        kind=_class_of(page, token),
        untrained=page.untrained or _missing(page),
    )


def _class_of(page: RolloutPage, token: int) -> str:
    place = UNCLASSED if page.classed is None else int(page.classed.classes[token])
    return "" if place == UNCLASSED else CLASS.labels[place - UNCLASSED]


def _missing(page: RolloutPage) -> str:
    if page.push is not None:
        return ""
    if page.update is None:
        return "The step is not finished: a token's weight depends on all responses of its update."
    return "The probability ratio or reference log-probabilities of this response were not kept."
