"""SRL → RLVR: an expert's steps first, where whole answers are never right; then rewards for right answers."""

from training.config.presets.srl import SRL as PRESET
from training.config.presets.types import BUILTIN_RATE, Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, best_of

_STEPS = changed(
    PRESET.choices,
    Choice("steps", 60, "Two passes over the steps of all solutions.", "at most 30 epochs"),
    Choice("evaluation.every_steps", 10, "The best checkpoint goes on, as in the paper."),
    Choice("checkpoints.every_steps", 10, "At each evaluation."),
)
_ANSWERS = (
    Choice("method.kind", "grpo", "Rewards for right answers, relative to the other responses."),
    Choice("problems.kind", "builtin", "The same problems."),
    Choice("problems.level", "hard", "By now some responses are right."),
    Choice("problems.train_count", 200, "Those of which there are solutions.", "940"),
    Choice("method.sampling.prompts_per_step", 32, "A step of seconds on two cores.", "128"),
    Choice("method.sampling.samples_per_prompt", 8, "The paper's group size."),
    Choice("method.sampling.temperature", 1.0, "The paper's."),
    Choice("method.sampling.max_tokens", 128, "The longest solutions fit.", "not stated"),
    Choice("method.dynamic_sampling.enabled", True, "DAPO's filter, as in the paper: groups of equal rewards go."),
    Choice("method.dynamic_sampling.max_rounds", 2, "Refilled once: most groups are never right."),
    Choice("method.loss.aggregation", "seq_mean_token_mean", "The paper's equation 1."),
    Choice("method.loss.kl_coefficient", 0.0, "The paper's: no reference."),
    Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "5e-7"),
    Choice("steps", 40, "Minutes on two cores.", "at most 30 epochs"),
    Choice("evaluation.every_steps", 10, "Often enough to see it move."),
)
_FULL = (
    Choice("problems.kind", "imported", "s1K-1.1, with solutions in numbered steps; 60 held out."),
    Choice("problems.slug", "s1k", "Imported under this name."),
    Choice("optimisation.learning_rate", 5e-7, "The paper's."),
    Choice("hardware.processes", 8, "Eight GPUs share each batch."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
    Choice("evaluation.samples", 16, "Problems are hard: few answers are right."),
    Choice("evaluation.problems", 60, "All that are held out."),
)
_FULL_STEPS = changed(
    without(_STEPS, "problems"),
    *_FULL,
    Choice("model.kind", "hub", "A model that follows instructions."),
    Choice("model.name", "Qwen/Qwen2.5-7B-Instruct", "The paper's."),
    Choice("method.steps.rule", "numbered", "Steps with titles, as s1K-1.1 has them."),
    Choice("method.format", "think_action", "A monologue that is never scored, then the step."),
    Choice("method.sampling.prompts_per_step", 512, "The paper's batch."),
    Choice("method.sampling.max_tokens", 4096, "Room for the monologue; the paper does not say."),
    Choice("evaluation.max_tokens", 8192, "Whole solutions are longer than steps."),
    Choice("steps", 330, "About 30 epochs, were there six steps to a solution; the best checkpoint goes on."),
)
_FULL_ANSWERS = changed(
    without(_ANSWERS, "problems"),
    *_FULL,
    Choice("method.sampling.prompts_per_step", 128, "The paper's, smaller since many groups are dropped."),
    Choice("method.sampling.max_tokens", 8192, "Whole solutions; the paper does not say."),
    Choice("method.dynamic_sampling.max_rounds", 8, "Until the batch is full."),
    Choice("steps", 220, "30 epochs of 940 problems; the best checkpoint counts."),
)


def _stages(steps: tuple[Choice, ...], answers: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("srl", "Each step of an expert's solution is predicted, and paid by how alike it is.", steps),
        StagePreset("rlvr", "Rewards for right answers, now that some are.", answers, best_of("srl")),
    )


SRL_RLVR = RecipePreset(
    "srl-rlvr",
    "SRL → RLVR",
    "Steps of an expert first, where whole answers are hardly ever right; then rewards for right answers.",
    "Supervised Reinforcement Learning (arXiv 2510.25992), section 4",
    builtin=Variant(
        "builtin",
        "",
        "On hard problems, of which the base solves 4 %: 23 % after SRL, 31 % after RLVR.",
        _stages(_STEPS, _ANSWERS),
        minutes=5,
    ),
    full=Variant(
        "full",
        "An imported set called s1k, with solutions in numbered steps, and eight GPUs.",
        "Published, mean of seven figures: base 24.6, RLVR alone 24.5, SRL 27.6 (its cells average 26.9), both 28.3 %.",
        _stages(_FULL_STEPS, _FULL_ANSWERS),
    ),
)
