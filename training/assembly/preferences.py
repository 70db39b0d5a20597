"""Builds the methods that learn from people's rankings."""

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.adapter import adapter_of, is_adapted
from training.algorithms.preferences import TieModel
from training.assembly.parts import Parts, is_sharded, within_context
from training.assembly.sampling import evaluating_engine, evaluator_of, sampled_experience
from training.batching import Example
from training.checkpoints import CheckpointFolder
from training.codec import Codec, stop_ids
from training.config import DpoMethod, PreferenceMethod, RewardConfig, RewardModelMethod, RunConfig
from training.distributed import Processes
from training.events import RankingsLoaded
from training.methods.dpo import DpoTraining, reference_logprobs
from training.methods.ranked_items import RankedItem, RankedItems
from training.methods.reward_model import RewardModelTraining
from training.methods.sft import Solutions
from training.optimiser import Optimiser
from training.policy import Policy
from training.ranking_sources import Labels, load_labels
from training.recorder import Recorder
from training.reward_model import RewardModel
from training.sharding import Slices
from training.sources import Problems, load_model

logger = logging.getLogger("training")

MOST_REFERENCES = 256
"""Responses that a reward model's mean is taken over."""
REFERENCE_FILE = "reference_logprobs.pt"
"""What DPO's reference says of every ranked response, in the run's folder."""


@dataclass(frozen=True, slots=True)
class RewardParts:
    """What training a reward model is built from."""

    config: RunConfig
    problems: Problems
    codec: Codec
    reward_model: RewardModel
    optimiser: Optimiser
    recorder: Recorder
    processes: Processes
    folder: Path

    @classmethod
    def of(
        cls,
        config: RunConfig,
        problems: Problems,
        reward_model: RewardModel,
        tokenizer: PreTrainedTokenizerBase,
        recorder: Recorder,
        processes: Processes,
        folder: Path,
        device: torch.device | None = None,
    ) -> Self:
        """The parts for this reward model, shared out among the processes where the config says so."""
        model = reward_model.model
        codec = Codec(tokenizer, config.prompt, stop_ids(model, tokenizer))
        if is_sharded(config, processes):
            reward_model.shard(processes, device or model.device, precise=model.score)
        optimiser = Optimiser(reward_model.trained, config.optimisation, config.steps, processes)
        return cls(config, problems, codec, reward_model, optimiser, recorder, processes, folder)

    @property
    def model(self) -> PreTrainedModel:
        """What is trained and saved."""
        return self.reward_model.model

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.reward_model.device

    @property
    def shards(self) -> Slices | None:
        """What this process has of it, where it is shared out."""
        return self.reward_model.shards

    def save_model(self, folder: Path) -> None:
        """Write it as a Hugging Face folder."""
        self.reward_model.save(folder)


def reward_model(parts: RewardParts, method: RewardModelMethod) -> RewardModelTraining:
    """Raises InputError when there are no labels to learn from."""
    train, heldout = _ranked_items(parts, method, method.ties, method.margins)
    references = _references(method.shift, parts.problems, parts.codec, method.max_length, train.items)
    return RewardModelTraining(
        method,
        parts.reward_model,
        references,
        train,
        heldout,
        parts.optimiser,
        parts.config.optimisation.micro_batch_tokens,
        parts.recorder,
        parts.processes,
        parts.config.seed,
        parts.config.steps,
    )


def dpo(parts: Parts, method: DpoMethod, stack: ExitStack) -> DpoTraining:
    """Raises InputError when there are no labels to learn from."""
    train, heldout = _ranked_items(parts, method)
    engine = evaluating_engine(parts)
    _, experience = sampled_experience(parts, engine, RewardConfig(), method.max_length, stack)
    return DpoTraining(
        method,
        parts.policy,
        _reference_logprobs(parts, [*train.items, *heldout.items]),
        engine,
        evaluator_of(parts, experience, method.max_length),
        train,
        heldout,
        parts.optimiser,
        parts.config.optimisation.micro_batch_tokens,
        parts.recorder,
        parts.processes,
        parts.config.seed,
        parts.config.steps,
    )


def _ranked_items(
    parts: Parts | RewardParts, method: PreferenceMethod, ties: TieModel = "drop", margins: bool = False
) -> tuple[RankedItems, RankedItems]:
    """Both halves; says which labels they are made of."""
    labels = load_labels(method, parts.config.seed, parts.folder or Path())
    rankings = labels.rankings
    longest = within_context(parts.model, method.max_length)
    train = RankedItems.of(rankings.train, parts.codec, longest, ties, margins)
    train.require_some(longest)
    heldout = RankedItems.of(rankings.heldout, parts.codec, longest, ties, margins, len(train.items))
    parts.recorder.emit(_told(labels, train, heldout))
    if not heldout.items:
        logger.warning("no ranked prompt is held out, so accuracy is not measured on labels that are not learned from")
    return train, heldout


def _told(labels: Labels, train: RankedItems, heldout: RankedItems) -> RankingsLoaded:
    return RankingsLoaded(
        step=0,
        labels=labels.count,
        digest=labels.digest,
        repeats=labels.rankings.left_out,
        train_items=len(train.items),
        heldout_items=len(heldout.items),
        too_long=train.too_long + heldout.too_long,
        undecided=train.undecided + heldout.undecided,
    )


def _references(
    shift: str, problems: Problems, codec: Codec, max_length: int, train: Sequence[RankedItem]
) -> list[Example]:
    """The responses whose rewards are 0 on average in a saved model."""
    if shift == "none":
        return []
    solutions = Solutions(problems.heldout, codec, max_length).examples if shift == "solutions" else []
    if shift == "responses":
        solutions = [example for item in train for example in item.examples]
    return (solutions or [item.examples[_best(item)] for item in train])[:MOST_REFERENCES]


def _best(item: RankedItem) -> int:
    """Place of the response that the first label ranks best."""
    ranks = item.rows[0].ranks
    return ranks.index(min(ranks))


def _reference_logprobs(parts: Parts, items: Sequence[RankedItem]) -> list[Tensor]:
    """log π_ref of each item's responses under the model the run starts from: computed once, then read from a file."""
    path = parts.folder / REFERENCE_FILE if parts.folder else None
    digest = _digest(parts, items)
    if path is not None and path.is_file():
        stored = torch.load(path, weights_only=True)
        if stored["digest"] == digest:
            return list(stored["logprobs"])
    policy = parts.policy
    adapted = is_adapted(policy.model)
    if not adapted and _is_resumed(parts):
        model, _ = load_model(parts.config, parts.policy.device)
        policy = Policy(model, parts.config.hardware.dtype)
    with parts.recorder.phase("scoring"), adapter_of(policy.model, {}) if adapted else nullcontext():
        found = reference_logprobs(policy, items, parts.config.optimisation.micro_batch_tokens)
    if path is not None and parts.processes.is_first:
        draft = path.with_suffix(".draft")
        torch.save({"digest": digest, "logprobs": found}, draft)
        draft.replace(path)
    return found


def _is_resumed(parts: Parts) -> bool:
    """Whether the policy has been trained already."""
    return parts.folder is not None and CheckpointFolder(parts.folder / "checkpoints").newest() is not None


def _digest(parts: Parts, items: Sequence[RankedItem]) -> str:
    """Tells references apart: the model they are of, and the tokens they speak of."""
    model = f"{parts.config.model.model_dump_json()} in {parts.config.hardware.dtype}"
    tokens = [[list(example.prompt), list(example.response)] for item in items for example in item.examples]
    return hashlib.sha256(f"{model}\n{json.dumps(tokens)}".encode()).hexdigest()
