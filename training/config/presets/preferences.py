"""Presets of methods that learn from people's rankings."""

from training.config.presets.types import BUILTIN_RATE, Choice, Preset

REWARD_MODEL = Preset(
    "reward-model",
    "Reward model",
    "Learn to score responses as people rank them: the second step of RLHF, after SFT and before PPO.",
    "InstructGPT (arXiv 2203.02155), section 3.5 and appendix C.2",
    (
        Choice("method.kind", "reward_model", "All pairs of a prompt's responses are one element of the batch."),
        Choice("method.rankings_per_step", 16, "Steps of a second on two cores.", "64 prompts of 4 to 9 responses"),
        Choice("method.max_length", 256, "The built-in responses fit."),
        Choice("method.ties", "drop", "Pairs of equal rank teach nothing, as in the paper."),
        Choice("method.centering", 0.01, "Keeps rewards around 0 (arXiv 2312.09244).", "none"),
        Choice("method.shift", "solutions", "Demonstrations have reward 0 on average, as in the paper."),
        Choice("optimisation.learning_rate", 3e-4, BUILTIN_RATE, "9e-6"),
        Choice("optimisation.schedule", "cosine", "Falls smoothly, as in the paper."),
        Choice("optimisation.min_rate_share", 0.1, "To a tenth of the peak, as in the paper."),
        Choice("steps", 120, "Four passes, since the built-in labels are few.", "1 epoch: more over-fits"),
        Choice("evaluation.every_steps", 20, "Held-out accuracy says when to stop."),
    ),
)

DPO = Preset(
    "dpo",
    "DPO",
    "Learn from rankings directly, without a reward model and without sampling.",
    "Direct Preference Optimization (arXiv 2305.18290), section 6 and appendix B",
    (
        Choice("method.kind", "dpo", "The policy's log-ratio to its start is taken for a reward."),
        Choice("method.rankings_per_step", 16, "Steps of a second on two cores.", "64 pairs"),
        Choice("method.max_length", 256, "The built-in responses fit."),
        Choice("method.beta", 0.1, "The paper's.", "0.1; 0.5 for summaries"),
        Choice("method.loss", "sigmoid", "The paper's."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "1e-6, RMSprop"),
        Choice("optimisation.warmup_steps", 10, "A gentle start for the optimizer's moments.", "150"),
        Choice("steps", 100, "Three passes over the built-in labels."),
        Choice("evaluation.every_steps", 20, "Held-out loss says when to stop."),
    ),
)
