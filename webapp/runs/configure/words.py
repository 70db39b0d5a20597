"""What knobs, kinds and values are called on the page, each thing in one place.

Nothing here is needed for a new knob to appear: it has its own name in words.
"""

from training.config import RunConfig
from webapp.runs.escapes import escape, on_one_line
from webapp.runs.knobs import Knob, knobs_of

LABELS = {
    "method.kind": "Method",
    "steps": "Training steps",
    "model.kind": "Start from",
    "model.local.path": "Folder",
    "model.hub.name": "Name on the hub",
    "model.checkpoint.run": "Run",
    "model.checkpoint.step": "Checkpoint of step",
    "prompt.template": "Prompt template",
    "prompt.system": "System message",
    "prompt.tools": "Tools in the prompt",
    "problems.kind": "Problem set",
    "problems.builtin.train_count": "Training problems",
    "problems.builtin.heldout_count": "Held-out problems",
    "problems.builtin.seed": "Generator seed",
    "problems.imported.slug": "Imported set",
    "problems.file.path": "File",
    "problems.answers": "Answers trained on",
    "problems.overlap_words": "Overlap left out",
    "method.sampling.max_tokens": "Longest response",
    "method.sampling.top_p": "Top-p",
    "method.sampling.top_k": "Top-k",
    "method.sampling.max_rows": "Decoded at once",
    "method.deepsearch.sampling.samples_per_prompt": "Trajectories a tree",
    "method.dynamic_sampling.enabled": "Dynamic sampling",
    "method.dynamic_sampling.max_rounds": "Sampling rounds at most",
    "method.reward.accuracy": "Accuracy reward",
    "method.reward.format": "Format reward",
    "method.reward.overlong_buffer": "Overlong penalty over the last",
    "method.reward.verifier_timeout_s": "Verifier's time limit",
    "method.reward.missing_end": "Charge for a missing end",
    "method.reward.learned.model.kind": "Reward model",
    "method.reward.learned.model.path": "Reward model's folder",
    "method.reward.learned.model.run": "Reward model's run",
    "method.reward.learned.model.step": "Reward model's step",
    "method.reward.learned.weight": "Learned reward",
    "method.reward.learned.heads": "Several heads",
    "method.reward.learned.transform": "Compared with the reference",
    "method.reward.learned.reference_samples": "Reference's answers",
    "method.reward.learned.clip": "Learned reward cut at ±",
    "method.ppo.updates_per_step": "Mini-batches an epoch",
    "method.epochs": "Epochs a step",
    "method.kl.control": "KL control",
    "method.kl.coefficient": "KL coefficient β",
    "method.kl.target": "KL target",
    "method.kl.horizon": "KL horizon",
    "method.critic.start": "Critic starts from",
    "method.critic.learning_rate": "Critic's learning rate",
    "method.critic.discount": "Discount γ",
    "method.critic.gae_lambda": "GAE λ",
    "method.loss.ratio": "Ratio level",
    "method.loss.kl_coefficient": "KL coefficient",
    "method.loss.kl_estimator": "KL estimator",
    "method.loss.reference_refresh_steps": "Refresh reference every",
    "method.loss.importance": "Importance weights",
    "method.agentic.enabled": "Run tools",
    "method.agentic.max_turns": "Turns at most",
    "method.agentic.max_calls": "Calls a turn",
    "method.agentic.result_characters": "Longest tool result",
    "method.agentic.result_cut": "Cut out of a longer one",
    "method.agentic.tool_seconds": "A call's time limit",
    "method.agentic.tool_memory_mib": "A call's memory",
    "method.agentic.tool_workers": "Calls run at once",
    "method.agentic.kv_cache_mib": "Memory for responses under way",
    "method.agentic.kv_oversubscription": "Oversubscription",
    "method.agentic.prefix": "Every turn begins with",
    "method.agentic.reward_scope": "Answers count in",
    "method.roc.enabled": "Resample on correct",
    "method.roc.oversample": "Drawn for each one kept",
    "method.roc.rule": "Selection",
    "method.roc.error_ratio": "Failing calls count",
    "method.roc.answer_format": "Answer tags count",
    "method.roc.epsilon": "Added to penalties",
    "method.roc.min_right": "Successes kept at least",
    "method.roc.min_wrong": "Failures kept at least",
    "method.search.width": "Width",
    "method.search.min_width": "Least width",
    "method.search.lazy_start": "Continuations at first",
    "method.search.lazy_branches": "Continuations a choice",
    "method.search.step": "Step cut by",
    "method.search.max_depth": "Maximum depth",
    "method.search.max_expansions": "Expansions at most",
    "method.search.selection": "Selection after an end",
    "method.search.descent": "Selection on the way down",
    "method.search.exploration": "UCT exploration λ",
    "method.search.frontier.quality": "Frontier: parent's quality λ1",
    "method.search.frontier.entropy": "Frontier: entropy λ2",
    "method.search.frontier.depth": "Frontier: depth λ3",
    "method.search.frontier.own_quality": "Frontier: own quality λ4",
    "method.search.frontier.depth_form": "Frontier: form of the depth",
    "method.search.tie_break": "Ties",
    "method.search.negative": "Negative trajectory",
    "method.search.record": "Recorded an expansion",
    "method.search.backup": "Backup rule",
    "method.search.gamma_min": "Backup weight γ at least",
    "method.search.gamma_index": "Backup weight γ counted by",
    "method.search.incomplete_reward": "Value of an incomplete end",
    "method.search.exhausted": "Exhausted frontier",
    "method.search.prefix_cache_mib": "Prefix cache",
    "method.search.kept_trees": "Trees stored whole",
    "method.credit.kind": "Token credit",
    "method.credit.q_temperature": "q temperature ε",
    "method.credit.q_max": "q at most",
    "method.credit.root_share": "Share of V − V(root)",
    "method.credit.shared_prefix": "Shared steps",
    "method.hard_subset.enabled": "Hard subset",
    "method.hard_subset.samples": "Responses looked at K",
    "method.hard_subset.threshold": "Hardness threshold δ",
    "method.hard_subset.rule": "Share at the threshold",
    "method.hard_subset.phase_steps": "Phase",
    "method.hard_subset.smallest": "Smallest subset",
    "method.cache.enabled": "Solution cache",
    "method.cache.fill": "Cache filled with",
    "method.cache.rare_share": "Rarely solved up to",
    "method.cache.per_problem": "Solutions kept a problem",
    "method.cache.most_used": "Cached in a group at most",
    "method.cache.share": "Share with other runs",
    "method.cache.correction": "Off-policy correction",
    "method.cache.drop_garbage": "Drop garbled responses",
    "method.max_length": "Longest sequence",
    "method.rankings.kind": "Labels from",
    "method.rankings.level": "Level",
    "method.rankings.count": "Prompts",
    "method.rankings.errors": "Labels mixed up",
    "method.rankings.seed": "Generator seed",
    "method.rankings.slug": "Labeling project",
    "method.rankings.path": "File",
    "method.rankings_per_step": "Ranked prompts per step",
    "method.heldout_share": "Prompts held out",
    "method.reward_model.theta": "Tie threshold θ",
    "method.reward_model.nu": "Tie strength ν",
    "method.reward_model.shift": "Reward 0 for",
    "method.dpo.beta": "Strength of the reference β",
    "optimisation.micro_batch_tokens": "Tokens in a pass",
    "optimisation.max_grad_norm": "Gradient norm at most",
    "optimisation.min_rate_share": "Rate left at the end",
    "optimisation.warmup_steps": "Warm-up",
    "evaluation.every_steps": "Evaluate every",
    "evaluation.problems": "Problems asked",
    "evaluation.samples": "Samples a problem",
    "evaluation.max_tokens": "Longest answer",
    "checkpoints.every_steps": "Save every",
    "checkpoints.keep_last": "Keep the latest",
    "checkpoints.keep_best": "Keep the best",
    "hardware.dtype": "Precision",
}
"""Where a knob's own name in words is not enough: by its name, or by its path for all kinds that have it."""

