"""rStar2-Agent: the format of tool calls, then GRPO-RoC in three stages, the last on what is still hard."""

from training.config.presets.tools import RSTAR2_AGENT as PRESET
from training.config.presets.tools import SOURCE, TOOL_FORMAT
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_FORMAT = changed(
    TOOL_FORMAT.choices,
    Choice("model.kind", "builtin", "A model that has been through most of this stage.", "Qwen3-14B-Base"),
    Choice("model.variant", "tools", "The built-in model after 200 such updates, which take three minutes alone."),
    Choice("optimisation.learning_rate", 3e-4, "Gently on: the form is known.", "5e-6"),
    Choice("optimisation.warmup_steps", 2, "A gentle start for the optimizer's moments.", "4 % of the steps"),
    Choice("steps", 10, "A reminder of the form; without any skill that the model did not have."),
    Choice("evaluation.every_steps", 10, "Before and after."),
    Choice("evaluation.problems", 16, "Calls are not run here, so that accuracy says little."),
)
_FEW = Choice("problems.train_count", 256, "As many as the last stage can ask beforehand.", "42,000")
_HARD = (
    Choice("selection.kind", "not_always_solved", "What is always solved teaches nothing any more."),
    Choice("selection.samples", 4, "A quick look at each problem.", "8; 17,300 of 42,000 problems stay"),
)
_RL = changed(
    without(PRESET.choices, "model"),
    _FEW,
    Choice("optimisation.warmup_steps", 2, "A gentle start for the optimizer's moments.", "20 rollout steps"),
    Choice("evaluation.every_steps", 4, "Often enough to see it move."),
    Choice("evaluation.problems", 32, "Answers with tools take their time."),
    Choice("evaluation.samples", 4, "Enough to tell three stages apart."),
)
_SHORT = changed(
    _RL,
    Choice("method.sampling.max_tokens", 224, "Room for one stumble: calls have to become brief.", "8,192"),
    Choice("steps", 8, "The share of cut responses has settled.", "300"),
)
_LONG = changed(
    _RL,
    Choice("method.sampling.max_tokens", 320, "Room for two failing calls and one that works.", "12,288"),
    Choice("steps", 6, "Enough to see what room is worth.", "85"),
)
_LAST = changed(
    _LONG,
    *_HARD,
    Choice("method.agentic.max_turns", 6, "Hard problems may take more calls.", "15"),
    Choice("steps", 12, "Minutes on two cores.", "125, where it saturated"),
)

_FULL = changed(
    without(without(PRESET.choices, "model"), "problems"),
    Choice("problems.kind", "imported", "Competition problems with sure answers."),
    Choice("problems.slug", "olympiad", "42,000 problems, imported under this name."),
    Choice("problems.answers", "integers", "Which no verifier can misread."),
    Choice("problems.overlap_words", 8, "Leaves out what overlaps with held-out problems."),
    Choice("prompt.tools", "schema", "The instructions with the tool's schema."),
    Choice("method.agentic.max_turns", 10, "The paper's."),
    Choice("method.sampling.prompts_per_step", 512, "The paper's batch."),
    Choice("method.sampling.samples_per_prompt", 16, "32 drawn, 16 kept."),
    Choice("optimisation.learning_rate", 1e-6, "The paper's."),
    Choice("optimisation.warmup_steps", 20, "The paper's."),
    Choice("hardware.processes", 64, "64 GPUs, as in the paper."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_FULL_SFT = (
    Choice("method.kind", "sft", "Non-reasoning: calls, instructions and chats with short responses."),
    Choice("model.kind", "hub", "A base model."),
    Choice("model.name", "Qwen/Qwen3-14B-Base", "The paper's."),
    Choice("problems.kind", "imported", "165,000 function calls, 30,000 instructions, 27,000 chats."),
    Choice("problems.slug", "tool-format", "Imported under this name."),
    Choice("prompt.tools", "schema", "The instructions with the tool's schema."),
    Choice("method.sequences_per_step", 128, "The paper's batch."),
    Choice("method.max_length", 8192, "Longer than the short responses of this stage."),
    Choice("optimisation.learning_rate", 5e-6, "The paper's."),
    Choice("optimisation.schedule", "cosine", "As in the paper."),
    Choice("optimisation.warmup_steps", 208, "4 % of the steps."),
    Choice("steps", 5203, "3 epochs of 222,000 samples."),
    Choice("evaluation.every_steps", 500, "Ten times in all."),
    Choice("hardware.processes", 64, "64 GPUs, as in the paper."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_FULL_SHORT = changed(
    _FULL,
    Choice("method.sampling.max_tokens", 8192, "The paper's."),
    Choice("steps", 300, "The paper's, unless the signs below are there sooner."),
    Choice("finish.truncation", 0.1, "Move on when the share of cut responses has settled at about a tenth."),
    Choice("finish.reward_flat", True, "And the reward has levelled off."),
    Choice("finish.least_steps", 150, "Not before the first spikes of cut responses are over."),
)
_FULL_LONG = changed(
    _FULL,
    Choice("method.sampling.max_tokens", 12_288, "The paper's."),
    Choice("steps", 85, "Until 70 % of the problems of a batch are always solved."),
)
_FULL_LAST = changed(
    _FULL_LONG,
    Choice("selection.kind", "not_always_solved", "Drops what is solved 8 of 8 times: 17,300 of 42,000 stay."),
    Choice("selection.samples", 8, "The paper's."),
    Choice("method.agentic.max_turns", 15, "The paper's."),
    Choice("steps", 125, "Where it saturated."),
)


def _stages(
    sft: tuple[Choice, ...], short: tuple[Choice, ...], long: tuple[Choice, ...], hard: tuple[Choice, ...]
) -> tuple[StagePreset, ...]:
    return (
        StagePreset("tool-format", "How calls are written, and nothing about when: no reasoning is taught.", sft),
        StagePreset("short", "Calls pay, and brief ones fit: a tight limit on length.", short, last_of("tool-format")),
        StagePreset("longer", "More room, once the tight limit has done its work.", long, last_of("short")),
        StagePreset("hard", "Only problems not always solved; the optimiser starts anew.", hard, last_of("longer")),
    )


RSTAR2 = RecipePreset(
    "rstar2-agent",
    "rStar2-Agent",
    "Non-reasoning fine-tuning on the form of tool calls, then GRPO-RoC: short, longer, and on what is still hard.",
    SOURCE.format("section 4"),
    builtin=Variant(
        "builtin",
        "",
        "Right answers with tools: 45 % at first, 70 % after the short stage, 84 % after the longer one, and 92 % "
        "after the last, on the 113 of 256 problems that were not always solved.",
        _stages(_FORMAT, _SHORT, _LONG, _LAST),
        minutes=6,
    ),
    full=Variant(
        "full",
        "Imported sets called tool-format and olympiad, and 64 GPUs.",
        "Published: AIME 2024 and 2025 after the three stages 72.1 and 64.2, 77.0 and 64.8, 80.6 and 69.8 %.",
        _stages(_FULL_SFT, _FULL_SHORT, _FULL_LONG, _FULL_LAST),
    ),
)
