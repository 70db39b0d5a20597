"""How the knobs are laid out on the page, in one place: sections, the short list, words and units.

Nothing here is needed for a new knob to appear: it goes to the section of its group, behind "Advanced", under its own
name in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django import forms

from webapp.runs.knobs import Knob


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form. A knob belongs to the section with the longest prefix of its name."""

    slug: str
    title: str
    prefixes: tuple[str, ...]
    intro: str = ""


SECTIONS = (
    Section("method", "Method", ("method", "steps", "seed")),
    Section("model", "Model", ("model", "prompt"), "What the run starts from, and how problems are put to it."),
    Section("problems", "Problems", ("problems",), "What it trains on; held-out problems are never trained on."),
    Section(
        "sampling",
        "Batch and sampling",
        ("method.grpo.sampling", "method.grpo.updates_per_step", "method.grpo.dynamic_sampling"),
    ),
    Section("solutions", "Solutions", ("method.sft",)),
    Section("reward", "Reward", ("method.grpo.reward",)),
    Section("loss", "Loss", ("method.grpo.loss",)),
    Section("optimisation", "Optimisation", ("optimisation",)),
    Section("evaluation", "Evaluation", ("evaluation",), "Accuracy on held-out problems, while training goes on."),
    Section("checkpoints", "Checkpoints", ("checkpoints",)),
    Section("hardware", "Hardware", ("hardware",)),
)

SIMPLE = frozenset({
    "method.kind",
    "steps",
    "model.kind",
    "model.local.path",
    "model.hub.name",
    "model.checkpoint.run",
    "model.checkpoint.step",
    "problems.kind",
    "problems.builtin.level",
    "problems.imported.slug",
    "problems.file.path",
    "method.grpo.sampling.prompts_per_step",
    "method.grpo.sampling.samples_per_prompt",
    "method.grpo.sampling.max_tokens",
    "method.grpo.sampling.temperature",
    "method.sft.sequences_per_step",
    "method.sft.max_length",
    "optimisation.learning_rate",
    "evaluation.every_steps",
})  # fmt: skip
"""The first screen: about a dozen at a time, since each kind shows only its own."""

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
    "problems.kind": "Problem set",
    "problems.builtin.train_count": "Training problems",
    "problems.builtin.heldout_count": "Held-out problems",
    "problems.builtin.seed": "Generator seed",
    "problems.imported.slug": "Imported set",
    "problems.file.path": "File",
    "method.grpo.sampling.max_tokens": "Longest response",
    "method.grpo.sampling.top_p": "Top-p",
    "method.grpo.sampling.top_k": "Top-k",
    "method.grpo.sampling.max_rows": "Decoded at once",
    "method.grpo.dynamic_sampling.enabled": "Dynamic sampling",
    "method.grpo.dynamic_sampling.max_rounds": "Sampling rounds at most",
    "method.grpo.reward.accuracy": "Accuracy reward",
    "method.grpo.reward.format": "Format reward",
    "method.grpo.reward.overlong_buffer": "Overlong penalty over the last",
    "method.grpo.reward.verifier_timeout_s": "Verifier's time limit",
    "method.grpo.loss.ratio": "Ratio level",
    "method.grpo.loss.kl_coefficient": "KL coefficient",
    "method.grpo.loss.kl_estimator": "KL estimator",
    "method.grpo.loss.reference_refresh_steps": "Refresh reference every",
    "method.grpo.loss.importance": "Importance weights",
    "method.sft.max_length": "Longest sequence",
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
"""Where a knob's own name in words is not enough."""

KINDS = {
    "builtin": "Built-in",
    "local": "Folder",
    "hub": "Hub",
    "checkpoint": "Checkpoint of a run",
    "imported": "Imported set",
    "file": "File",
    "grpo": "GRPO",
    "sft": "SFT",
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
    "verifier_timeout_s": "s",
}
"""By the last part of the name."""

WIDGETS: Mapping[str, forms.Widget] = {"prompt.system": forms.Textarea(attrs={"rows": 3})}
"""Where the usual widget of the type will not do."""


def section_of(knob: Knob) -> Section:
    """The section that shows a knob."""
    best = max(SECTIONS, key=lambda section: len(_prefix(section, knob)))
    if not _prefix(best, knob):
        raise LookupError(f"no section of the form shows {knob.name}; give its group to one in layout.SECTIONS")
    return best


def order_of(knob: Knob) -> tuple[int, int]:
    """Where a knob stands: its section, and its prefix among those of the section."""
    section = section_of(knob)
    return SECTIONS.index(section), section.prefixes.index(_prefix(section, knob))


def _prefix(section: Section, knob: Knob) -> str:
    """The longest prefix of the section that fits the knob; empty for none."""
    return max((p for p in section.prefixes if f"{knob.name}.".startswith(f"{p}.")), key=len, default="")


def label_of(name: str) -> str:
    """What a knob is called on the page."""
    own = name.rsplit(".", 1)[-1].replace("_", " ")
    return LABELS.get(name) or own[:1].upper() + own[1:]


def unit_of(name: str) -> str:
    """What a knob counts; often empty."""
    return UNITS.get(name.rsplit(".", 1)[-1], "")


def bounds_in_words(knob: Knob) -> str:
    """The range of a number: ``1 to 64``, ``more than 0``; empty when there is none."""
    bounds = {name: _figure(value) for name, value in knob.bounds.items()}
    match bounds:
        case {"ge": low, "le": high}:
            return f"{low} to {high}"
    words = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
    return ", ".join(words[name].format(value) for name, value in bounds.items())


def shown(value: object) -> str:
    """A knob's value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "empty"
    return _figure(value) if isinstance(value, int | float) else str(value)


def _figure(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}" if value == float(f"{value:g}") else repr(value)
