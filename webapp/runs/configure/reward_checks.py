"""Checks of what responses are paid for, a reward model above all, before anything loads."""

import json
from collections.abc import Iterator
from pathlib import Path

from training.config import LocalModel, RewardCheckpoint, RlMethod, RunConfig
from webapp.runs.config_forms import Fault, Fix
from webapp.runs.configure.facts import Facts
from webapp.runs.models import Checkpoint

REWARD_MODELS = "ForSequenceClassification"
"""What the architecture of a stored reward model is called at the end."""


def check_reward_model(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.method, RlMethod):
        return
    source, knob = config.method.reward.learned.model, f"method.{config.method.kind}.reward.learned.model"
    if isinstance(source, RewardCheckpoint):
        if facts.reward_folder is None:
            yield _gone(source, knob)
        elif error := _unusable(facts.reward_folder):
            yield Fault(f"Run {source.run} at step {source.step}: {error}", (f"{knob}.checkpoint.run",))
    elif isinstance(source, LocalModel) and facts.reward_folder is not None:
        if not facts.reward_folder.is_absolute():
            yield Fault("Give the whole path of the folder, from /.", (f"{knob}.local.path",))
        elif error := _unusable(facts.reward_folder):
            yield Fault(error, (f"{knob}.local.path",))


def check_reward_tokens(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    """Only what is plain to see; the trainer compares the tokenizers themselves."""
    if facts.shape is None or facts.reward_shape is None or facts.shape.vocabulary == facts.reward_shape.vocabulary:
        return
    yield Fault(
        f"The reward model reads {facts.reward_shape.vocabulary:,} tokens and the policy writes "
        f"{facts.shape.vocabulary:,}: it was trained from a model of another family.",
        (f"method.{config.method.kind}.reward.learned.model.kind",),
    )


def advise_on_reward(config: RunConfig, facts: Facts) -> Iterator[Fault]:
    if not isinstance(config.method, RlMethod) or config.method.reward.accuracy:
        return
    reward, knob = config.method.reward, f"method.{config.method.kind}.reward.accuracy"
    if not (reward.learned.enabled and reward.learned.weight):
        message = "Right answers are not paid for: nothing but the format will be learned."
        yield Fault(message, (knob,), (Fix({knob: 1.0}),))


def _gone(source: RewardCheckpoint, knob: str) -> Fault:
    if not source.run:
        message = "Choose the run that trained the reward model; train one first if there is none."
        return Fault(message, (f"{knob}.checkpoint.run",))
    kept = Checkpoint.objects.filter(run=source.run, removed_at=None).order_by("-step")
    steps = list(kept.values_list("step", flat=True)[:6])
    if not steps:
        return Fault(f"Run {source.run} has no checkpoint (any more).", (f"{knob}.checkpoint.run",))
    about = f"{knob}.checkpoint.step"
    message = f"Run {source.run} has no checkpoint of step {source.step} (any more)."
    return Fault(message, (about,), tuple(Fix({about: step}) for step in steps))


def _unusable(folder: Path) -> str:
    """Why a folder holds no reward model; empty when it seems to hold one."""
    if not folder.is_dir():
        return f"There is no folder {folder} on this machine."
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architectures = [str(name) for name in stored["architectures"]]
    except FileNotFoundError:
        return f"{folder} has no config.json, so it is no Hugging Face model folder."
    except (OSError, ValueError, KeyError, TypeError):
        return f"The config.json in {folder} does not say what model it is of."
    if not any(name.endswith(REWARD_MODELS) for name in architectures):
        return "This is a policy, which writes and does not judge; choose a reward model."
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        return f"{folder} has no tokenizer to compare with the policy's; save it there with the model."
    return ""


MUST_OF_REWARDS = (check_reward_model, check_reward_tokens)
SHOULD_OF_REWARDS = (advise_on_reward,)
