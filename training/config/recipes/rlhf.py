"""RLHF as InstructGPT did it: demonstrations, then a reward model of people's rankings, then PPO that it pays."""

from training.config.presets.preferences import REWARD_MODEL
from training.config.presets.rlhf import PPO
from training.config.presets.sft import SFT
from training.config.presets.types import Choice, changed, without
from training.config.recipes.types import RecipePreset, StagePreset, Variant, last_of

_SFT = changed(
    SFT.choices,
    Choice("problems.kind", "builtin", "Generated arithmetic with worked solutions."),
    Choice("problems.train_count", 64, "Demonstrations are dear, so there are few.", "12,725 prompts"),
    Choice("optimisation.learning_rate", 1e-4, "A few careful steps: the format, not the skill.", "9.65e-6"),
    Choice("optimisation.warmup_steps", 2, "A gentle start for the optimizer's moments."),
    Choice("steps", 8, "Four passes.", "16 epochs"),
    Choice("evaluation.every_steps", 4, "Over-fitting shows in the held-out loss."),
)
_REWARD_MODEL = changed(
    REWARD_MODEL.choices,
    Choice("method.rankings.kind", "builtin", "Made-up labels: right before wrong, worked out before guessed."),
)
_PPO = changed(
    without(PPO.choices, "method.reward.learned.model"),
    Choice("steps", 30, "Accuracy has levelled off by then.", "256,000 episodes"),
)

_PYTHIA = (
    Choice("model.kind", "hub", "A base model of InstructGPT's smallest size."),
    Choice("model.name", "EleutherAI/pythia-1.4b", "As in the details (arXiv 2403.17031).", "GPT-3, 1.3B to 175B"),
)
_READ = Choice("prompt.template", "plain", "The prompts stand in the set as the model shall read them.")
_SET = (
    Choice("problems.kind", "imported", "Prompts of users; demonstrations are their worked solutions."),
    Choice("problems.slug", "instructions", "Imported under this name."),
)
_CARDS = (
    Choice("hardware.processes", 8, "Eight GPUs share each batch."),
    Choice("hardware.dtype", "bfloat16", "Half the memory of the forward pass."),
)
_FULL_SFT = (
    Choice("method.kind", "sft", "Next-token prediction on demonstrations; prompts are not learned."),
    *_PYTHIA,
    _READ,
    *_SET,
    Choice("method.sequences_per_step", 32, "The paper's batch."),
    Choice("method.max_length", 2048, "The model's context."),
    Choice("optimisation.learning_rate", 9.65e-6, "The paper's for 1.3B."),
    Choice("optimisation.schedule", "cosine", "As in the paper."),
    Choice("steps", 5648, "16 epochs of 11,295 demonstrations."),
    Choice("evaluation.every_steps", 353, "Once an epoch."),
    *_CARDS,
)
_FULL_REWARD_MODEL = changed(
    REWARD_MODEL.choices,
    _READ,
    *_SET,
    Choice("method.rankings.kind", "project", "People's rankings of 4 to 9 responses, in a labeling project."),
    Choice("method.rankings.slug", "instructions", "The project's short name."),
    Choice("method.rankings_per_step", 64, "The paper's batch: up to 2,304 comparisons."),
    Choice("method.max_length", 2048, "The model's context."),
    Choice("method.centering", 0.0, "None, as in the paper."),
    Choice("optimisation.learning_rate", 9e-6, "The paper's."),
    Choice("steps", 519, "One epoch of 33,207 prompts; more over-fits."),
    *_CARDS,
)
_FULL_PPO = changed(
    _PPO,
    _READ,
    *_SET,
    Choice("method.sampling.prompts_per_step", 512, "The paper's batch."),
    Choice("method.sampling.max_tokens", 1024, "Half of the model's context."),
    Choice("method.epochs", 1, "One pass over each batch, as in the paper."),
    Choice("method.updates_per_step", 8, "Mini-batches of 64, as in the paper."),
    Choice("method.kl.coefficient", 0.02, "The paper's."),
    Choice("method.critic.learning_rate", 9e-6, "The paper's."),
    Choice("optimisation.learning_rate", 3e-6, "The details'; the paper names none for this size."),
    Choice("optimisation.warmup_steps", 10, "As in the paper."),
    Choice("steps", 500, "256,000 episodes."),
    *_CARDS,
)


def _stages(sft: tuple[Choice, ...], rewards: tuple[Choice, ...], ppo: tuple[Choice, ...]) -> tuple[StagePreset, ...]:
    return (
        StagePreset("sft", "What a good response looks like, from few demonstrations.", sft),
        StagePreset(
            "reward-model", "What people prefer, learned from their rankings.", rewards, model_from=last_of("sft")
        ),
        StagePreset(
            "ppo",
            "The policy goes where the reward model pays, held to the model after SFT.",
            ppo,
            model_from=last_of("sft"),
            reward_model_from=last_of("reward-model"),
        ),
    )


RLHF = RecipePreset(
    "rlhf",
    "RLHF",
    "Demonstrations, a reward model of people's rankings, and PPO that it pays: how assistants were first made.",
    "InstructGPT (arXiv 2203.02155), section 3 and appendix C",
    builtin=Variant(
        "builtin",
        "",
        "Accuracy rises from 21 to 29 % by demonstrations and to 70 % by PPO, which is paid by the reward model alone: "
        "rankings carry what is right.",
        _stages(_SFT, _REWARD_MODEL, _PPO),
        minutes=4,
    ),
    full=Variant(
        "full",
        "An imported set and a labeling project, both called instructions, and eight GPUs.",
        "Published: people prefer the 1.3B model to GPT-3 of 175B.",
        _stages(_FULL_SFT, _FULL_REWARD_MODEL, _FULL_PPO),
    ),
)
