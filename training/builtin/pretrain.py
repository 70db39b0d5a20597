"""Training of the built-in model from random weights, on problems answered in a mixture of styles.

Two stages share one learning-rate schedule: skill first (mostly worked steps, so that arithmetic is learned), then
habit (mostly bare guesses, so that the skill lies latent). Guesses belong to the first stage too: met only at the end,
their noise halves the accuracy of sampled steps. All data is generated; every random choice follows the seed.
"""

import logging
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from training.builtin.styles import Mixture, respond
from training.builtin.tokenizer import CONTEXT_LENGTH, TURN_END
from training.problems.arithmetic import LEVELS, Level, generate_from, parse
from training.problems.types import Problem

logger = logging.getLogger(__name__)

IGNORED = -100
LOGGED_EVERY = 50
MICRO_BATCHES = 4

# Levels of the training only: "single" teaches the facts, "bridge" the numbers of "hard" in shorter chains, and "long"
# is the only glimpse of its shorter chains, so that the level stays rarely solved.
EXTRA_LEVELS = {
    "single": Level(operations=(1,), largest_number=99, largest_value=999, brackets=False),
    "bridge": Level(operations=(3, 4), largest_number=99, largest_value=999, brackets=True),
    "long": Level(operations=(5,), largest_number=99, largest_value=999, brackets=True),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training: how many updates, and in which mixture of styles."""

    steps: int
    mixture: Mixture


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the weights besides the seed.

    Attributes:
        stages: passed through in order.
        pool: number of different training problems of each level.
        batch_size: responses an update.
        peak_learning_rate: after a linear warm-up; it then falls to zero along a cosine.
        warmup_steps: updates until the peak.
    """

    stages: tuple[Stage, ...]
    pool: dict[str, int]
    batch_size: int = 64
    peak_learning_rate: float = 4e-3
    warmup_steps: int = 50

    @property
    def steps(self) -> int:
        """Updates of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def mixture_at(self, step: int) -> Mixture:
        """The mixture of the stage that update `step` (from 0) belongs to."""
        for stage in self.stages:
            if step < stage.steps:
                return stage.mixture
            step -= stage.steps
        raise ValueError(f"the plan ends after {self.steps} updates")


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """A Qwen2 transformer of 1.3 M parameters with random weights from torch's global generator."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=480,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def training_problems(plan: Plan, seed: int) -> list[Problem]:
    """The pool of training problems: of each level as many as the plan says, none of them held out."""
    levels = {**LEVELS, **EXTRA_LEVELS}
    return [
        problem
        for name, count in plan.pool.items()
        for problem in generate_from(levels[name], name, count, "train", seed)
    ]


def pretrain(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: Sequence[Problem], plan: Plan, seed: int
) -> None:
    """Train `model` in place through all stages of the plan."""
    rng = random.Random(seed)
    optimizers = _optimizers(model, plan.peak_learning_rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_factor(step, plan))
        for optimizer in optimizers
    ]
    model.train()
    for step in range(plan.steps):
        drawn = [rng.choice(problems) for _ in range(plan.batch_size)]
        rows = _encode(tokenizer, drawn, plan.mixture_at(step), rng)
        tokens = sum(len(ids) - prompt_length for ids, prompt_length in rows)
        loss = 0.0
        for input_ids, labels in _micro_batches(rows):
            part = response_loss(model, input_ids, labels) / tokens
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.item()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if (step + 1) % LOGGED_EVERY == 0:
            logger.info("update %d of %d, loss %.4f", step + 1, plan.steps, loss)
    model.eval()


def response_loss(model: Qwen2ForCausalLM, input_ids: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy (nats) of the next tokens whose label is not `IGNORED`.

    Both tensors are (batch, length). Rows are padded on the right, so causal attention needs no mask.
    """
    hidden = model.model(input_ids=input_ids, use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    wanted = targets != IGNORED
    return nn.functional.cross_entropy(model.lm_head(hidden[wanted]), targets[wanted], reduction="sum")


def chat_text(tokenizer: PreTrainedTokenizerFast, prompt: str) -> str:
    """The chat text of a user's question, up to where the assistant speaks."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
    )
    return str(text)


def _optimizers(model: Qwen2ForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, biases and norms.

    Muon (Jordan et al., 2024) needed about half of AdamW's updates for the same loss here.
    """
    layers = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    matrices = [weight for name, weight in layers if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in layers if weight.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    ]


def _learning_rate_factor(step: int, plan: Plan) -> float:
    if step < plan.warmup_steps:
        return (step + 1) / plan.warmup_steps
    progress = (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _micro_batches(rows: Sequence[tuple[list[int], int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The rows of one update as input ids and labels; short rows apart from long ones, so that little is padding."""
    by_length = sorted(rows, key=lambda row: len(row[0]))
    size = max(1, len(by_length) // MICRO_BATCHES)
    for start in range(0, len(by_length), size):
        yield _collate(by_length[start : start + size])


def _encode(
    tokenizer: PreTrainedTokenizerFast, problems: Sequence[Problem], mixture: Mixture, rng: random.Random
) -> list[tuple[list[int], int]]:
    """Token ids of prompt and response, with the prompt's length."""
    prompts = [chat_text(tokenizer, problem.prompt) for problem in problems]
    responses = [
        respond(parse(problem.meta["expression"]), mixture.draw(rng), mixture, rng) + TURN_END for problem in problems
    ]
    prompt_ids = tokenizer(prompts)["input_ids"]
    response_ids = tokenizer(responses)["input_ids"]
    return [(prompt + response, len(prompt)) for prompt, response in zip(prompt_ids, response_ids, strict=True)]


def _collate(rows: Sequence[tuple[list[int], int]]) -> tuple[Tensor, Tensor]:
    """Right-padded input ids and labels, both (batch, length); prompt and padding carry no loss."""
    input_ids = torch.zeros(len(rows), max(len(ids) for ids, _ in rows), dtype=torch.long)
    labels = torch.full_like(input_ids, IGNORED)
    for row, (ids, prompt_length) in enumerate(rows):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        labels[row, prompt_length : len(ids)] = torch.tensor(ids[prompt_length:])
    return input_ids, labels
