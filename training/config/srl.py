"""Knobs of supervised reinforcement learning: an expert's steps, and how a response is compared with one of them."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.rl import LossConfig, RlMethod

BLANK_LINES = r"\n\s*\n"


class StepsConfig(Config):
    """How a worked solution is cut into the expert's steps, and which of them are to be predicted."""

    rule: Literal["numbered", "line", "paragraph", "tool_call", "regex"] = "line"
    """Where steps end. numbered: "1. **Title** …". line, paragraph: at line breaks or blank lines. tool_call: each call
    is a step. regex: at the matches of a pattern. Solutions without such steps are left out and counted."""

    pattern: str = Field(default="", max_length=1000)
    """Regular expression (Python's) at whose matches solutions are cut; such as \\n\\s*\\n for blank lines."""

    title: bool = False
    """Give the title of the next step in the prompt; then it is no part of what is compared."""

    last: bool = False
    """Whether the last step is to be predicted, too, as some published code has it; the paper leaves it out."""

    @model_validator(mode="after")
    def _pattern_is_one(self) -> Self:
        if self.rule != "regex":
            return self
        if not self.pattern:
            reason = "to cut solutions at a pattern, one is needed"
        elif not self.pattern.isprintable():
            reason = "write line breaks and tabs of the pattern as \\n and \\t"
        else:
            try:
                re.compile(self.pattern, re.MULTILINE)
                return self
            except re.error as error:
                reason = f"{self.pattern!r} is no regular expression: {error}"
        raise impossible(reason, {"pattern": BLANK_LINES}, {"rule": "line"})


class SpreadConfig(Config):
    """Groups whose rewards hardly differ teach nothing, so sample others in their place."""

    enabled: bool = True
    """Drop groups of nearly equal rewards and refill the batch."""

    threshold: float = Field(default=1e-4, ge=0, lt=10)
    """A group is kept when the population standard deviation of its rewards is larger than this; the paper does not
    name its value, and published code has 0.0001 and 0.1."""

    max_rounds: int = Field(default=4, ge=1, le=64)
    """Sampling rounds a step may take before it trains on what it has."""


class SrlMethod(RlMethod):
    """Supervised Reinforcement Learning (arXiv 2510.25992): each step is paid by its similarity to an expert's step.

    ``sampling.prompts_per_step`` counts steps to be predicted; ``reward`` counts only where whole answers are paid for.
    """

    kind: Literal["srl"] = "srl"

    steps: StepsConfig = StepsConfig()

    granularity: Literal["step", "solution", "answer"] = "step"
    """What is paid for. step: similarity of the next step. solution: similarity of the whole solution. answer: what the
    verifier says of the whole solution. The last two are the paper's ablations."""

    format: Literal["think_action", "continuation"] = "continuation"
    """think_action: asked for the next step, the response is <think>…</think> and the step (the paper's).
    continuation: the expert's text so far is put into the model's mouth, and it goes on to where the step ends."""

    checking: Literal["step", "aside"] = "step"
    """A line of checking, such as "verify …", before the step of a response that goes on with the expert's text. step:
    it is compared as if it were the step. aside: it is thought, read over and never compared, as a monologue; responses
    then go on past the ends of lines, which takes tokens."""

    format_failure: float = Field(default=-1.0, le=0)
    """Reward of a response in another form."""

    autojunk: bool = False
    """Leave difflib's autojunk on, as published code may: similarity then falls off a cliff for steps of 200
    characters and more."""

    dynamic_sampling: SpreadConfig = SpreadConfig()

    loss: LossConfig = LossConfig(aggregation="seq_mean_token_mean")

    @model_validator(mode="after")
    def _only_answers_are_judged_by_a_model(self) -> Self:
        if self.reward.learned.enabled and self.granularity != "answer":
            raise impossible(
                "a reward model judges whole answers, and here steps are compared with an expert's",
                {"granularity": "answer"},
                {"reward.learned.model.kind": "none"},
            )
        return self
