"""What the built-in model can do: accuracies by level on held-out problems, with style shares and lengths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from training.builtin.pretrain import chat_text
from training.problems.types import Problem

ROWS_AT_ONCE = 512
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
    max_new_tokens: int,
) -> Measurement:
    """Sample each problem at temperature 1 (torch's global generator) and once greedily.

    Raises:
        ValueError: no problems, or problems of several levels.
    """
    levels = {problem.level for problem in problems}
    if len(levels) != 1:
        raise ValueError(f"measure one level at a time, got {sorted(levels)}")
    sampled = _respond(model, tokenizer, problems, samples, max_new_tokens, sample=True)
    greedy = _respond(model, tokenizer, problems, 1, max_new_tokens, sample=False)
    texts = [tokenizer.decode(ids) for ids in sampled]
    answers = [problem.answer for problem in problems for _ in range(samples)]
    right = [is_right(text, answer) for text, answer in zip(texts, answers, strict=True)]
    worked = [text.startswith("<think>") for text in texts]
    by_problem = [sum(right[start : start + samples]) for start in range(0, len(right), samples)]
    return Measurement(
        level=levels.pop(),
        problems=len(problems),
        samples=samples,
        greedy=fmean(is_right(tokenizer.decode(ids), p.answer) for ids, p in zip(greedy, problems, strict=True)),
        pass_at={k: fmean(pass_at_k(samples, count, k) for count in by_problem) for k in (1, 8, 64) if k <= samples},
        worked=fmean(worked),
        reflecting=fmean(any(word in text for word in REFLECTIONS) for text in texts),
        right_when_worked=_mean_where(right, worked),
        right_when_guessed=_mean_where(right, [not shows_steps for shows_steps in worked]),
        mean_length=fmean(len(ids) for ids in sampled),
        longest=max(len(ids) for ids in sampled),
        truncated=fmean(tokenizer.eos_token_id not in ids for ids in sampled),
    )


def _mean_where(values: Sequence[bool], wanted: Sequence[bool]) -> float:
    chosen = [value for value, keep in zip(values, wanted, strict=True) if keep]
    return fmean(chosen) if chosen else float("nan")


@torch.inference_mode()
def _respond(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: Sequence[Problem],
    samples: int,
    max_new_tokens: int,
    sample: bool,
) -> list[list[int]]:
    """Token ids of `samples` responses to each problem in order, cut after the end-of-turn token."""
    options = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0} if sample else {"do_sample": False}
    responses: list[list[int]] = []
    per_batch = max(1, ROWS_AT_ONCE // samples)
    for start in range(0, len(problems), per_batch):
        texts = [chat_text(tokenizer, problem.prompt) for problem in problems[start : start + per_batch]]
        inputs = tokenizer(texts, return_tensors="pt", padding=True)
        outputs = model.generate(**inputs, max_new_tokens=max_new_tokens, num_return_sequences=samples, **options)
        responses += [_cut(row, tokenizer.eos_token_id) for row in outputs[:, inputs["input_ids"].shape[1] :].tolist()]
    return responses


def _cut(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
