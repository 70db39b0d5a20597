"""What the built-in model can do: accuracies by level on held-out problems, with style shares and lengths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from training.builtin.pretrain import chat_text
from training.problems.types import Problem
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams

REFLECTIONS = ("wait", "verify")

_ANSWER = re.compile(r"<answer>([^<]*)</answer>")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures of one level; shares and accuracies are in [0, 1], lengths in tokens with the end-of-turn token.

    Attributes:
        greedy: accuracy of the most likely tokens.
        pass_at: probability that one of k samples at temperature 1 is right, by k.
        worked: share of samples that show steps.
        reflecting: share of samples with a reflective word ("wait", "verify").
        right_when_worked: accuracy of the samples that show steps; NaN when there are none.
        right_when_guessed: accuracy of the bare answers; NaN when there are none.
        truncated: share of samples that did not end within the token limit.
    """

    level: str
    problems: int
    samples: int
    greedy: float
    pass_at: dict[int, float]
    worked: float
    reflecting: float
    right_when_worked: float
    right_when_guessed: float
    mean_length: float
    longest: int
    truncated: float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Unbiased probability that k of the samples hold a right one: 1 - C(n-c, k) / C(n, k) (Chen et al., 2021)."""
    if not 1 <= k <= samples:
        raise ValueError(f"k must be between 1 and the number of samples ({samples}), got {k}")
    return 1.0 - comb(samples - right, k) / comb(samples, k)


def is_right(response: str, answer: str) -> bool:
    """Whether the last `<answer>` of a response is the reference answer, letter for letter."""
    found = _ANSWER.findall(response)
    return bool(found) and found[-1] == answer


def measure(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: Sequence[Problem],
    samples: int,
    max_tokens: int,
    seed: int,
) -> Measurement:
    """Sample each problem at temperature 1 and once greedily.

    Raises:
        ValueError: no problems, or problems of several levels.
    """
    levels = {problem.level for problem in problems}
    if len(levels) != 1:
        raise ValueError(f"measure one level at a time, got {sorted(levels)}")
    engine = TorchEngine(model)
    prompts = [tokenizer.encode(chat_text(tokenizer, problem.prompt)) for problem in problems]
    stop = (int(tokenizer.eos_token_id),)
    drawn = SamplingParams(n=samples, max_tokens=max_tokens, temperature=1.0, stop_ids=stop, seed=seed)
    likeliest = SamplingParams(n=1, max_tokens=max_tokens, temperature=0.0, stop_ids=stop, seed=seed)
    groups = [[_response(tokenizer, sample) for sample in group] for group in engine.sample(prompts, drawn)]
    greedy = [_response(tokenizer, group[0]).text for group in engine.sample(prompts, likeliest)]
    graded = [
        (response, is_right(response.text, problem.answer))
        for group, problem in zip(groups, problems, strict=True)
        for response in group
    ]
    counts = [sum(right for _, right in graded[start : start + samples]) for start in range(0, len(graded), samples)]
    responses = [response for response, _ in graded]
    return Measurement(
        level=levels.pop(),
        problems=len(problems),
        samples=samples,
        greedy=fmean(is_right(text, problem.answer) for text, problem in zip(greedy, problems, strict=True)),
        pass_at={k: fmean(pass_at_k(samples, right, k) for right in counts) for k in (1, 8, 64) if k <= samples},
        worked=fmean(response.worked for response in responses),
        reflecting=fmean(any(word in response.text for word in REFLECTIONS) for response in responses),
        right_when_worked=_mean([right for response, right in graded if response.worked]),
        right_when_guessed=_mean([right for response, right in graded if not response.worked]),
        mean_length=fmean(response.length for response in responses),
        longest=max(response.length for response in responses),
        truncated=fmean(response.truncated for response in responses),
    )


class _Response(NamedTuple):
    """What is looked at in one sample; length in tokens."""

    text: str
    length: int
    truncated: bool

    @property
    def worked(self) -> bool:
        """Whether it shows steps."""
        return self.text.startswith("<think>")


def _response(tokenizer: PreTrainedTokenizerFast, sample: Completion) -> _Response:
    return _Response(tokenizer.decode(sample.token_ids), len(sample.token_ids), sample.finish_reason == "length")


def _mean(values: Sequence[bool]) -> float:
    return fmean(values) if values else float("nan")
