"""DeepSeek-R1: cold start, reasoning RL, a new start from selected responses, and RL for all scenarios."""

from training.config.presets.grpo import R1_ZERO as ZERO
from training.config.presets.preferences import REWARD_MODEL
from training.config.presets.sft import SFT
from training.config.presets.types import Choice, changed, without
from training.config.recipes.r1_zero import FULL as FULL_ZERO
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_SET = (
    Choice("problems.kind", "builtin", "Generated arithmetic: answers are sure."),
    Choice("problems.level", "middle", "The base solves about a fifth of it."),
)
_SAMPLED = (
    Choice("selection.kind", "rejection_sampling", "Right and readable responses of a model become the solutions."),
    Choice("selection.max_tokens", 96, "The longest worked solutions fit."),
    Choice("selection.prefer", "longest", "Responses that show their work, where there are any."),
    Choice("selection.one_script", True, "No mixing of languages."),
    Choice("selection.no_repetition", True, "No endless repetition."),
)
_SFT = changed(
    SFT.choices,
    *_SET,
    *_SAMPLED,
    Choice("optimisation.warmup_steps", 4, "A gentle start for the optimizer's moments."),
    Choice("evaluation.every_steps", 10, "Often enough to see it move."),
)
_COLD = changed(
    _SFT,
    Choice("problems.train_count", 256, "Thousands of examples at full size; here a few.", "thousands"),
    Choice("selection.samples", 8, "One in five is right, one in four shows its work."),
    Choice("optimisation.learning_rate", 1e-4, "A start, no more.", "5e-5, falling to 5e-6"),
    Choice("steps", 20, "Two and a half passes.", "2 to 3 epochs"),
)
_REASONING = changed(
    ZERO.choices,
    *_SET,
    Choice("method.reward.language", 0.2, "Reasoning in one language, added directly.", "weight not stated"),
    Choice("method.loss.clip_low", 10.0, "The paper's ε: below, nothing is clipped, since ratios are positive."),
    Choice("method.loss.clip_high", 10.0, "Above, only what grows elevenfold is."),
    Choice("steps", 40, "Most of the gain has come.", "not stated"),
    Choice("evaluation.every_steps", 10, "Often enough to see it move."),
)
_AGAIN = changed(
    _SFT,
    Choice("problems.train_count", 1024, "Each with a response of the reasoning model.", "about 600,000"),
    Choice("selection.samples", 4, "Nearly all problems have a right one now."),
    Choice("selection.no_code", True, "No blocks of code in the reasoning."),
    Choice("optimisation.learning_rate", 3e-4, "The base learns all of it anew.", "5e-5, falling to 5e-6"),
    Choice("steps", 80, "Two and a half passes.", "2 to 3 epochs, 804,745 rows"),
)
_REWARDS = changed(
    REWARD_MODEL.choices,
    Choice("method.rankings.kind", "builtin", "Made-up labels: right before wrong, worked out before guessed."),
    Choice("method.rankings.level", "hard", "Of the problems that the last stage is about."),
    Choice("steps", 60, "Two passes, which is enough for what it is used for.", "1 epoch of 66,000 pairs"),
)
_ALL = changed(
    _REASONING,
    Choice(
        "problems.level",
        "hard",
        "Longer than all before, in the place of other kinds of problems.",
        "reasoning, and general problems",
    ),
    Choice("method.sampling.max_tokens", 128, "Longer problems take longer responses.", "32,768"),
    Choice("method.sampling.temperature", 0.7, "The paper's: steadier responses."),
    Choice("method.sampling.prompts_per_step", 16, "Steps of longer responses stay quick."),
    Choice("steps", 20, "Rules only at first.", "1,300"),
)
_PREFERENCE = changed(
    _ALL,
    Choice("method.reward.learned.weight", 0.2, "Beside the rules, not in their place."),
    Choice("steps", 10, "At the end only, before it is gamed.", "the last 400 of 1,700"),
)

