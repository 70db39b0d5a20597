"""Presets of GRPO: two starting points, and the published recipes that grew out of it."""

from training.config.presets.types import BUILTIN_LENGTH, BUILTIN_RATE, Choice, Preset

GRPO = Choice("method.kind", "grpo", "Rewards relative to the other responses to the same problem; no critic.")
BUILTIN_PROBLEMS = Choice("problems.kind", "builtin", "Generated arithmetic: needs no data, and answers are sure.")

SMOKE = Preset(
    "smoke",
    "Smoke test",
    "Every part of a run once, in seconds: does it work at all?",
    "",
    (
        GRPO,
        BUILTIN_PROBLEMS,
        Choice("problems.train_count", 64, "Enough for a few steps."),
        Choice("problems.heldout_count", 16, "Quick to answer."),
        Choice("method.sampling.prompts_per_step", 8, "Small batches are quick."),
        Choice("method.sampling.samples_per_prompt", 4, "The fewest that often hold a right and a wrong response."),
        Choice("method.sampling.max_tokens", 64, "Short responses are quick."),
        Choice("steps", 4, "Each part happens twice."),
        Choice("evaluation.every_steps", 2, "So that evaluation is tried, too."),
        Choice("evaluation.problems", 8, "Quick, and no more than a sign of life."),
        Choice("evaluation.samples", 2, "Quick, and no more than a sign of life."),
        Choice("checkpoints.every_steps", 2, "So that saving is tried, too."),
    ),
    group="start",
)

DEMO = Preset(
    "demo",
    "Demo",
    "The built-in model finds out that working in steps pays: accuracy at least doubles in minutes on two cores.",
    "the effect of DeepSeek-R1-Zero (arXiv 2501.12948) in miniature",
    (
        GRPO,
        BUILTIN_PROBLEMS,
        Choice(
            "problems.level",
            "middle",
            "The base solves about a fifth of it: room to learn, and reward to learn from.",
        ),
        Choice("method.sampling.prompts_per_step", 32, "A batch that steps quickly and is not too noisy."),
        Choice("method.sampling.samples_per_prompt", 8, "With a fifth solved, most groups hold both right and wrong."),
        Choice("method.sampling.max_tokens", 96, BUILTIN_LENGTH),
        Choice(
            "optimisation.learning_rate", 1e-4, "Steady. Three times as much is faster, and out of entropy by step 30."
        ),
        Choice("steps", 150, "Most of the gain has come by step 80; the rest shows what a plateau looks like."),
        Choice("evaluation.every_steps", 10, "Often enough to see it move."),
        Choice("checkpoints.every_steps", 50, "Three places to come back to."),
    ),
    group="start",
)

R1_ZERO = Preset(
    "r1-zero",
    "R1-Zero",
    "Reinforcement learning on a base model, rewards by rule only, held lightly to a reference that follows.",
    "DeepSeek-R1 (arXiv 2501.12948 and Nature 645), section 2.2 and its supplement",
    (
        GRPO,
        Choice(
            "prompt.template", "chat", "The built-in model was trained on its chat template.", "the r1_zero template"
        ),
        Choice("method.sampling.prompts_per_step", 32, "The paper's 32 questions an update, in one update a step.",
               "rollouts of 8,192 responses, split into 16 updates"),
        Choice("method.sampling.samples_per_prompt", 16, "The paper's group size."),
        Choice("method.sampling.max_tokens", 96, BUILTIN_LENGTH, "32,768, and 65,536 after step 8,200"),
        Choice("method.sampling.temperature", 1.0, "Sampling from the policy as it is."),
        Choice("method.reward.accuracy", 1.0, "By rule only: learned reward models get hacked."),
        Choice("method.reward.format", 1.0, "Same weight as accuracy."),
        Choice("method.reward.format_rule", "think_answer", "Thinking between tags, then the answer between tags."),
        Choice("method.loss.aggregation", "token_mean", "The paper's equation does not divide by a response's length."),
        Choice("method.loss.kl_coefficient", 0.001, "Light: the policy may go far from where it began."),
        Choice("method.loss.kl_estimator", "k3", "The paper's estimator, never negative."),
        Choice("method.loss.reference_refresh_steps", 25, "The reference follows, so that it never holds back.",
               "every 400 steps"),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "3e-6"),
        Choice("steps", 100, "Minutes instead of days.", "10,400 steps, 1.6 epochs"),
    ),
)  # fmt: skip

DAPO = Preset(
    "dapo",
    "DAPO",
    "GRPO for long reasoning: a wider upper clip, no groups without signal, every token counts the same.",
    "DAPO (arXiv 2503.14476)",
    (
        GRPO,
        Choice("method.sampling.prompts_per_step", 32, "A step of seconds on two cores.", "512"),
        Choice("method.sampling.samples_per_prompt", 16, "The paper's group size."),
        Choice("method.sampling.max_tokens", 120, "Room for the longest solutions and the buffer.", "20,480"),
        Choice("method.dynamic_sampling.enabled", True, "Groups that are all right or all wrong teach nothing."),
        Choice("method.reward.overlong_buffer", 24, "A fifth of the limit: length costs before it is cut.", "4,096"),
        Choice("method.loss.clip_low", 0.2, "The usual lower side."),
        Choice("method.loss.clip_high", 0.28, "Clip-higher: unlikely tokens may grow, which keeps entropy up."),
        Choice("method.loss.aggregation", "token_mean", "Long responses weigh by their tokens."),
        Choice("method.loss.kl_coefficient", 0.0, "Long reasoning goes far from the base anyway."),
        Choice("method.updates_per_step", 4, "Several updates a batch, so that the clip acts.", "16"),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "1e-6"),
        Choice("optimisation.warmup_steps", 5, "A gentle start for the optimizer's moments.", "20"),
        Choice("steps", 60, "Four updates each: as many as 240 steps of one."),
    ),
)

DR_GRPO = Preset(
    "dr-grpo",
    "Dr. GRPO",
    "GRPO without its two biases: no division by a response's length, none by a group's spread.",
    "Understanding R1-Zero-like training (arXiv 2503.20783)",
    (
        GRPO,
        Choice("method.sampling.prompts_per_step", 32, "A step of seconds on two cores."),
        Choice("method.sampling.samples_per_prompt", 8, "The paper's group size."),
        Choice("method.sampling.max_tokens", 96, BUILTIN_LENGTH, "3,000"),
        Choice("method.loss.aggregation", "sum_norm", "Divided by a constant: wrong answers gain nothing by length."),
        Choice("method.loss.advantage_scale", "none", "Problems that are nearly always solved get no extra weight."),
        Choice("method.loss.kl_coefficient", 0.0, "Rewards by rule need no leash."),
        Choice("method.loss.clip_high", 0.2, "As low side: PPO's usual clip."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE),
        Choice("steps", 150, "Minutes on two cores."),
    ),
)