KINDS = {
    "builtin": "Built-in",
    "local": "Folder",
    "hub": "Hub",
    "checkpoint": "Checkpoint of a run",
    "imported": "Imported set",
    "file": "File",
    "grpo": "GRPO",
    "deepsearch": "DeepSearch",
    "ppo": "PPO",
    "sft": "SFT",
    "none": "None",
    "reward_model": "Reward model",
    "dpo": "DPO",
    "project": "Labeling project",
}
"""Kinds of tagged unions, as they are offered."""

UNITS = {
    "max_tokens": "tokens",
    "max_length": "tokens",
    "overlong_buffer": "tokens",
    "micro_batch_tokens": "tokens",
    "every_steps": "steps",
    "warmup_steps": "steps",
    "reference_refresh_steps": "steps",
    "phase_steps": "steps",
    "verifier_timeout_s": "s",
    "width": "children",
    "min_width": "children",
    "max_depth": "levels",
    "prefix_cache_mib": "MiB",
    "tool_memory_mib": "MiB",
    "kv_cache_mib": "MiB",
    "tool_seconds": "s",
    "result_characters": "characters",
    "kept_trees": "a step",
    "smallest": "problems",
    "overlap_words": "words",
    "target": "nats",
    "horizon": "responses",
}
"""By the last part of the name."""

ESCAPED = frozenset({"method.deepsearch.search.separator"})
"""Texts that are shown and sent as they would stand in source code."""


def path_of(name: str) -> str:
    """Of a knob in a config file, where the kinds do not count."""
    knob = knobs_of(RunConfig).get(name)
    return knob.path if knob else name


def label_of(name: str) -> str:
    """What a knob is called on the page."""
    own = name.rsplit(".", 1)[-1].replace("_", " ")
    return LABELS.get(name) or LABELS.get(path_of(name)) or own[:1].upper() + own[1:]


def label_within(name: str) -> str:
    """The label as a part of a sentence; what begins with a sign or an abbreviation stays."""
    label = label_of(name)
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def unit_of(name: str) -> str:
    """What a knob counts; often empty."""
    return UNITS.get(name.rsplit(".", 1)[-1], "")


def about_kind(kind: type) -> str:
    """What a kind of a tagged union is, in the first words of its docstring."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def bounds_in_words(knob: Knob) -> str:
    """The range of a number: ``1 to 64``, ``more than 0``; empty when there is none."""
    bounds = {name: _figure(value) for name, value in knob.bounds.items()}
    match bounds:
        case {"ge": low, "le": high}:
            return f"{low} to {high}"
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
    return ", ".join(words[name].format(value) for name, value in bounds.items())


def shown(value: object) -> str:
    """A knob's value as people write it, on one line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        return on_one_line(value)
    return _figure(value) if isinstance(value, int | float) else str(value)


def html_value(name: str, value: object) -> str:
    """A knob's value as the browser holds it; a switch is ``on`` or empty."""
    if isinstance(value, str):
        return escape(value) if name in ESCAPED else value
    return "" if value is None or value is False else "on" if value is True else str(value)


def _figure(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if value == float(f"{value:g}") else repr(value)