_CARDS = (
    Choice("hardware.processes", 32, "One question of an update each."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_BASE = (
    Choice("model.kind", "hub", "A base model without any fine-tuning."),
    Choice("model.name", "Qwen/Qwen2.5-32B", "The size of the paper's smaller experiment.", "DeepSeek-V3-Base, 671B"),
)
_TEMPLATE = Choice("prompt.template", "r1_zero", "A base model has no chat template to keep to.")
_FULL_SFT = changed(
    _SFT,
    *_BASE,
    _TEMPLATE,
    Choice("selection.max_tokens", 32_000, "What is left of the context beside a prompt."),
    Choice("selection.prefer", "drawn", "Any right and readable response."),
    Choice("selection.longest_paragraph", 4000, "No paragraphs that nobody reads."),
    Choice("method.sequences_per_step", 128, "The paper's batch."),
    Choice("method.max_length", 32_768, "The paper's."),
    Choice("optimisation.learning_rate", 5e-5, "The paper's, falling to 5e-6."),
    Choice("evaluation.every_steps", 100, "The held-out loss moves slowly."),
    *_CARDS,
)


def _imported(choices: tuple[Choice, ...], slug: str, why: str) -> tuple[Choice, ...]:
    """The choices with an imported set in the place of generated problems."""
    problems = (Choice("problems.kind", "imported", why), Choice("problems.slug", slug, "Imported under this name."))
    return (*without(choices, "problems"), *problems)


_REASONS, _EVERYTHING = "Mathematics, code, STEM and logic.", "Reasoning, and problems of all other kinds."
_FULL_COLD = changed(
    _imported(_FULL_SFT, "reasoning", _REASONS),
    Choice("selection.samples", 16, "Enough for a right and readable one."),
    Choice("steps", 100, "Two and a half passes over five thousand."),
)
_FULL_REASONING = changed(
    without(FULL_ZERO, "model"),
    Choice("method.reward.language", 1.0, "Share of words in the target language, added directly."),
    Choice("method.loss.clip_low", 10.0, "The paper's ε: below, nothing is clipped."),
    Choice("method.loss.clip_high", 10.0, "The paper's ε."),
    Choice("method.sampling.max_tokens", 32_768, "The paper's."),
    Choice("optimisation.learning_rate", 3e-6, "The paper's."),
    Choice("steps", 650, "The paper does not say; as many as R1-Zero's."),
    Choice("evaluation.every_steps", 25, "Each 400 updates."),
)
_FULL_AGAIN = changed(
    _imported(_FULL_SFT, "all-scenarios", _EVERYTHING),
    Choice("selection.samples", 4, "600,000 responses of about 160,000 problems."),
    Choice("selection.keep", 4, "All that pass."),
    Choice("selection.no_code", True, "No blocks of code in the reasoning."),
    Choice("selection.judge.kind", "hub", "Decides where there is no answer to check."),
    Choice("selection.judge.name", "Qwen/Qwen2.5-72B-Instruct", "Any model that judges well.", "DeepSeek-V3"),
    Choice("selection.judge_tokens", 1024, "Room for a reason."),
    Choice("steps", 12_574, "Two passes over 804,745 rows."),
    Choice("evaluation.every_steps", 1000, "The held-out loss moves slowly."),
)
_FULL_REWARDS = changed(
    without(_REWARDS, "method.rankings"),
    Choice("method.rankings.kind", "project", "66,000 pairs, judged four times in both orders."),
    Choice("method.rankings.slug", "helpful", "The labeling project's short name."),
    Choice("method.rankings_per_step", 256, "The paper's batch."),
    Choice("method.max_length", 8192, "The paper's."),
    Choice("optimisation.learning_rate", 6e-6, "The paper's."),
    Choice("steps", 258, "One epoch."),
    _TEMPLATE,
    *_CARDS,
)
_FULL_ALL = changed(
    _imported(_FULL_REASONING, "all-scenarios", _EVERYTHING),
    Choice("method.sampling.temperature", 0.7, "The paper's: steadier responses."),
    Choice("steps", 81, "1,300 updates."),
)
_FULL_PREFERENCE = changed(
    _FULL_ALL,
    Choice("method.reward.learned.weight", 1.0, "Added to the rules."),
    Choice("steps", 25, "The last 400 updates: longer, and the reward is gamed."),
)


def _stages(*choices: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    cold, reasoning, again, rewards, everything, preference = choices
    return (
        StagePreset("cold-start", "A readable start: the model's own right responses that show their work.", cold),
        StagePreset("reasoning-rl", "Rewards by rule and for keeping to one language.", reasoning,
                    last_of("cold-start")),
        StagePreset(
            "rejection-sampling",
            "The base starts anew, from right responses of the reasoning model that pass the filters.",
            again,
            selection_model_from=last_of("reasoning-rl"),
        ),
        StagePreset("reward-model", "What people prefer, for the end of the last stage.", rewards,
                    last_of("rejection-sampling")),
        StagePreset("all-scenarios", "RL on everything, by rules.", everything, last_of("rejection-sampling")),
        StagePreset(
            "preferences",
            "The end of the last stage: preferences count as well, briefly, since a learned reward gets gamed.",
            preference,
            last_of("all-scenarios"),
            last_of("reward-model"),
        ),
    )  # fmt: skip


R1 = RecipePreset(
    "deepseek-r1",
    "DeepSeek-R1",
    "Cold start, reasoning RL, a new start from selected responses, and RL for all scenarios with preferences last.",
    "DeepSeek-R1 (arXiv 2501.12948 and Nature 645), sections 2.3 and 3 and their supplement",
    builtin=Variant(
        "builtin",
        "",
        "Accuracy of the base 21 %, 33 % after the cold start, 80 % after RL, and 84 % of the base that starts anew "
        "from selected responses; on hard problems the last stage goes from 7 to 20 %, and preferences add nothing "
        "there.",
        _stages(_COLD, _REASONING, _AGAIN, _REWARDS, _ALL, _PREFERENCE),
        minutes=6,
    ),
    full=Variant(
        "full",
        "Imported sets called reasoning and all-scenarios, a labeling project called helpful, and 32 large GPUs.",
        "Published: AIME 2024 after the stages 59.0, 74.0, 78.1 and 79.8 %; AlpacaEval 2 from 24.7 to 87.6.",
        _stages(_FULL_COLD, _FULL_REASONING, _FULL_AGAIN, _FULL_REWARDS, _FULL_ALL, _FULL_PREFERENCE),
    ),
)
