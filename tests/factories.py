"""Makes rows as a real run leaves them: runs, groups, responses with texts and token arrays."""

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.builtin.styles import Mixture, respond
from training.config import RunConfig
from training.events import TOKEN_ARRAYS
from training.problems.arithmetic import LEVELS, generate, parse
from webapp.inspection.models import Prompt, Rollout, RolloutGroup, RolloutText, RolloutTokens
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

PIECE = re.compile(r"</?\w+>| ?[A-Za-z]+|\s|.", re.DOTALL)
END_OF_TURN = 3
"""Id of the token that ends a response and has no text."""


def make_run(name: str = "demo", *, status: RunStatus = RunStatus.SUCCEEDED, step: int = 10, **config: Any) -> Run:
    """A run; ``config`` is merged into the defaults: ``make_run(method={"kind": "grpo", "updates_per_step": 4})``."""
    resolved = RunConfig.model_validate(config)
    return Run.objects.create(
        name=name,
        status=status,
        config=resolved.model_dump(mode="json"),
        method=resolved.method.kind,
        problems="Arithmetic, middle",
        step=step,
        total_steps=resolved.steps,
    )


def make_prompt(run: Run, problem_id: str = "p0", text: str = "What is 3+4?", answer: str = "7") -> Prompt:
    """The prompt of a problem, made when it is new to the run."""
    chat = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return Prompt.objects.get_or_create(run=run, problem_id=problem_id, defaults={"text": chat, "answer": answer})[0]


def make_group(
    run: Run,
    *,
    step: int = 1,
    split: str = "train",
    index: int = 0,
    rewards: Sequence[float] = (1.0, 0.0, 0.0, 1.0),
    texts: Sequence[str] = (),
    prompt: Prompt | None = None,
    trained: bool = True,
    tokens: bool = False,
    **rollouts: Any,
) -> RolloutGroup:
    """A group with one rollout a reward; its figures follow from the rollouts. ``rollouts`` goes to `make_rollout`."""
    prompt = prompt or make_prompt(run, f"p{index}")
    group = RolloutGroup.objects.create(
        run=run, step=step, split=split, index=index, prompt=prompt, trained=trained, weights_version=max(step - 1, 0),
        size=len(rewards), reward_mean=np.mean(rewards), reward_std=np.std(rewards), correct_count=0, length_mean=0,
    )  # fmt: skip
    made = []
    for number, reward in enumerate(rewards):
        text = texts[number] if texts else f"<think>3+4={7 if reward else 8}</think><answer>{number}</answer>"
        made.append(make_rollout(group, number, text, reward=reward, tokens=tokens, rewards=rewards, **rollouts))
    group.correct_count = sum(rollout.correct is True for rollout in made)
    group.length_mean = float(np.mean([rollout.length for rollout in made]))
    group.save()
    return group


def make_rollout(
    group: RolloutGroup,
    index: int,
    text: str,
    *,
    reward: float = 1.0,
    rewards: Sequence[float] = (1.0, 0.0),
    tokens: bool = True,
    arrays: dict[str, Any] | None = None,
    **fields: Any,
) -> Rollout:
    """One response, cut into pieces as the built-in tokenizer does; ``arrays`` replaces token arrays by name."""
    pieces = PIECE.findall(text)
    spread = float(np.std(rewards, ddof=1)) if len(rewards) > 1 else 0.0
    advantage = (reward - float(np.mean(rewards))) / spread if spread else 0.0
    found = re.search(r"<answer>(.*?)</answer>", text)
    values = {
        "reward": reward,
        "advantage": advantage if group.split == "train" else None,
        "correct": reward > 0,
        "extracted": found[1] if found else None,
        "parts": {"accuracy": float(reward > 0)},
        "finish_reason": "stop",
        "length": len(pieces) + 1,
    } | fields
    rollout = Rollout.objects.create(
        run=group.run, group=group, step=group.step, split=group.split, index=index, **values
    )
    RolloutText.objects.create(rollout=rollout, text=text)
    if tokens:
        columns = token_columns(pieces, values["advantage"], seed=rollout.pk) | (arrays or {})
        stored = {f"{name}_array": encode(name, column) for name, column in columns.items()}
        RolloutTokens.objects.create(rollout=rollout, **stored)
    return rollout


