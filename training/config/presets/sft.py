"""The preset of supervised fine-tuning."""

from training.config.presets.types import BUILTIN_RATE, Choice, Preset

SFT = Preset(
    "sft",
    "SFT",
    "Imitate worked solutions: the start of most recipes, and the baseline for the others.",
    "the cold start of DeepSeek-R1 (arXiv 2501.12948), stage 1",
    (
        Choice("method.kind", "sft", "Next-token prediction on the solutions; prompts are not learned."),
        Choice("method.sequences_per_step", 32, "Steps of a second on two cores.", "128"),
        Choice("method.max_length", 256, "The built-in solutions fit.", "32,768"),
        Choice("method.packing", True, "No padding is computed; sequences never see each other."),
        Choice("optimisation.learning_rate", 3e-4, BUILTIN_RATE, "5e-5"),
        Choice("optimisation.schedule", "cosine", "Falls smoothly, as in the paper."),
        Choice("optimisation.min_rate_share", 0.1, "To a tenth of the peak, as in the paper."),
        Choice("optimisation.warmup_steps", 10, "A gentle start for the optimizer's moments."),
        Choice("steps", 200, "One and a half passes over the built-in problems.", "2 to 3 epochs"),
        Choice("evaluation.every_steps", 25, "The held-out loss moves slowly."),
    ),
)
