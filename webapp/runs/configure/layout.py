"""How the knobs are laid out on the page, in one place: sections and the short list.

Nothing here is needed for a new knob to appear: it goes to the section of its group, behind "Advanced". Knobs are given
by name, or by their path in a config file, which is the same for all kinds that have them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django import forms

from webapp.runs.configure.needs import is_within
from webapp.runs.configure.words import ESCAPED
from webapp.runs.escapes import EscapedText
from webapp.runs.knobs import Knob


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form. A knob belongs to the section with the longest prefix of its name or its path."""

    slug: str
    title: str
    prefixes: tuple[str, ...]
    intro: str = ""


SECTIONS = (
    Section("method", "Method", ("method", "steps", "finish", "seed")),
    Section("model", "Model", ("model", "prompt"), "What the run starts from, and how problems are put to it."),
    Section(
        "problems",
        "Problems",
        ("problems",),
        "What it trains on; held-out problems are never trained on. Reward models and DPO learn from rankings instead.",
    ),
    Section(
        "selection",
        "Problem selection",
        ("selection",),
        "Which of the training problems it takes, decided once before the first step.",
    ),
    Section(
        "sampling",
        "Batch and sampling",
        ("method.sampling", "method.updates_per_step", "method.epochs", "method.staleness", "method.dynamic_sampling"),
    ),
    Section("search", "Search", ("method.search",), "How the tree of a problem grows, and which ends are recorded."),
    Section("credit", "Credit", ("method.credit",), "How a tree becomes the advantages of its tokens."),
    Section(
        "adaptive",
        "Adaptive training",
        ("method.hard_subset", "method.cache"),
        "Problems that are solved too often drop out; searches are for the others, until a solution is known.",
    ),
    Section("tools", "Tools", ("method.agentic", "method.roc"), "Responses of several turns, between which tools run."),
    Section("solutions", "Solutions", ("method.sft",)),
    Section(
        "expert",
        "Expert's steps",
        ("method.srl", "method.steps"),
        "Worked solutions are cut into steps; each is to be predicted from those before it.",
    ),
    Section(
        "rankings",
        "Rankings",
        (
            "method.reward_model.rankings",
            "method.dpo.rankings",
            "method.rankings_per_step",
            "method.heldout_share",
            "method.reward_model",
            "method.dpo",
        ),
        "What people said of responses: the labels of a labeling project, or a file of them.",
    ),
    Section("reward", "Reward", ("method.reward",)),
    Section(
        "overoptimisation",
        "Over-optimisation",
        ("method.overoptimisation",),
        "Signs that a learned reward is being gamed, and what happens then.",
    ),
    Section(
        "critic",
        "Critic",
        ("method.critic", "method.kl"),
        "What makes an advantage of every token, and what leaving the reference costs in its reward.",
    ),
    Section("loss", "Loss", ("method.loss", "method.dpo.beta", "method.dpo.smoothing")),
    Section(
        "adapter",
        "Adapter",
        ("adapter",),
        "What is trained: the whole model, or small matrices beside it (LoRA), which takes a fraction of the memory.",
    ),
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
    "selection.judge.path",
    "selection.judge.name",
    "selection.judge.run",
    "selection.judge.step",
    "selection.measured_by.path",
    "selection.measured_by.name",
    "selection.measured_by.run",
    "selection.measured_by.step",
    "method.sampling.prompts_per_step",
    "method.sampling.samples_per_prompt",
    "method.sampling.max_tokens",
    "method.grpo.sampling.temperature",
    "method.ppo.epochs",
    "method.ppo.kl.coefficient",
    "method.ppo.reward.learned.model.kind",
    "method.reward.learned.model.path",
    "method.reward.learned.model.run",
    "method.reward.learned.model.step",
    "method.agentic.enabled",
    "method.roc.enabled",
    "method.search.expansion",
    "method.search.width",
    "method.search.step",
    "method.search.max_depth",
    "method.credit.kind",
    "method.hard_subset.enabled",
    "method.cache.enabled",
    "method.sft.sequences_per_step",
    "method.steps.rule",
    "method.steps.pattern",
    "method.srl.granularity",
    "method.srl.format",
    "method.max_length",
    "method.rankings.kind",
    "method.rankings.count",
    "method.rankings.slug",
    "method.rankings.path",
    "method.rankings_per_step",
    "method.heldout_share",
    "method.reward_model.ties",
    "method.reward_model.heads",
    "method.dpo.beta",
    "method.dpo.loss",
    "optimisation.learning_rate",
    "evaluation.every_steps",
})  # fmt: skip
"""The first screen: a dozen or two at a time, since each kind shows only its own."""

WIDGETS: Mapping[str, forms.Widget] = {
    "prompt.system": forms.Textarea(attrs={"rows": 3}),
    "method.srl.steps.pattern": forms.Textarea(attrs={"rows": 1}),  # white space at its ends counts
    **{name: EscapedText() for name in ESCAPED},
}
"""Where the usual widget of the type will not do."""


def section_of(knob: Knob) -> Section:
    """The section that shows a knob."""
    return SECTIONS[order_of(knob)[0]]


def order_of(knob: Knob) -> tuple[int, int]:
    """Where a knob stands: its section, and its prefix among those of the section."""
    return _place(knob.name, knob.path)


def is_simple(knob: Knob) -> bool:
    """Whether a knob is on the first screen."""
    return knob.name in SIMPLE or knob.path in SIMPLE


@cache
def _place(name: str, path: str) -> tuple[int, int]:
    """As `order_of` says. Every page asks for every knob, and nothing of it changes while the process lives."""
    prefixes = [_prefix(section, name, path) for section in SECTIONS]
    longest = max(prefixes, key=len)
    if not longest:
        raise LookupError(f"no section of the form shows {name}; give its group to one in layout.SECTIONS")
    index = prefixes.index(longest)
    return index, SECTIONS[index].prefixes.index(longest)


def _prefix(section: Section, name: str, path: str) -> str:
    """The longest prefix of the section that fits the knob; empty for none."""
    fitting = (p for p in section.prefixes if is_within(name, p) or is_within(path, p))
    return max(fitting, key=len, default="")
