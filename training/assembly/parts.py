"""What every training method is built from."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.codec import Codec, stop_ids
from training.config import RunConfig, SftMethod
from training.distributed import Processes
from training.optimiser import Optimiser
from training.policy import Policy
from training.recorder import Recorder
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
    ) -> Self:
        """The parts for this model."""
        packing = not isinstance(config.method, SftMethod) or config.method.packing
        return cls(
            config,
            problems,
            Codec(tokenizer, config.prompt, stop_ids(model, tokenizer), turn_prefix(config)),
            Policy(model, config.hardware.dtype, packing),
            Optimiser(model, config.optimisation, config.steps, processes),
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


def turn_prefix(config: RunConfig) -> str:
    """What every turn of the model begins with."""
    agentic = getattr(config.method, "agentic", None)
    return agentic.prefix if agentic is not None and agentic.enabled else ""