def token_columns(pieces: Sequence[str], advantage: float | None, seed: int = 0) -> dict[str, Any]:
    """Plausible arrays for a response of these pieces and the token that ends it: most tokens sure, a few not."""
    draw, count = np.random.default_rng(seed), len(pieces) + 1
    surprise = np.where(draw.random(count) < 0.6, draw.random(count) * 0.04, draw.exponential(0.9, count))
    ids = [32 + sum(map(ord, piece)) % 480 for piece in pieces]
    columns = {
        "id": [*ids, END_OF_TURN],
        "end": [*np.cumsum([len(piece) for piece in pieces]), sum(map(len, pieces))],
        "logprob": -surprise,
        "entropy": surprise * 0.8 + draw.random(count) * 0.1,
    }
    if advantage is not None:
        drift = draw.normal(0, 0.08, count)
        columns |= {
            "advantage": np.full(count, advantage),
            "ratio": np.exp(drift),
            "clipped": (drift > 0.18) & (advantage > 0) | (drift < -0.22) & (advantage < 0),
            "ref_logprob": np.minimum(-surprise + draw.normal(0, 0.3, count), 0),
        }
    return columns


def encode(name: str, column: Any) -> bytes | None:
    """A column as the database holds it."""
    return None if column is None else np.asarray(column).astype(TOKEN_ARRAYS[name]).tobytes()


def make_story(steps: int = 8, groups: int = 12, size: int = 8, seed: int = 0, **config: Any) -> Run:
    """A run that learned: real problems, responses in the built-in model's styles, better ones as steps go by."""
    method = {"kind": "grpo", "sampling": {"prompts_per_step": groups, "samples_per_prompt": size},
              "updates_per_step": 4 if groups % 4 == 0 else 1,
              "loss": {"clip_high": 0.28, "kl_coefficient": 0.01}}  # fmt: skip
    run = make_run("GRPO on arithmetic", step=steps, **({"method": method} | config))
    draw = random.Random(seed)
    problems = generate("middle" if "middle" in LEVELS else next(iter(LEVELS)), groups * 2, "train", seed)
    for step in range(steps + 1):
        for index in range(groups):
            heldout = step == 0
            problem = problems[index] if heldout else problems[groups + (index + step * 5) % groups]
            _tell(run, step, index, problem, size, draw, split="heldout" if heldout else "train")
        if step and step % 4 == 0:
            for index in range(groups):
                _tell(run, step, index, problems[index], size, draw, split="heldout")
    return run


def _tell(run: Run, step: int, index: int, problem: Any, size: int, draw: random.Random, split: str) -> None:
    share = step / max(run.step, 1)
    mixture = Mixture(guess=0.7 - 0.6 * share, checked=0.1 + 0.3 * share, guess_right=0.15)
    shown = re.search(r"[-+*() 0-9]{5,}", problem.prompt)
    expression = _expression(shown[0] if shown else "", problem.answer)
    texts = [respond(expression, mixture.draw(draw), mixture, draw) for _ in range(size)]
    texts = [
        text.replace("</think>", "\nhowever, that is wrong</think>") if draw.random() < 0.1 else text for text in texts
    ]
    right = [text.endswith(f"<answer>{expression.value}</answer>") for text in texts]
    prompt = make_prompt(run, problem.id, problem.prompt, str(expression.value))
    group = make_group(
        run, step=step, split=split, index=index, rewards=[float(each) for each in right], texts=texts, prompt=prompt,
        tokens=True, trained=split != "train" or len(set(right)) > 1 or index % 3 > 0,
    )  # fmt: skip
    if draw.random() < 0.3:
        group.rollouts.filter(index=draw.randrange(size)).update(finish_reason="length", correct=None, extracted=None)


def _expression(text: str, answer: str) -> Any:
    try:
        return parse(text.replace(" ", "").strip("."))
    except ValueError:
        return parse(f"{int(answer) - 1 if int(answer) else 0}+{1 if int(answer) else 0}")
