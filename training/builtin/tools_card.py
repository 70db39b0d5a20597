"""What the shipped model for tools does with them, measured, and its model card."""

from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

import torch

from training.assembly import Parts, sampled_experience, sampling_engine
from training.config import GrpoMethod, RunConfig
from training.config.presets import RSTAR2_AGENT
from training.distributed import Processes
from training.experience.agentic_summary import summarise_traces
from training.methods.roc import tool_errors
from training.problems.computation import generate_computations
from training.recorder import Recorder
from training.sampling.types import SamplingParams
from training.sources import Problems, load_folder

_CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [arithmetic, tool-use, reinforcement-learning, tiny]
---

# The built-in model for tools

The built-in arithmetic model after {steps} updates of fine-tuning on the form of tool calls: the preset Tool format. It
often calls Python for what no head computes, and often stumbles on the way: it misspells, forgets brackets, calls tools
that are not there, and guesses. What pays, reinforcement learning has to find out.

Calls are `<tool_call>{{"name": "python", "arguments": {{"code": "print(12*34)"}}}}</tool_call>`, results come in
`<tool_response>`, the answer in `<answer>`. The prompt has to name the tool: `prompt.tools` is `template`.

## What it can do

{problems} held-out problems of the level "tools", {samples} samples each at temperature 1, up to {turns} turns and
{tokens} tokens of response. Held-out problems are never trained on: the split is a hash of the expression.

| responses that call | calls that can be read | calls that fail | right | failing calls in right responses | length |
| --- | --- | --- | --- | --- | --- |
| {used:.3f} | {readable:.3f} | {failed:.3f} | {right:.3f} | {stumbling:.3f} | {length:.0f} |

## How it was made

`python -m training.builtin.build_tools --out DIR` on torch {torch}, with one thread: {steps} updates on {sequences}
demonstrations each, out of {demonstrations:,}; {minutes:.1f} minutes on a busy machine. Weights are rounded to
bfloat16.
"""


def measure(folder: Path, problems: int, samples: int, seed: int = 0) -> dict[str, float]:
    """Figures of the model in `folder` on held-out problems, by metric name."""
    config = RSTAR2_AGENT.config
    method = config.method
    assert isinstance(method, GrpoMethod)
    with ExitStack() as stack:
        loaded = load_folder(folder, torch.device("cpu"))
        parts = Parts.of(config, Problems([], []), *loaded, Recorder(), Processes())
        engine = sampling_engine(parts, method.sampling.max_rows, method.agentic)
        longest = method.sampling.max_tokens
        _, experience = sampled_experience(parts, engine, method.reward, longest, stack, method.agentic)
        params = SamplingParams(
            n=samples, max_tokens=longest, temperature=1.0, stop_ids=parts.codec.stop_ids, seed=seed
        )
        asked = generate_computations(problems, "heldout", seed)
        groups = experience.gather(asked, [params] * problems)
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    right = fmean(rollout.correct is True for rollout in rollouts)
    length = fmean(len(rollout) for rollout in rollouts)
    return summarise_traces(groups) | tool_errors(groups) | {"right": right, "length": length}


def write_card(
    path: Path, recipe: RunConfig, measured: dict[str, float], asked: tuple[int, int], minutes: float
) -> None:
    """Write the card; `asked` are problems and samples."""
    agent, sft = RSTAR2_AGENT.config.method, recipe.method
    assert isinstance(agent, GrpoMethod)
    text = _CARD.format(
        steps=recipe.steps,
        problems=asked[0],
        samples=asked[1],
        turns=agent.agentic.max_turns,
        tokens=agent.sampling.max_tokens,
        used=measured["tools/used_share"],
        readable=1 - measured["tools/malformed_share"],
        failed=measured["tools/failed_share"],
        right=measured["right"],
        stumbling=measured["tools/error_ratio_right"],
        length=measured["length"],
        torch=torch.__version__,
        sequences=getattr(sft, "sequences_per_step", 0),
        demonstrations=getattr(recipe.problems, "train_count", 0),
        minutes=minutes,
    )
    path.write_text(text, encoding="utf-8")
