"""Presets of software agents: an expert's way through repositories as text, then its steps, then the tests."""

from training.config.presets.types import BUILTIN_RATE, Choice, Preset, changed

SRL_SOURCE = "Supervised Reinforcement Learning (arXiv 2510.25992), {}"

_REPOSITORIES = (
    Choice("problems.kind", "builtin", "Generated, so that each has one fault and a test that tells it."),
    Choice("problems.level", "repositories", "One to three small files.", "5,000 trajectories of SWE-smith"),
    Choice("problems.train_count", 512, "Few ways of an expert, whose time is dear.", "5,000 trajectories"),
    Choice("problems.heldout_count", 96, "Of functions and issues that no training problem has."),
    Choice("prompt.tools", "template", "The built-in model's template names the tools in the prompt."),
    Choice("prompt.toolset", "repository", "Read, edit, and run the tests."),
    Choice("prompt.calls", "lines", "A third of the tokens of JSON, and little in an action that is the same in all."),
)
_ROOM = "The expert's longest way has 340 tokens, what tools say included."

AGENTS_SFT = Preset(
    "agents-sft",
    "Software agents (SFT)",
    "Learn an expert's way through small repositories by heart: see the tests fail, read, edit, test again.",
    SRL_SOURCE.format("the baseline of table 5"),
    (
        Choice("method.kind", "sft", "The form of calls comes fastest from copying it."),
        Choice("model.kind", "builtin", "Small enough for two cores."),
        Choice("model.variant", "tools", "It has seen tool calls, if of another tool."),
        *_REPOSITORIES,
        Choice("method.sequences_per_step", 16, "A step of half a second on one core.", "64"),
        Choice("method.max_length", 448, _ROOM),
        Choice("optimisation.learning_rate", 3e-3, "Code is new to the model.", "5e-6"),
        Choice("optimisation.schedule", "cosine", "The paper's."),
        Choice("optimisation.min_rate_share", 0.1, "A last part of the learning is fine work."),
        Choice("optimisation.warmup_steps", 10, "A gentle start for the optimizer's moments.", "30 % of the steps"),
        Choice("steps", 250, "Half of the held-out issues are resolved then, a tenth after 120.", "3 epochs"),
        Choice("evaluation.every_steps", 50, "The held-out loss; no calls are run here."),
    ),
)

AGENTS_SRL = Preset(
    "agents-srl",
    "Software agents: SRL on expert steps",
    "Make the expert's next tool call, paid by how alike it is; what is thought before it is never scored. The paper's "
    "SFT resolves 8.4 % of SWE-bench Verified and its SRL 14.8 %, given the files to edit; without, 4.2 % and 8.6 %.",
    SRL_SOURCE.format("table 5"),
    (
        Choice("method.kind", "srl", "Each call of the expert is a problem of its own."),
        Choice("model.kind", "builtin", "Name the checkpoint of Software agents (SFT) here: calls are new to it."),
        Choice("model.variant", "tools", "It has seen tool calls, if of another tool."),
        *_REPOSITORIES,
        Choice("method.steps.rule", "tool_call", "An action is a call, not the words before it.", "the same"),
        Choice(
            "method.format", "continuation", "A rollout goes on likewise: issue, calls, what came back.",
            "told in the prompt, the two rounds before",
        ),
        Choice("method.sampling.prompts_per_step", 8, "A step of seconds on one core.", "512"),
        Choice("method.sampling.samples_per_prompt", 8, "The paper's group size."),
        Choice("method.sampling.max_tokens", 64, "The longest edit fits; sampling ends with the call."),
        Choice("method.dynamic_sampling.enabled", True, "The paper's: groups that hardly differ are replaced."),
        Choice("method.dynamic_sampling.max_rounds", 4, "Calls that are always right are soon most of them."),
        Choice("optimisation.learning_rate", 1e-4, BUILTIN_RATE, "5e-7"),
        Choice("optimisation.warmup_steps", 3, "A gentle start for the optimizer's moments."),
        Choice("steps", 30, "A minute or two on two cores.", "at most 30 epochs"),
        Choice("evaluation.every_steps", 0, "Calls are not run here; Software agents (RL) begins with a measurement."),
    ),
)  # fmt: skip

AGENTS_RL = Preset(
    "agents-rl",
    "Software agents: RL with tests",
    "Work on repositories and be paid when all tests pass: held-out pass@1 is the share of issues resolved.",
    "As DeepSeek-R1 (arXiv 2501.12948) pays for code: tests decide",
    (
        Choice("method.kind", "grpo", "Rewards relative to the other responses to the same issue."),
        Choice("model.kind", "builtin", "Name the checkpoint of Software agents (SFT) or (SRL) here."),
        Choice("model.variant", "tools", "It has seen tool calls, if of another tool."),
        *changed(
            _REPOSITORIES,
            Choice("problems.train_count", 2048, "Issues with nothing but their tests: no expert is needed."),
        ),
        Choice("method.agentic.enabled", True, "Calls are run, and what comes of them goes back."),
        Choice("method.agentic.max_turns", 7, "The expert takes six; then one look more."),
        Choice("method.sampling.prompts_per_step", 16, "A step of six seconds on a quiet core."),
        Choice("method.sampling.samples_per_prompt", 8, "The usual group size."),
        Choice("method.sampling.max_tokens", 320, _ROOM),
        Choice("method.reward.accuracy", 1.0, "All tests as they were found pass, or nothing."),
        Choice("method.loss.clip_high", 0.28, "Clip-higher: unlikely tokens may grow."),
        Choice("method.loss.kl_coefficient", 0.0, "No leash."),
        Choice(
            "optimisation.learning_rate",
            1e-4,
            "At twice as much rewards fell again. Not shown to add to SFT.",
            "1e-6",
        ),
        Choice("optimisation.warmup_steps", 3, "A gentle start for the optimizer's moments."),
        Choice("steps", 30, "Three minutes on a quiet core."),
        Choice("evaluation.every_steps", 10, "Often enough to see it move; the first tells what it begins with."),
        Choice("evaluation.problems", 48, "An evaluation is as long as a step."),
        Choice("evaluation.samples", 2, "As above."),
    ),
)
