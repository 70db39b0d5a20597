"""Builds PPO: four models, of which two learn. Actor and critic learn; the reference and the reward model judge."""

from contextlib import ExitStack

from training.adapter import adapt
from training.algorithms.kl_control import AdaptiveKl, FixedKl, KlControl
from training.assembly.learned import learned_reward, load_reward_model, reference_of
from training.assembly.parts import Parts, is_sharded
from training.assembly.rl import loop_parts
from training.assembly.sampling import answerable, sampled_experience, sampling_engine
from training.config import AgenticConfig, KlConfig, PpoMethod
from training.critic import Critic
from training.distributed import Processes
from training.frames import read_once
from training.methods.critic_update import CriticUpdater
from training.methods.ppo import PpoTraining
from training.optimiser import Optimiser
from training.reward_model import RewardModel
from training.seeds import derive_seed
from training.start import prepare
from training.stream import ShuffledStream


def ppo(parts: Parts, method: PpoMethod, stack: ExitStack) -> PpoTraining:
    longest = method.sampling.max_tokens
    engine = sampling_engine(parts, method.sampling.max_rows, AgenticConfig())
    reference, reward_model = reference_of(parts, method), load_reward_model(parts, method.reward.learned)
    critic = critic_updater(parts, method, reward_model)  # before the reward model is put away
    learned = learned_reward(parts, method, reference, reward_model)
    scorer, experience = sampled_experience(parts, engine, method.reward, longest, stack, learned=learned)
    stream = ShuffledStream(answerable(parts, parts.problems.train, longest), parts.config.seed)
    loop = loop_parts(parts, method, stream, engine, scorer, experience, reference)
    return PpoTraining(method, critic, kl_control(method.kl), *loop)


def critic_updater(parts: Parts, method: PpoMethod, reward_model: RewardModel | None) -> CriticUpdater:
    """The critic, with an optimiser of its own that follows the policy's schedule; what is shared out is made once."""
    optimisation, shared = parts.config.optimisation, is_sharded(parts.config, parts.processes)
    makers = parts.processes if shared else Processes()
    module, _ = read_once(lambda: (_new_critic(parts, method, reward_model).module, None), makers)
    adapt(module, parts.config.adapter, derive_seed(parts.config.seed, "critic's adapter"))
    prepare(module, parts.config.hardware)
    critic = Critic(RewardModel(module, parts.config.hardware.dtype))
    own = optimisation.model_copy(update={"learning_rate": method.critic.learning_rate})
    if shared:
        critic.learner.shard(parts.processes, parts.device, precise=critic.module.score)
    optimiser = Optimiser(critic.learner.trained, own, parts.config.steps, parts.processes)
    budget = optimisation.micro_batch_tokens
    return CriticUpdater(method.critic, critic, optimiser, budget, parts.recorder, parts.processes)


def _new_critic(parts: Parts, method: PpoMethod, reward_model: RewardModel | None) -> Critic:
    dtype, four_bits = parts.config.hardware.dtype, parts.config.adapter.kind == "qlora"
    if method.critic.start != "reward_model" or reward_model is None:
        return Critic.from_policy(parts.policy.model, dtype, four_bits)
    learned = method.reward.learned
    return Critic.from_reward_model(reward_model, dtype, 1.0 if learned.anchored else learned.weight, four_bits)


def kl_control(config: KlConfig) -> KlControl:
    """What gives the coefficient of the KL penalty."""
    if config.control == "adaptive":
        return AdaptiveKl(config.coefficient, config.target, config.horizon)
    return FixedKl(config.coefficient)
