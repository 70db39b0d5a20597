"""R1-Zero: reinforcement learning on a base model, first with short responses, then with longer ones."""

from training.config.presets.grpo import R1_ZERO as PRESET
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_EVALUATION = Choice("evaluation.every_steps", 10, "Often enough to see it move.")
_SHORT = changed(
    PRESET.choices,
    Choice("method.sampling.max_tokens", 32, "Room for most workings, not for all.", "32,768 up to step 8,200"),
    Choice("steps", 40, "Until the short limit binds.", "8,200 updates"),
    _EVALUATION,
)
_LONG = changed(
    PRESET.choices,
    Choice("method.sampling.max_tokens", 96, "The longest worked solutions fit.", "65,536"),
    Choice("steps", 60, "Length and accuracy rise once more.", "2,200 updates"),
    _EVALUATION,
)

FULL = changed(
    PRESET.choices,
    Choice("model.kind", "hub", "A base model without any fine-tuning."),
    Choice("model.name", "Qwen/Qwen2.5-32B", "The paper's smaller experiment.", "DeepSeek-V3-Base, 671B"),
    Choice("problems.kind", "imported", "Problems whose answers a rule can check."),
    Choice("problems.slug", "reasoning", "Mathematics, code and logic, imported under this name."),
    Choice("prompt.template", "r1_zero", "The paper's: reasoning between tags, then the answer between tags."),
    Choice("method.sampling.prompts_per_step", 512, "8,192 responses a rollout phase."),
    Choice("method.updates_per_step", 16, "Each rollout phase in 16 updates of 32 questions."),
    Choice("method.loss.reference_refresh_steps", 25, "Every 400 updates, which are 25 rollout phases."),
    Choice("optimisation.learning_rate", 2e-6, "The paper's for this size.", "3e-6 for 671B"),
    Choice("hardware.processes", 32, "One question of an update each."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_FULL_SHORT = changed(
    FULL,
    Choice("method.sampling.max_tokens", 32_768, "The paper's up to update 8,200."),
    Choice("steps", 512, "8,200 updates, 16 a step."),
    Choice("evaluation.every_steps", 25, "Each 400 updates."),
)
_FULL_LONG = changed(
    without(FULL, "model"),
    Choice("method.sampling.max_tokens", 65_536, "Doubled: accuracy and length jump."),
    Choice("steps", 138, "To update 10,400."),
    Choice("evaluation.every_steps", 25, "Each 400 updates."),
)

_PURPOSES = (
    "The model finds out that working pays, as far as the limit on length lets it.",
    "With a higher limit, responses and accuracy grow again; the optimiser starts anew, the paper's went on.",
)


def _stages(short: tuple[Choice, ...], long: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("short", _PURPOSES[0], short),
        StagePreset("long", _PURPOSES[1], long, model_from=last_of("short")),
    )


R1_ZERO = RecipePreset(
    "r1-zero",
    "R1-Zero",
    "Reinforcement learning on a base model, rewards by rule only, and a limit on length that is raised on the way.",
    "DeepSeek-R1 (arXiv 2501.12948 and Nature 645), section 2.2 and its supplement",
    builtin=Variant(
        "builtin",
        "",
        "Accuracy rises from 19 to 75 % under a limit that cuts a fifth of the responses, and to 87 % under a higher "
        "one.",
        _stages(_SHORT, _LONG),
        minutes=6,
    ),
    full=Variant(
        "full",
        "An imported problem set called reasoning, and GPUs for 32 billion parameters.",
        "Published: pass@1 on AIME 2024 from 15.6 to 77.9 % for the 671B model, and 47 % for the 32B one.",
        _stages(_FULL_SHORT, _FULL_LONG),
    ),
)
