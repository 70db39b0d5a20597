"""The parts of a learned reward: the reward model, checked against the policy, and what it may be compared with."""

from pathlib import Path

from transformers import AutoTokenizer

from training.assembly.parts import Parts
from training.codec import vocabulary_digest
from training.config import LearnedRewardConfig, LocalModel, RewardCheckpoint, RlMethod
from training.errors import InputError
from training.experience.learned import LearnedReward, ReferenceRewards, ResponseScores
from training.reference import Reference, reference_to
from training.reward_model import RewardModel
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams
from training.sources import checkpoint_path

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


def reference_of(parts: Parts, method: RlMethod) -> Reference | None:
    """The policy as it is now, where the method has a use for it."""
    return reference_to(parts.policy, parts.config.hardware.offloads_frozen) if method.needs_reference else None


def load_reward_model(parts: Parts, config: LearnedRewardConfig) -> RewardModel | None:
    """The reward model that a config names, frozen; None when it names none.

    Raises InputError when it cannot be had, is no reward model, or reads other tokens than the policy writes.
    """
    source = config.model
    if isinstance(source, RewardCheckpoint):
        if not source.run:
            raise InputError("no reward model is chosen: name the run that trained one in learned.model")
        folder = checkpoint_path(source.run, source.step)
    elif isinstance(source, LocalModel):
        folder = Path(source.path)
    else:
        return None
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is no reward model: it has no config.json")
    _require_same_tokens(folder, parts)
    hardware = parts.config.hardware
    model = RewardModel.load(folder, parts.policy.device, hardware.dtype, hardware.attention)
    model.model.requires_grad_(False)
    return model


def learned_reward(
    parts: Parts, method: RlMethod, reference: Reference | None, model: RewardModel | None = None
) -> LearnedReward | None:
    """What scores responses by the config's reward model, loaded unless it is given; None without one.

    Raises InputError like `load_reward_model`.
    """
    model = model or load_reward_model(parts, method.reward.learned)
    if model is None:
        return None
    config, micro_batch = method.reward.learned, parts.config.optimisation.micro_batch_tokens
    scores = ResponseScores(model, config, micro_batch, parts.config.hardware.offloads_frozen)
    if not config.anchored:
        return LearnedReward(scores, config)
    if reference is None:
        raise ValueError("rewards that are compared with the reference's need one")
    sampling = method.sampling
    params = SamplingParams(
        n=config.reference_samples,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop_ids=parts.codec.stop_ids,
        seed=0,  # each problem has its own
    )
    engine = TorchEngine(reference.model, max_rows=sampling.max_rows)
    anchors = ReferenceRewards(engine, params, parts.config.seed, scores, parts.processes, reference.answering)
    return LearnedReward(scores, config, anchors)


def answer_scores(parts: Parts, config: LearnedRewardConfig) -> LearnedReward | None:
    """What scores the answers of an evaluation; None without a reward model. Raises InputError like that."""
    model = load_reward_model(parts, config)
    if model is None:
        return None
    micro_batch, offload = parts.config.optimisation.micro_batch_tokens, parts.config.hardware.offloads_frozen
    return LearnedReward(ResponseScores(model, config, micro_batch, offload), config)


def _require_same_tokens(folder: Path, parts: Parts) -> None:
    """Raises InputError unless the folder's tokenizer gives every token the id that the policy's gives it."""
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):  # transformers would make one up
        raise InputError(
            f"the reward model in {folder} has no tokenizer to compare with the policy's; save it there with the model"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot load the tokenizer of the reward model in {folder}: {error}") from error
    if vocabulary_digest(tokenizer) != parts.codec.digest:
        raise InputError(
            f"the reward model in {folder} reads other tokens than the policy writes: their tokenizers differ; train "
            "the reward model from a model of the policy's family"
        )
