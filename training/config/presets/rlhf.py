"""Presets that learn from a reward model: PPO as it is used on human feedback, and GRPO in its place."""

from training.config.presets.types import BUILTIN_LENGTH, BUILTIN_RATE, Choice, Preset

REWARD = (
    Choice("problems.kind", "builtin", "Generated arithmetic: what is right can be told, so that gaming shows."),
    Choice("method.reward.accuracy", 0.0, "Right answers are counted, not paid: they are what the reward stands for."),
    Choice("method.reward.learned.model.kind", "checkpoint", "A reward model that a run here has trained: choose it."),
    Choice("method.reward.learned.weight", 1.0, "All that is paid, but for the charge below."),
    Choice("method.reward.missing_end", 1.0, "What does not end is no answer.", "a fixed score of -1 instead"),
)
EVALUATION = (
    Choice("evaluation.every_steps", 10, "Learned reward and accuracy side by side, often: where they part, stop."),
    Choice("checkpoints.every_steps", 25, "Places to go back to, since the last is seldom the best."),
)

PPO = Preset(
    "ppo-rlhf",
    "PPO (RLHF)",
    "A critic judges every token, a reward model the response, and a KL penalty holds the policy to its start.",
    "InstructGPT (arXiv 2203.02155) and its details (arXiv 2403.17031)",
    (
        Choice("method.kind", "ppo", "A critic in place of siblings to compare with."),
        *REWARD,
        Choice("method.sampling.prompts_per_step", 64, "A step of seconds on two cores.", "512"),
        Choice("method.sampling.samples_per_prompt", 1, "The critic is the baseline."),
        Choice("method.sampling.max_tokens", 96, BUILTIN_LENGTH),
        Choice("method.epochs", 4, "The details' four passes over each batch.", "InstructGPT: 1"),
        Choice("method.updates_per_step", 1, "One mini-batch an epoch, as in the details.", "InstructGPT: 8"),
        Choice("method.kl.control", "fixed", "The penalty stays, so that KL tells how far reward is worth going."),
        Choice("method.kl.coefficient", 0.05, "As in the details.", "InstructGPT: 0.02"),
        Choice("method.critic.start", "reward_model", "It knows already what good responses look like."),
        Choice("method.critic.learning_rate", 3e-4, BUILTIN_RATE, "3e-6"),
        Choice("method.critic.value_clip", 0.2, "As in the details."),
        Choice("method.critic.value_weight", 0.1, "As in the details."),
        Choice("method.critic.discount", 1.0, "A reward at the end is worth as much at the beginning."),
        Choice("method.critic.gae_lambda", 0.95, "As in the details."),
        Choice("method.loss.clip_low", 0.2, "PPO's usual clip."),
        Choice("method.loss.clip_high", 0.2, "PPO's usual clip."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "3e-6"),
        *EVALUATION,
        Choice("steps", 100, "Minutes on two cores.", "about 2,000"),
    ),
)

GRPO_REWARD_MODEL = Preset(
    "grpo-reward-model",
    "GRPO against a reward model",
    "No critic: responses to the same problem are compared by what the reward model says of them.",
    "",
    (
        Choice("method.kind", "grpo", "Rewards relative to the other responses to the same problem; no critic."),
        *REWARD,
        Choice("method.reward.learned.transform", "sigmoid_of_difference",
               "Beyond what the reference does, more reward is worth less: a brake on gaming (PAR)."),
        Choice("method.sampling.prompts_per_step", 32, "A step of seconds on two cores."),
        Choice("method.sampling.samples_per_prompt", 8, "Enough siblings for a baseline."),
        Choice("method.sampling.max_tokens", 96, BUILTIN_LENGTH),
        Choice("method.loss.advantage_scale", "none",
               "Divided by their spread, tiny differences between equally bad responses would count as much as any."),
        Choice("method.updates_per_step", 4, "A small model takes several steps on a batch; the clip bounds them."),
        Choice("method.loss.kl_coefficient", 0.01, "A learned reward holds near where it was trained only."),
        Choice("method.loss.kl_estimator", "k3", "Never negative."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE),
        *EVALUATION,
        Choice("steps", 100, "Minutes on two cores."),
    ),
)  # fmt: skip
