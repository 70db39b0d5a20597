"""Presets of responses that call tools: the format first, then reinforcement learning (rStar2-Agent)."""

from dataclasses import replace

from training.config.presets.types import BUILTIN_RATE, Choice, Preset

SOURCE = "rStar2-Agent (arXiv 2508.20722), {}"

_TOLD = Choice("prompt.tools", "template", "The built-in model's template names the tool in the prompt.", "its schema")
_BUILTIN = Choice("problems.kind", "builtin", "Generated, so that answers are sure.")
_LEVEL = Choice(
    "problems.level",
    "tools",
    "Numbers that no head computes, but one line of Python does; integer answers only.",
    "42,000 problems of competitions with integer answers",
)

TOOL_FORMAT = Preset(
    "tool-format",
    "Tool format (SFT)",
    "Learn how to write a tool call, clumsily as well as cleanly, and nothing about when: what GRPO then elicits.",
    SOURCE.format("section 4.1"),
    (
        Choice("method.kind", "sft", "Non-reasoning: short demonstrations of calls, with failing and needless ones."),
        _BUILTIN,
        _LEVEL,
        _TOLD,
        Choice("method.sequences_per_step", 32, "Steps of a second on one core.", "128"),
        Choice("method.max_length", 512, "The longest demonstration has 400 tokens."),
        Choice(
            "optimisation.learning_rate",
            3e-3,
            "The tool's tokens were never trained: at a third of it, the calls are readable a hundred steps later.",
            "5e-6",
        ),
        Choice("optimisation.schedule", "cosine", "As in the paper."),
        Choice("optimisation.min_rate_share", 0.1, "A last part of the learning is fine work."),
        Choice("optimisation.warmup_steps", 10, "A gentle start for the optimizer's moments.", "4 % of the steps"),
        Choice(
            "steps",
            200,
            "Three minutes of one core: calls can be read, and a third of the answers is right, which leaves room.",
            "3 epochs of 165,000 calls and 57,000 other samples",
        ),
        Choice("evaluation.every_steps", 50, "The held-out loss moves slowly."),
        Choice("evaluation.samples", 2, "Calls are not run here, so that accuracy says little."),
    ),
)

RECIPE = (
    Choice("method.kind", "grpo", "Rewards relative to the other responses to the same problem; no critic."),
    Choice("model.kind", "builtin", "A model that can already write calls.", "Qwen3-14B-Base after non-reasoning SFT"),
    Choice("model.variant", "tools", "The built-in model after the preset Tool format, which is the paper's SFT."),
    _BUILTIN,
    _LEVEL,
    _TOLD,
    Choice("method.agentic.enabled", True, "Calls are run, and their results go back into the conversation."),
    Choice(
        "method.agentic.max_turns",
        4,
        "Two mistakes can be put right.",
        "10, in the third stage 15, and 30 to evaluate",
    ),
    Choice("method.roc.enabled", True, "An answer alone as reward also pays for failing calls: learn from clean ones."),
    Choice("method.roc.oversample", 2, "As in the paper."),
    Choice("method.roc.rule", "paper", "Clean successes are likelier, not certain; half of the failures stay."),
    Choice("method.sampling.prompts_per_step", 16, "A step of seconds on one core.", "512"),
    Choice("method.sampling.samples_per_prompt", 8, "16 are drawn, 8 are kept.", "32 drawn, 16 kept"),
    Choice(
        "method.sampling.max_tokens",
        320,
        "Room for two failing calls and one that works, tool results included. What is cut earns nothing, and is kept.",
        "8,192; 12,288 in a second stage, once a tenth of the responses is cut and the reward has levelled off",
    ),
    Choice("method.sampling.temperature", 1.0, "Sampling from the policy as it is."),
    Choice("method.reward.accuracy", 1.0, "Right or wrong, and nothing for format, calls or length."),
    Choice("method.loss.clip_low", 0.2, "The usual lower side."),
    Choice("method.loss.clip_high", 0.28, "Clip-higher: unlikely tokens may grow."),
    Choice("method.loss.aggregation", "token_mean", "Over all tokens that are learned from, in all kept responses."),
    Choice("method.loss.kl_coefficient", 0.0, "No leash, and no entropy bonus either."),
    Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "1e-6"),
    Choice("optimisation.schedule", "constant", "As in the paper."),
    Choice("optimisation.warmup_steps", 5, "A gentle start for the optimizer's moments.", "20 rollout steps"),
    Choice("steps", 60, "Minutes on two cores.", "300, then 85 longer ones, then 125 on what is still hard"),
    Choice("evaluation.every_steps", 10, "Often enough to see it move."),
)

RSTAR2_AGENT = Preset(
    "rstar2-agent",
    "rStar2-Agent",
    "GRPO-RoC: a model that can write tool calls finds out that they pay, and to make them without stumbling.",
    SOURCE.format("sections 2.2 and 4.3"),
    RECIPE,
)

GRPO_AGENTIC = Preset(
    "grpo-agentic",
    "Agentic GRPO without RoC",
    "The rStar2-Agent recipe, learning from every response: failing calls on the way to a right answer are paid, too.",
    SOURCE.format("figure 4, its baseline"),
    tuple(
        replace(choice, value=False, why="Every response that is drawn is learned from.", paper="")
        if choice.path == "method.roc.enabled"
        else choice
        for choice in RECIPE
    ),
    group="ablation",
)
