"""A demonstration: a reward model that learned too little, followed past the signs of over-optimisation."""

from training.config.presets.preferences import REWARD_MODEL
from training.config.presets.rlhf import GRPO_REWARD_MODEL
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_REWARDS = changed(
    REWARD_MODEL.choices,
    Choice("method.rankings.kind", "builtin", "Made-up labels: right before wrong, worked out before guessed."),
    Choice("method.rankings.count", 48, "Far too few to tell right from wrong.", "below 2,000 comparisons: chance"),
    Choice("method.rankings.errors", 0.2, "Some labels are mixed up, as people's are."),
    Choice("method.heads", 4, "Whose disagreement is one of the signs."),
    Choice("method.shift", "responses", "Reward 0 for what was ranked."),
    Choice("steps", 40, "Over-fits its few labels."),
    Choice("evaluation.every_steps", 10, "Shows that it knows little."),
)
_POLICY = changed(
    without(GRPO_REWARD_MODEL.choices, "method.reward.learned.model"),
    Choice("method.reward.learned.transform", "none", "No brake.", "sigmoid of the difference (PAR)"),
    Choice("method.loss.kl_coefficient", 0.0, "No leash."),
    Choice("method.updates_per_step", 1, "One step at a time, so that the turn can be seen."),
    Choice("method.reward.missing_end", 0.0, "Nothing keeps responses short."),
    Choice("method.overoptimisation.action", "alert", "Goes on, so that the fall is seen; stop would end it here."),
    Choice("method.overoptimisation.length_growth", None, "Right answers are worked out here, and therefore longer."),
    Choice("method.overoptimisation.length_correlation", None, "Length says nothing here either."),
    Choice("steps", 44, "A little past the alarm."),
    Choice("evaluation.every_steps", 2, "Learned reward and accuracy side by side."),
    Choice("checkpoints.every_steps", 2, "The last one from before the alarm is kept."),
)
_FULL_SET = (
    Choice("problems.kind", "imported", "Prompts with answers, so that gaming shows."),
    Choice("problems.slug", "instructions", "Imported under this name."),
    Choice("hardware.processes", 8, "Eight GPUs share each batch."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_FULL_REWARDS = changed(
    without(_REWARDS, "method.rankings"),
    *_FULL_SET,
    Choice("model.kind", "hub", "A small model of the policy's family."),
    Choice("model.name", "Qwen/Qwen2.5-0.5B-Instruct", "Smaller reward models peak earlier."),
    Choice("method.rankings.kind", "project", "People's rankings, in a labeling project."),
    Choice("method.rankings.slug", "instructions", "The project's short name."),
    Choice("method.max_length", 2048, "Long responses fit."),
    Choice("optimisation.learning_rate", 9e-6, "As for InstructGPT's."),
)
_FULL_POLICY = changed(
    _POLICY,
    *_FULL_SET,
    Choice("model.kind", "hub", "A policy that can go where it is paid."),
    Choice("model.name", "Qwen/Qwen2.5-1.5B-Instruct", "Its tokenizer is the reward model's.", "1.2B and 6B"),
    Choice("method.sampling.prompts_per_step", 64, "A batch for eight GPUs."),
    Choice("method.sampling.max_tokens", 1024, "Room to ramble."),
    Choice("optimisation.learning_rate", 1e-6, "Usual at this size."),
    Choice("steps", 1000, "Until the alarm."),
    Choice("evaluation.every_steps", 20, "Learned reward and accuracy side by side."),
    Choice("checkpoints.every_steps", 20, "The last one from before the alarm is kept."),
)


def _stages(rewards: tuple[Choice, ...], policy: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("reward-model", "A reward model of far too few labels, on purpose.", rewards),
        StagePreset(
            "policy",
            "The policy finds what the reward model mistakes for good; an alarm marks the last good checkpoint.",
            policy,
            reward_model_from=last_of("reward-model"),
        ),
    )


GAMING = RecipePreset(
    "over-optimisation",
    "Over-optimisation",
    "A demonstration: follow a poor reward model without a leash, and see the signs come up as accuracy falls.",
    "Scaling laws for reward model over-optimization (arXiv 2210.10760), in miniature",
    builtin=Variant(
        "builtin",
        "",
        "Accuracy rises from 21 to 36 % by step 26 and is 13 % at step 44, while the learned reward rises all the "
        "way; the first sign comes up at step 38.",
        _stages(_REWARDS, _POLICY),
        minutes=3,
    ),
    full=Variant(
        "full",
        "An imported set and a labeling project, both called instructions, and eight GPUs.",
        "Published: gold reward peaks and falls while the learned one rises; larger reward models peak higher.",
        _stages(_FULL_REWARDS, _FULL_POLICY),
    ),
)
