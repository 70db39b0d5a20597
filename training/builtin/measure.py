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
    answers = [problem.answer for problem in problems]
    stop = (int(tokenizer.eos_token_id),)
    drawn = SamplingParams(n=samples, max_tokens=max_tokens, temperature=1.0, stop_ids=stop, seed=seed)
    likeliest = SamplingParams(n=1, max_tokens=max_tokens, temperature=0.0, stop_ids=stop, seed=seed)
    greedy = _grade(tokenizer, engine.sample(prompts, likeliest), answers)
    return _summary(levels.pop(), greedy, _grade(tokenizer, engine.sample(prompts, drawn), answers))


class _Response(NamedTuple):
    """What is looked at in one sample; length in tokens."""

    text: str
    right: bool
    length: int
    truncated: bool

    @property
    def worked(self) -> bool:
        """Whether it shows steps."""
        return self.text.startswith("<think>")


def _grade(
    tokenizer: PreTrainedTokenizerFast, groups: Sequence[Sequence[Completion]], answers: Sequence[str]
) -> list[list[_Response]]:
    """The samples of each problem, graded against its answer."""
    graded: list[list[_Response]] = []
    for group, answer in zip(groups, answers, strict=True):
        texts = [tokenizer.decode(sample.token_ids) for sample in group]
        graded.append(
            [
                _Response(text, is_right(text, answer), len(sample.token_ids), sample.finish_reason == "length")
                for text, sample in zip(texts, group, strict=True)
            ]
        )
    return graded


def _summary(level: str, greedy: Sequence[Sequence[_Response]], sampled: Sequence[Sequence[_Response]]) -> Measurement:
    responses = [response for group in sampled for response in group]
    counts = [sum(response.right for response in group) for group in sampled]
    samples = len(sampled[0])
    return Measurement(
        level=level,
        problems=len(sampled),
        samples=samples,
        greedy=fmean(group[0].right for group in greedy),
        pass_at={k: fmean(pass_at_k(samples, right, k) for right in counts) for k in (1, 8, 64) if k <= samples},
        worked=fmean(response.worked for response in responses),
        reflecting=fmean(any(word in response.text for word in REFLECTIONS) for response in responses),
        right_when_worked=_mean([response.right for response in responses if response.worked]),
        right_when_guessed=_mean([response.right for response in responses if not response.worked]),
        mean_length=fmean(response.length for response in responses),
        longest=max(response.length for response in responses),
        truncated=fmean(response.truncated for response in responses),
    )


def _mean(values: Sequence[bool]) -> float:
    return fmean(values) if values else float("nan")
