"""How many tokens a CPU second the torch engine samples, beside transformers' `generate`.

    python -m tests.benchmarks.engine_vs_generate [--model DIR] [--repeats N] [--equal-lengths N]

128 samples of 16 problems of the middle level, temperature 1, nothing cut. Rows stop by themselves, so lengths are
ragged; `--equal-lengths` forbids the stop id and gives every row that many tokens. One thread, `time.process_time`, the
two take turns, and a token counts up to its row's first stop id. `generate` gets one left-padded batch of all prompts,
`num_return_sequences`, inference mode and no logits processor: the fastest way to ask it.

First it checks that both sample the same distribution: greedy tokens are identical, and sampled log-probs are those of
a plain forward. Exits with 1 when they are not, or when the ratio is below the floor.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

import training.builtin
from tests.training.sampling.truth import greedy_by_generate, logprobs_and_entropies
from training.problems.arithmetic import generate
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams

BUILTIN_MODEL = Path(training.builtin.__file__).parent / "model"
PROMPTS, SAMPLES = 16, 8
MAX_TOKENS = 256
FLOOR = 2.5
"""Least ratio on ragged lengths."""
TOLERANCE = 1e-4
"""Most a sampled log-prob may differ from a plain forward's."""


@dataclass(frozen=True)
class Task:
    """The work both sides do."""

    model: PreTrainedModel
    prompts: list[list[int]]
    params: SamplingParams
    pad_id: int


@dataclass(frozen=True)
class Timing:
    """One repeat of one side."""

    tokens: int
    seconds: float

    @property
    def rate(self) -> float:
        """Tokens a CPU second."""
        return self.tokens / self.seconds


def load(path: Path, equal_lengths: int) -> Task:
    """The model in `path` and the prompts, in its tokens."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(path)
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": problem.prompt}], add_generation_prompt=True, return_dict=False
        )
        for problem in generate("middle", PROMPTS, "heldout", seed=7)
    ]
    params = SamplingParams(
        n=SAMPLES,
        max_tokens=equal_lengths or MAX_TOKENS,
        temperature=1.0,
        stop_ids=() if equal_lengths else (tokenizer.eos_token_id,),
        seed=0,
    )
    return Task(model, prompts, params, tokenizer.pad_token_id)


def sample_with_engine(task: Task, repeat: int) -> int:
    """Sample with a fresh engine; returns the tokens sampled."""
    results = TorchEngine(task.model).sample(task.prompts, replace(task.params, seed=repeat))
    return sum(len(completion.token_ids) for of_prompt in results for completion in of_prompt)


def sample_with_generate(task: Task, repeat: int) -> int:
    """Sample with `generate`; returns the tokens up to each row's first stop id."""
    torch.manual_seed(repeat)
    width = max(len(prompt) for prompt in task.prompts)
    ids = torch.tensor([[task.pad_id] * (width - len(prompt)) + prompt for prompt in task.prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in task.prompts])
    with torch.inference_mode():
        output = task.model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            num_return_sequences=task.params.n,
            max_new_tokens=task.params.max_tokens,
            eos_token_id=list(task.params.stop_ids) or None,
            pad_token_id=task.pad_id,
        )[:, width:]
    is_stop = torch.isin(output, torch.tensor(task.params.stop_ids, dtype=torch.long))
    stops_before = is_stop.cumsum(1) - is_stop.long()
    return int((stops_before == 0).sum())


def same_distribution(task: Task) -> bool:
    """Compare greedy tokens with `generate`'s and sampled log-probs with a plain forward's; print what was found."""
    engine, params = TorchEngine(task.model), task.params
    greedy = engine.sample(task.prompts, replace(params, n=1, temperature=0.0))
    identical = sum(
        of_prompt[0].token_ids == greedy_by_generate(task.model, prompt, params.max_tokens, params.stop_ids)
        for prompt, of_prompt in zip(task.prompts, greedy, strict=True)
    )
    worst = 0.0
    for prompt, of_prompt in zip(task.prompts, engine.sample(task.prompts, params), strict=True):
        for completion in of_prompt:
            logprobs, _ = logprobs_and_entropies(task.model, prompt, completion.token_ids, params)
            worst = max(worst, float(abs(logprobs.numpy() - completion.logprobs).max()))
    print(f"greedy    {identical} of {len(greedy)} identical; sampled log-probs differ by at most {worst:.1e}")
    return identical == len(greedy) and worst <= TOLERANCE


def timed(side: Callable[[Task, int], int], task: Task, repeat: int) -> Timing:
    """Run one side once."""
    start = time.process_time()
    tokens = side(task, repeat)
    return Timing(tokens, time.process_time() - start)


def main() -> int:
    """Run the comparison and print it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=BUILTIN_MODEL, help="folder of a checkpoint")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--equal-lengths", type=int, default=0, metavar="N", help="sample N tokens in every row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = load(options.model, options.equal_lengths)
    if not same_distribution(task):
        return 1
    sample_with_engine(task, 0), sample_with_generate(task, 0)  # warm up
    load_before = os.getloadavg()[0]
    pairs = [
        (timed(sample_with_engine, task, repeat), timed(sample_with_generate, task, repeat))
        for repeat in range(1, options.repeats + 1)
    ]
    ratios = [engine.rate / other.rate for engine, other in pairs]
    for name, timings in (("engine", [pair[0] for pair in pairs]), ("generate", [pair[1] for pair in pairs])):
        rates = [timing.rate for timing in timings]
        mean_length = statistics.mean(timing.tokens for timing in timings) / (PROMPTS * SAMPLES)
        print(
            f"{name:9s} {statistics.median(rates):8.0f} tokens/CPU s (from {min(rates):.0f} to {max(rates):.0f}), "
            f"mean length {mean_length:.1f}"
        )
    print(f"ratio     {statistics.median(ratios):8.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"load average {load_before:.2f} before, {os.getloadavg()[0]:.2f} after; one thread; {len(pairs)} repeats")
    return 0 if options.equal_lengths or statistics.median(ratios) >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
