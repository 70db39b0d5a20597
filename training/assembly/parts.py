"""What every training method is built from."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.codec import Codec, stop_ids
from training.config import RunConfig, SftMethod
from training.distributed import Processes
from training.optimiser import Optimiser
from training.policy import Policy
from training.recorder import Recorder
from training.sharding import Slices
from training.sources import Problems

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Parts:
    """What every method is built from."""

    config: RunConfig
    problems: Problems
    codec: Codec
    policy: Policy
    optimiser: Optimiser
    recorder: Recorder
    processes: Processes
    folder: Path | None = None
    """The run's, for what it keeps besides checkpoints; None keeps nothing."""

    @property
    def model(self) -> PreTrainedModel:
        """What is trained and saved."""
        return self.policy.model

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.policy.device

    @property
    def shards(self) -> Slices | None:
        """What this process has of it, where it is shared out."""
        return self.policy.shards

    def save_model(self, folder: Path) -> None:
        """Write it as a Hugging Face folder."""
        self.policy.save(folder)

    @classmethod
    def of(
        cls,
        config: RunConfig,
        problems: Problems,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        recorder: Recorder,
        processes: Processes,
        folder: Path | None = None,
        device: torch.device | None = None,
    ) -> Self:
        """The parts for this model, shared out among the processes where the config says so."""
        packing = not isinstance(config.method, SftMethod) or config.method.packing
        codec = Codec(tokenizer, config.prompt, stop_ids(model, tokenizer), turn_prefix(config))
        policy = Policy(model, config.hardware.dtype, packing)
        if is_sharded(config, processes):
            policy.shard(processes, device or model.device)
        return cls(
            config,
            problems,
            codec,
            policy,
            Optimiser(policy.trained, config.optimisation, config.steps, processes),
            recorder,
            processes,
            folder,
        )


def within_context(model: PreTrainedModel, max_length: int) -> int:
    """The longest sequence to learn from: `max_length`, or what the model has positions for."""
    context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if context is None or max_length <= context:
        return max_length
    logger.warning("what is longer than the model's context of %d is left out (max_length is %d)", context, max_length)
    return context


def is_sharded(config: RunConfig, processes: Processes) -> bool:
    """Whether the processes share the model's weights; one alone has them all."""
    return config.hardware.sharding == "fsdp2" and processes.count > 1


def turn_prefix(config: RunConfig) -> str:
    """What every turn of the model begins with."""
    agentic = getattr(config.method, "agentic", None)
    return agentic.prefix if agentic is not None and agentic.enabled else ""
