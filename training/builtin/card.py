"""The model card of the built-in model, written from its plan and its measured figures."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from training.builtin.measure import Measurement
from training.builtin.pretrain import Plan
from training.problems.arithmetic import LEVELS

_CARD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags: [arithmetic, reinforcement-learning, tiny]
---

# The built-in arithmetic model

A Qwen2-architecture transformer of {parameters:,} parameters that answers multi-step integer arithmetic in words and
symbols. It was trained from random weights on generated problems only, and it is meant to be trained further: it
mostly blurts out a wrong number, sometimes works in steps, and when it works in steps it is mostly right on the levels
it has seen. That latent skill is what reinforcement learning can bring out on two CPU cores in minutes. It knows
nothing else.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
```

## What it can do

{problems} held-out problems a level, {samples} samples each at temperature 1, seed {seed}. Held-out problems are never
trained on: the split is a hash of the expression. Lengths are tokens of the response with the end-of-turn token.

{measured}

Levels:

{levels}

## How it answers

A question is the user's turn of the chat template (8 tokens around the text). Answers come in three styles:

- a bare guess: `<answer>61</answer>`
- worked steps: `<think>12+7=19` / `19*3=57</think><answer>57</answer>`, one operation a line
- checked steps: the same with a slip put right (`wait, 19*3=57`) or a proof (`verify 19-7=12`)

The tokenizer is byte-level BPE of {vocabulary} tokens, so any text round-trips; digits and symbols are always single
tokens. `<think>`, `</think>`, `<answer>`, `</answer>`, `<tool_call>`, `</tool_call>`, `<tool_response>` and
`</tool_response>` are tokens that decoding keeps; the tool tokens and 16 reserved ones were never trained.

## How it was made

`python -m training.builtin.build --out DIR --seed {seed} --threads {threads}` on torch {torch}: {minutes:.1f} minutes
of training on a busy machine, then the measurement. The same command gives the same weights.

{stages}

Batches of {batch_size} responses, loss on the responses only; Muon for matrices, AdamW for the rest, peak learning rate
{learning_rate:g}, {warmup} updates of warm-up, then a cosine to zero. Different training problems a level:
{pool}
("single": one operation; "bridge" and "long": three or four, and five operations on the numbers of "hard").
"""


def write_card(
    path: Path,
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    plan: Plan,
    measurements: Sequence[Measurement],
    *,
    seed: int,
    minutes: float,
) -> None:
    """Write the card; `measurements` holds one entry a level."""
    text = _CARD.format(
        parameters=model.num_parameters(),
        problems=measurements[0].problems,
        samples=measurements[0].samples,
        seed=seed,
        measured=_measured_table(measurements),
        levels="\n".join(_level_line(name) for name in LEVELS),
        vocabulary=len(tokenizer),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        minutes=minutes,
        stages=_stage_table(plan),
        batch_size=plan.batch_size,
        learning_rate=plan.peak_learning_rate,
        warmup=plan.warmup_steps,
        pool=", ".join(f"{name} {count:,}" for name, count in plan.pool.items()),
    )
    path.write_text(text, encoding="utf-8")


def _measured_table(measurements: Sequence[Measurement]) -> str:
    ks = list(measurements[0].pass_at)
    head = ["level", "greedy", *(f"pass@{k}" for k in ks), "shows steps", "reflects", "right with steps"]
    head += ["right when guessed", "mean length", "longest", "truncated"]
    rows = [
        [
            m.level,
            f"{m.greedy:.3f}",
            *(f"{m.pass_at[k]:.3f}" for k in ks),
            *(f"{share:.3f}" for share in (m.worked, m.reflecting, m.right_when_worked, m.right_when_guessed)),
            f"{m.mean_length:.1f}",
            str(m.longest),
            f"{m.truncated:.4f}",
        ]
        for m in measurements
    ]
    return _table(head, rows)


def _stage_table(plan: Plan) -> str:
    rows = [
        [
            str(number),
            str(stage.steps),
            f"{stage.mixture.guess:.0%}",
            f"{1 - stage.mixture.guess - stage.mixture.checked:.0%}",
            f"{stage.mixture.checked:.0%}",
            f"{stage.mixture.guess_right:.0%}" if stage.mixture.guess else "-",
        ]
        for number, stage in enumerate(plan.stages, start=1)
    ]
    return _table(["stage", "updates", "guesses", "steps", "checked steps", "guesses that are right"], rows)


def _level_line(name: str) -> str:
    level = LEVELS[name]
    operations = " or ".join(map(str, level.operations))
    brackets = "brackets" if level.brackets else "no brackets"
    ranges = f"numbers to {level.largest_number}, results to {level.largest_value}"
    return f"- {name}: {operations} operations, {ranges}, {brackets}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
