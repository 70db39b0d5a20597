"""The preset of supervised reinforcement learning."""

from training.config.presets.types import BUILTIN_RATE, Choice, Preset

SRL = Preset(
    "srl",
    "SRL",
    "Predict an expert's solution step by step, paid by likeness to each step: signal where no whole answer is right.",
    "Supervised Reinforcement Learning (arXiv 2510.25992)",
    (
        Choice("method.kind", "srl", "Every step of a solution is a problem of its own, with a reward of its own."),
        Choice("problems.kind", "builtin", "Their worked solutions have one operation a line."),
        Choice(
            "problems.level", "hard", "The base solves 4 % of it: too little for rewards by answer to begin with.",
            "s1K-1.1: 1,000 hard problems",
        ),
        Choice("problems.train_count", 200, "Few solutions, as of an expert whose time is dear.", "940"),
        Choice("method.steps.rule", "line", "Built-in solutions have a step a line.", "numbered steps with titles"),
        Choice(
            "method.format", "continuation", "The built-in model follows no instructions, but it goes on with a text.",
            "<think> monologue </think> and the step",
        ),
        Choice("method.sampling.prompts_per_step", 32, "A step of seconds on two cores.", "512"),
        Choice("method.sampling.samples_per_prompt", 8, "The paper's group size."),
        Choice("method.sampling.temperature", 1.0, "The paper's."),
        Choice("method.sampling.max_tokens", 32, "The longest step fits; sampling ends with it."),
        Choice("method.dynamic_sampling.enabled", True, "The paper's: groups that hardly differ are replaced."),
        Choice("method.loss.aggregation", "seq_mean_token_mean", "The paper's equation 1."),
        Choice("method.loss.kl_coefficient", 0.0, "The paper's: no reference."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "5e-7"),
        Choice("optimisation.max_grad_norm", 1.0, "The paper's."),
        Choice("steps", 100, "Three passes over the steps of all solutions.", "at most 30 epochs"),
        Choice("evaluation.max_tokens", 128, "Whole solutions are longer than steps."),
    ),
)  # fmt: skip
