"""The models that a run loads beside the one it trains, and their size: a critic, a reference, a reward model."""

from training.config.adapter import LowRankAdapter
from training.config.memory import FLOAT32, Part
from training.config.methods import GrpoMethod
from training.config.ppo import PpoMethod
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.shape import ModelShape
from training.config.trained import trained_parameters, weight_bytes


def critic_of(config: RunConfig, shape: ModelShape, reward_model: ModelShape | None) -> list[Part]:
    """PPO's critic, which shares no weights with another model."""
    critic = critic_shape(config, shape, reward_model)
    if critic is None:
        return []
    held = weight_bytes(config, critic) + 2 * trained_parameters(config, critic) * FLOAT32
    return [
        Part(
            "Critic",
            held // config.hardware.slices,
            "a body of its own with a value head, and two moments of every trained weight",
        )
    ]


def critic_shape(config: RunConfig, shape: ModelShape, reward_model: ModelShape | None) -> ModelShape | None:
    """Of PPO's critic, which has the body of what it starts from; None for other methods."""
    if not isinstance(config.method, PpoMethod):
        return None
    of_reward_model = config.method.critic.start == "reward_model" and config.method.reward.learned.enabled
    return reward_model or shape if of_reward_model else shape


def sampler_of(config: RunConfig, shape: ModelShape) -> list[Part]:
    """What sampling ahead keeps on the trainer's device: its copy of the model, and weights that wait for it."""
    steps = steps_ahead(config)
    engine = config.hardware.engine.kind
    if not steps or (engine == "vllm_server" and not isinstance(config.adapter, LowRankAdapter)):
        return []  # servers have memory of their own, and weights wait for them in host memory
    waiting = steps * trained_parameters(config, shape) * FLOAT32
    if config.hardware.sampling_device != "same":
        return [Part("Handed over", waiting, f"weights of {steps} steps, that wait for the sampling device")]
    why = f"a copy of the model that samples ahead, and weights of {steps} steps that wait for it"
    return [Part("Sampler", weight_bytes(config, shape) + waiting, why)]


def steps_ahead(config: RunConfig) -> int:
    """Steps that sampling runs ahead of training."""
    return config.method.lag if isinstance(config.method, GrpoMethod) else 0


def frozen_models(config: RunConfig, shape: ModelShape, reward_model: ModelShape | None) -> list[Part]:
    """A reference and a reward model, each with weights of its own."""
    parts = []
    if keeps_reference(config):
        slices = config.hardware.slices
        shared = f", a slice in each of {slices} processes" if slices > 1 else ""
        kept = shape.parameters * FLOAT32 // slices
        parts.append(Part("Reference", kept, "a frozen copy of the policy, to tell its KL" + shared))
    if isinstance(config.method, RlMethod) and config.method.reward.learned.enabled:
        size = (reward_model or shape).parameters * FLOAT32
        parts.append(Part("Reward model", size, "frozen; it scores whole responses"))
    return parts


def larger_frozen(frozen: list[Part]) -> Part:
    """Of models that wait in host memory the one that needs most on the device, where they are one at a time."""
    largest = max(frozen, key=lambda part: part.bytes)
    waiting = sum(part.bytes for part in frozen) // FLOAT32
    beside = ", the larger of both" if len(frozen) > 1 else ""
    why = f"there only while it is asked{beside}; in host memory {waiting:,} parameters wait"
    return Part(largest.name, largest.bytes, why)


def keeps_reference(config: RunConfig) -> bool:
    """Whether a second copy of the model is loaded; with an adapter it is the model without it."""
    whole = not isinstance(config.adapter, LowRankAdapter)
    return whole and isinstance(config.method, RlMethod) and config.method.needs_reference
