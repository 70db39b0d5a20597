"""Software agents: an expert's ways through repositories first, then issues with nothing but their tests.

The small model learns the ways by heart: calls are new to it, and SRL on their steps added nothing that was measured.
"""

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
_FULL_SRL = changed(
    without(without(AGENTS_SRL.choices, "problems"), "model"),
    *_WAYS,
    *_FULL,
    Choice("model.kind", "hub", "A model that has read much code, and can write calls."),
    Choice("model.name", "Qwen/Qwen2.5-Coder-7B-Instruct", "The paper's."),
    Choice("method.format", "think_action", "A monologue that is never scored, then the call."),
    Choice("method.sampling.prompts_per_step", 512, "The paper's batch."),
    Choice("method.sampling.max_tokens", 4096, "Room for the monologue; the paper does not say."),
    Choice("optimisation.learning_rate", 5e-7, "The paper's for mathematics; for agents it names none."),
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
    Choice("steps", 200, "A first length; the share resolved says when to end."),
    Choice("evaluation.every_steps", 20, "An evaluation is as long as several steps."),
)


def _stages(expert: str, ways: tuple[Choice, ...], tests: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("expert", expert, ways),
        StagePreset(
            "tests", "Issues that no expert has worked on: resolved where the tests pass.", tests, last_of("expert")
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
        "Held-out issues resolved: none by the base, 47 % after the expert's ways. RL was not shown to add to that: "
        "after 18 steps at twice this rate it was 41 %, which may be chance.",
        _stages("How calls are written, and the way an expert takes, by heart.", AGENTS_SFT.choices, _RL),
    ),
    full=Variant(
        "full",
        "Imported sets called swe-trajectories and swe-repositories, and eight GPUs.",
        "Published, of SWE-bench Verified with the files to edit given: base 5.8, SFT 8.4, SRL 14.8 %; RL with tests "
        "after it was not tried.",
        _stages("The expert's next call, paid by likeness, wherever it stood.", _FULL_SRL, _FULL_RL),
    ),
)
