"""DeepSearch in rounds: measure again which problems are hard, search those, and start from what was learned."""

from training.config.presets.search import DEEPSEARCH, DEEPSEARCH_LAZY, PAPER
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

ROUNDS = ("round-1", "round-2", "round-3")

_HARD = (
    Choice("selection.kind", "pass_rate", "A round searches what direct sampling seldom solves."),
    Choice("selection.samples", 4, "The paper's K."),
    Choice("selection.at_most", 0.25, "The paper's δ, as released: once in four counts as hard."),
)
_BUILTIN = changed(
    DEEPSEARCH_LAZY.choices,
    *_HARD,
    Choice("steps", 12, "A minute a round on an idle core.", "50 for the final model"),
    Choice("evaluation.every_steps", 6, "Twice a round."),
    Choice("checkpoints.every_steps", 6, "A round that is killed loses little."),
)

_SUBSET = "method.hard_subset"
_FULL = (
    *without(without(DEEPSEARCH.choices, "problems"), _SUBSET),
    *_HARD,
    Choice(f"{_SUBSET}.enabled", False, "Each round measures before its first step."),
    Choice("problems.kind", "imported", "DeepMath-103K, with held-out problems of its own."),
    Choice("problems.slug", "deepmath-103k", "Imported under this name."),
)
_FULL = changed(
    _FULL,
    Choice("method.sampling.prompts_per_step", 256, "The paper's batch."),
    Choice("method.sampling.max_tokens", 16_384, "The paper's."),
    Choice("method.search.max_depth", 64, "Steps of 256 tokens."),
    Choice("method.search.max_expansions", 256, "Above the paper's 190 on its hardest problems."),
    Choice("method.reward.overlong_buffer", 4096, "The paper's."),
    Choice("method.updates_per_step", 8, "The paper's."),
    Choice("optimisation.learning_rate", 1e-6, "The paper's."),
    Choice("optimisation.warmup_steps", 10, "The paper's."),
    Choice("steps", 100, "As in the released scripts."),
    Choice("evaluation.every_steps", 10, "Often enough to choose the best checkpoint."),
    Choice("hardware.processes", 32, "One prompt of an update each."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_MODEL = (
    Choice("model.kind", "hub", "A model at the end of its plain training."),
    Choice("model.name", "nvidia/Nemotron-Research-Reasoning-Qwen-1.5B", "The paper's."),
)

_PURPOSES = (
    "Search the problems that the model seldom solves, and keep what was found.",
    "Measure anew: what has been learned drops out, and known solutions stand in for searches.",
    "Once more, on fewer and harder problems.",
)


def _stages(first: tuple[Choice, ...], later: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return tuple(
        StagePreset(name, purpose, later if number else first, last_of(ROUNDS[number - 1]) if number else None)
        for number, (name, purpose) in enumerate(zip(ROUNDS, _PURPOSES, strict=True))
    )


DEEPSEARCH_ROUNDS = RecipePreset(
    "deepsearch-rounds",
    "DeepSearch in rounds",
    "Measure which problems are hard, search them, learn, and measure again; solutions are shared between rounds.",
    f"{PAPER}, section 4",
    builtin=Variant(
        "builtin",
        "",
        "On hard problems, 4 % solved at first: 17, 21 and 22 % after the rounds. 501, 445 and 407 of 512 problems are "
        "hard before each, and solutions of 136, 195 and 244 are known after it.",
        _stages(_BUILTIN, _BUILTIN),
        minutes=4,
    ),
    full=Variant(
        "full",
        "An imported set called deepmath-103k, and 32 GPUs.",
        "Published: 62.95 % over six benchmarks; cached solutions grow from none of 13,658 problems to a third.",
        _stages((*_MODEL, *_FULL), _FULL),
    ),
)
