"""The models that a run trains: those its config names, or those of the checkpoint it goes on from."""

from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import adapt, load_adapter
from training.compilation import compile_parts
from training.config import HardwareConfig, LowRankAdapter, QloraAdapter, RewardModelMethod, RunConfig
from training.distributed import Processes
from training.frames import read_once
from training.recomputation import recompute_layers
from training.reward_model import RewardModel
from training.seeds import derive_seed
from training.sources import load_folder, load_model, load_tokenizer

Started = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def start_policy(
    config: RunConfig, begun: Path | None, device: torch.device, processes: Processes | None = None
) -> Started:
    """The policy and its tokenizer; beside an adapter, the model is always the one that the config names.

    The first of `processes` reads them for all (`read_once`). Raises InputError when they cannot be had.
    """
    model, tokenizer = read_once(lambda: _policy(config, begun, device), processes or Processes())
    prepare(model, config.hardware)
    return model, tokenizer


def start_reward_model(
    config: RunConfig, begun: Path | None, device: torch.device, processes: Processes | None = None
) -> tuple[RewardModel, PreTrainedTokenizerBase]:
    """That of a checkpoint, whose rewards are trained as they come; without one a new head on the config's model.

    `processes` as in `start_policy`. Raises InputError when it cannot be had.
    """
    model, tokenizer = read_once(lambda: _reward_model(config, begun, device), processes or Processes())
    prepare(model, config.hardware)
    return RewardModel(model, config.hardware.dtype), tokenizer


def _policy(config: RunConfig, begun: Path | None, device: torch.device) -> Started:
    if begun and not isinstance(config.adapter, LowRankAdapter):
        return load_folder(begun, device, config.hardware.attention)
    model, tokenizer = load_model(config, _held(config, device))
    _adapt(model, config, begun, device)
    return model, tokenizer


def _reward_model(config: RunConfig, begun: Path | None, device: torch.device) -> Started:
    hardware = config.hardware
    if begun is None or isinstance(config.adapter, LowRankAdapter):
        model, tokenizer = new_reward_model(config, _held(config, device))
        _adapt(model.model, config, begun, device)
    else:
        model, tokenizer = RewardModel.load(begun, device, hardware.dtype, hardware.attention), load_tokenizer(begun)
        model.drop_shift()
    return model.model, tokenizer


def prepare(model: PreTrainedModel, hardware: HardwareConfig) -> None:
    """Make a model that is trained run as the hardware wants it. Raises InputError where it cannot."""
    if hardware.gradient_checkpointing:
        recompute_layers(model)
    if hardware.compile:
        compile_parts(model)


def new_reward_model(config: RunConfig, device: torch.device) -> tuple[RewardModel, PreTrainedTokenizerBase]:
    """The body of the config's model with untrained heads, and its tokenizer."""
    assert isinstance(config.method, RewardModelMethod)  # whoever asks has looked
    policy, tokenizer = load_model(config, device)
    seed = derive_seed(config.seed, "heads")
    return RewardModel.from_policy(policy, config.method.heads, seed, config.hardware.dtype), tokenizer


def _held(config: RunConfig, device: torch.device) -> torch.device:
    """Where a model is loaded: in host memory if the device only gets it in 4 bits."""
    return torch.device("cpu") if isinstance(config.adapter, QloraAdapter) else device


def _adapt(model: PreTrainedModel, config: RunConfig, begun: Path | None, device: torch.device) -> None:
    adapt(model, config.adapter, derive_seed(config.seed, "adapter"), device)
    if begun and isinstance(config.adapter, LowRankAdapter):
        load_adapter(model, begun)
