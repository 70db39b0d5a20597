"""Software agents: an expert's ways through repositories by heart, then its steps, then what the tests say."""

from training.config.presets.agents import AGENTS_RL, AGENTS_SFT, AGENTS_SRL, SRL_SOURCE
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_RL = changed(
    without(AGENTS_RL.choices, "model"),
    Choice("evaluation.every_steps", 10, "Before, on the way, and after."),
)
_FULL = (
    Choice("prompt.tools", "schema", "The instructions with each tool's JSON schema."),
    Choice("prompt.calls", "json", "As models of this size were taught to write calls."),
    Choice("hardware.processes", 8, "Eight GPUs share each batch."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_WAYS = (
    Choice("problems.kind", "imported", "An expert's ways through real repositories, by tools like these."),
    Choice("problems.slug", "swe-trajectories", "Imported under this name.", "5,000 trajectories of SWE-smith"),
)
_FULL_SFT = changed(
    without(without(AGENTS_SFT.choices, "problems"), "model"),
    *_WAYS,
    *_FULL,
    Choice("model.kind", "hub", "A model that has read much code."),
    Choice("model.name", "Qwen/Qwen2.5-Coder-7B-Instruct", "The paper's."),
    Choice("method.sequences_per_step", 64, "A batch for eight GPUs."),
    Choice("method.max_length", 32_768, "Whole trajectories."),
    Choice("optimisation.learning_rate", 5e-6, "Usual at this size; the paper does not say."),
    Choice("steps", 234, "Three epochs of 5,000 trajectories."),
    Choice("evaluation.every_steps", 0, "Calls are not run here."),
)
_FULL_SRL = changed(
    without(without(AGENTS_SRL.choices, "problems"), "model"),
    *_WAYS,
    *_FULL,
    Choice("method.format", "think_action", "A monologue that is never scored, then the call."),
    Choice("method.sampling.prompts_per_step", 512, "The paper's batch."),
    Choice("method.sampling.max_tokens", 4096, "Room for the monologue; the paper does not say."),
    Choice("optimisation.learning_rate", 5e-7, "The paper's."),
    Choice("steps", 260, "One epoch of the 134,000 steps of 5,000 trajectories."),
)
_FULL_RL = changed(
    without(_RL, "problems"),
    Choice("problems.kind", "imported", "Issues with tests; nobody needs to have solved them."),
    Choice("problems.slug", "swe-repositories", "Imported under this name, files and tests as meta.repository."),
    *_FULL,
    Choice("method.agentic.max_turns", 50, "Real repositories take many looks."),
    Choice("method.agentic.result_characters", 4000, "Files are longer."),
    Choice("method.agentic.tool_seconds", 60.0, "So are their tests."),
    Choice("method.sampling.prompts_per_step", 64, "A batch for eight GPUs."),
    Choice("method.sampling.max_tokens", 24_576, "What tools say included."),
    Choice("optimisation.learning_rate", 1e-6, "Usual at this size."),
    Choice("steps", 200, "About as many as published runs of this size."),
    Choice("evaluation.every_steps", 20, "An evaluation is as long as several steps."),
)


def _stages(sft: tuple[Choice, ...], srl: tuple[Choice, ...], rl: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("expert-ways", "How calls are written, and the way an expert takes.", sft),
        StagePreset(
            "expert-steps", "The expert's next call, paid by likeness, wherever it stood.", srl, last_of("expert-ways")
        ),
        StagePreset(
            "tests", "Issues that no expert has worked on: resolved where the tests pass.", rl, last_of("expert-steps")
        ),
    )


AGENTS = RecipePreset(
    "software-agents",
    "Software agents",
    "Few ways of an expert through repositories first, then many issues with nothing but their tests.",
    SRL_SOURCE.format("table 5; rewards by tests come after it"),
    builtin=Variant(
        "builtin",
        "",
        "After the expert's ways a tenth of the held-out issues is resolved; steps and tests go on from there.",
        _stages(AGENTS_SFT.choices, without(AGENTS_SRL.choices, "model"), _RL),
        minutes=12,
    ),
    full=Variant(
        "full",
        "Imported sets called swe-trajectories and swe-repositories, and eight GPUs.",
        "Published, of SWE-bench Verified with the files to edit given: base 5.8, SFT 8.4, SRL 14.8 %; RL with tests "
        "after it was not tried.",
        _stages(_FULL_SFT, _FULL_SRL, _FULL_RL),
    ),
)
