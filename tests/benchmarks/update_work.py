"""What an update does not compute: padding, and prompts that responses share. CPU seconds on one thread.

    python -m tests.benchmarks.update_work                       # a table
    python -m tests.benchmarks.update_work --out FILE.json       # and the figures
    python -m tests.benchmarks.update_work --compile             # torch.compile, too, which takes a minute

One random Qwen3 of 11 million parameters (vocabulary 2,048, float32), forward and backward over the same responses,
both sides in turn, the median of three; the gradients of both sides are compared. The other side is what trainers
without packing do: one rectangle as wide as its longest sequence, by the model's own forward, with logits of responses
only and without a log-softmax of the whole vocabulary.

- *long tail*: 32 sequences of natural lengths (longest 228 tokens, mean about 72), in one padded batch.
- *one prompt*: 4 prompts of 192 tokens with 8 responses of 64 tokens each. Nothing is padded; the prompt is repeated.
- *SFT*: 64 solutions of natural lengths, padded by eights as they come.

The other figures are ours alone: the long tail with layers run again going backward, and with an adapter.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from training.adapter import adapt
from training.batching import Example, micro_batches, pad
from training.compilation import compile_parts
from training.config import LoraAdapter
from training.policy import Policy
from training.recomputation import recompute_layers

VOCABULARY = 2048
BUDGET = 2048
"""Tokens of a packed pass."""
REPEATS = 3
GOALS = {"long tail": 3.0, "one prompt": 2.5, "SFT": 2.0}
CPU = torch.device("cpu")


def small_model() -> PreTrainedModel:
    """11 million random parameters."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=384, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=2, head_dim=64, max_position_embeddings=2048, tie_word_embeddings=False,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).eval()


def examples_of(prompt: int, lengths: Sequence[int], siblings: int = 1) -> list[Example]:
    """Responses of these lengths; so many neighbours share a prompt."""
    rng = random.Random(0)

    def ids(count: int) -> list[int]:
        return [rng.randrange(VOCABULARY) for _ in range(count)]

    prompts = [ids(prompt) for _ in range(-(-len(lengths) // siblings))]
    return [Example(prompts[i // siblings], ids(length)) for i, length in enumerate(lengths)]


def natural_lengths(count: int, mean: float, longest: int) -> list[int]:
    """Log-normal, scaled to the mean; the longest is there once."""
    rng = random.Random(1)
    drawn = [rng.lognormvariate(0, 0.8) for _ in range(count - 1)]
    scale = (mean * count - longest) / sum(drawn)
    return [longest, *(min(max(round(scale * each), 4), longest) for each in drawn)]


def ours(model: PreTrainedModel, examples: Sequence[Example]) -> None:
    """Gradients of the mean log-probability, packed."""
    policy = Policy(model)
    weight = 1 / sum(len(example.response) for example in examples)
    for places in micro_batches(examples, BUDGET):
        (policy.statistics([examples[place] for place in places]).logprobs.sum() * weight).backward()


def padded(model: PreTrainedModel, examples: Sequence[Example], rows: int) -> None:
    """The same in rectangles of so many rows, as they come."""
    weight = 1 / sum(len(example.response) for example in examples)
    for start in range(0, len(examples), rows):
        batch = examples[start : start + rows]
        block = pad(batch, CPU)
        width, shortest = block.token_ids.shape[1], min(len(example.prompt) for example in batch)
        kept = width - shortest + 1  # logits from the last token of the shortest prompt on
        output = model(input_ids=block.token_ids, attention_mask=block.mask, use_cache=False, logits_to_keep=kept)
        rows_of = block.predictors // width * kept + block.predictors % width - (width - kept)
        logits = output.logits.flatten(0, 1).index_select(0, rows_of)
        logprobs = logits.gather(-1, block.targets[:, None])[:, 0] - logits.logsumexp(-1)
        (logprobs.sum() * weight).backward()


def seconds_of(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def gradient(model: PreTrainedModel) -> Tensor:
    return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


def compared(model: PreTrainedModel, examples: Sequence[Example], rows: int) -> dict[str, Any]:
    """Both sides in turn, and how far their gradients are apart."""
    sides: dict[str, Callable[[], None]] = {
        "padded": lambda: padded(model, examples, rows),
        "ours": lambda: ours(model, examples),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    gradients: dict[str, Tensor] = {}
    for _ in range(REPEATS):
        for name, work in sides.items():
            model.zero_grad()
            seconds[name].append(seconds_of(work))
            gradients[name] = gradient(model)
    apart = float((gradients["ours"] - gradients["padded"]).norm() / gradients["padded"].norm())
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    tokens = sum(map(len, examples))
    return {
        "tokens": tokens,
        "seconds": medians,
        "tokens_per_second": {name: round(tokens / each) for name, each in medians.items()},
        "factor": medians["padded"] / medians["ours"],
        "gradients_apart": apart,
    }


def alone(examples: Sequence[Example], compiled: bool) -> dict[str, float]:
    """Seconds of ours on the long tail, by what is switched on."""
    kinds: dict[str, Callable[[PreTrainedModel], object]] = {
        "plain": lambda model: None,
        "gradient checkpointing": recompute_layers,
        "LoRA of rank 16": lambda model: adapt(model, LoraAdapter(rank=16), seed=0),
    }
    if compiled:
        kinds["torch.compile"] = compile_parts
    models = {name: small_model() for name in kinds}
    for name, prepare in kinds.items():
        prepare(models[name])
        ours(models[name], examples)  # where something is compiled, that is done now
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(REPEATS):
        for name, model in models.items():
            model.zero_grad()
            seconds[name].append(seconds_of(lambda model=model: ours(model, examples)))  # type: ignore[misc]
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="measure torch.compile, too")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = small_model()
    tail = examples_of(16, natural_lengths(32, 56, 212))
    cases = {
        "long tail": (tail, len(tail)),
        "one prompt": (examples_of(192, [64] * 32, siblings=8), 32),
        "SFT": (examples_of(24, natural_lengths(64, 72, 384)), 8),
    }
    print(f"{model.num_parameters():,} parameters, one thread, CPU seconds, load {os.getloadavg()[0]:.1f}")
    results: dict[str, Any] = {"load": os.getloadavg()[0], "parameters": model.num_parameters(), "cases": {}}
    for name, (examples, rows) in cases.items():
        found = results["cases"][name] = compared(model, examples, rows)
        print(
            f"{name:11} padded {found['seconds']['padded']:.2f}   ours {found['seconds']['ours']:.2f}   "
            f"{found['factor']:.2f}x (goal {GOALS[name]}x)   gradients {found['gradients_apart']:.0e} apart"
        )
    results["ours"] = alone(tail, options.compile)
    for name, seconds in results["ours"].items():
        print(f"{name:24} {seconds:.2f}   {seconds / results['ours']['plain']:.2f} of plain")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
