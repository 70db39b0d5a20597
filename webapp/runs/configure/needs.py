"""Which knobs count when: those that change nothing as things are stay out of sight."""

from functools import cache

_RL = ("grpo", "deepsearch", "srl", "ppo")
_LEARNED = tuple(f"method.{kind}.reward.learned" for kind in _RL)
_SEARCH, _GRAIN = "method.deepsearch.search", "method.srl.granularity"
_ASKS = tuple(f"method.kind={kind}" for kind in (*_RL, "sft", "dpo"))
_TRAINS_ON_PROBLEMS = tuple(f"method.kind={kind}" for kind in (*_RL, "sft"))
_FULL, _LAZY = f"{_SEARCH}.expansion=full", f"{_SEARCH}.expansion=lazy"
_JUDGE, _MODELS = "selection.rejection_sampling.judge.kind", ("builtin", "local", "hub", "checkpoint")
COUNTS_WHEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(
        (f"{learned}.{knob}", (f"{learned}.model.kind=local", f"{learned}.model.kind=checkpoint"))
        for learned in _LEARNED
        for knob in ("weight", "heads", "transform", "reference_samples", "clip")
    ),
    *((f"{learned}.reference_samples", (f"{learned}.transform=sigmoid_of_difference",)) for learned in _LEARNED),
    *(
        (
            f"{learned.removesuffix('.reward.learned')}.overoptimisation",
            (f"{learned}.model.kind=local", f"{learned}.model.kind=checkpoint"),
        )
        for learned in _LEARNED
    ),
    *(
        (f"method.{kind}.overoptimisation.stop_signals", (f"method.{kind}.overoptimisation.action=stop",))
        for kind in _RL
    ),
    *(
        (f"finish.{knob}", tuple(f"method.kind={kind}" for kind in _RL))
        for knob in ("reward_flat", "truncation", "window")
    ),
    ("selection", _TRAINS_ON_PROBLEMS),
    ("selection.rejection_sampling.judge_tokens", tuple(f"{_JUDGE}={kind}" for kind in _MODELS)),
    ("method.ppo.kl.target", ("method.ppo.kl.control=adaptive",)),
    ("method.ppo.kl.horizon", ("method.ppo.kl.control=adaptive",)),
    *((f"evaluation.{knob}", _ASKS) for knob in ("problems", "samples", "temperature", "max_tokens")),
    ("hardware.sharding", (*_ASKS, "method.kind=reward_model")),
    ("hardware.sampling_device", ("method.kind=grpo",)),
    ("hardware.gpu_kind", ("hardware.device=auto", "hardware.device=cuda")),
    ("hardware.offload", tuple(f"method.kind={kind}" for kind in _RL)),
    ("method.reward_model.theta", ("method.reward_model.ties=rao_kupper",)),
    ("method.reward_model.nu", ("method.reward_model.ties=davidson",)),
    ("method.dpo.smoothing", ("method.dpo.loss=conservative", "method.dpo.loss=robust")),
    ("method.grpo.dynamic_sampling", ("method.grpo.dynamic_sampling.enabled=on",)),
    ("method.srl.dynamic_sampling", ("method.srl.dynamic_sampling.enabled=on",)),
    ("method.srl.steps", (f"{_GRAIN}=step", f"{_GRAIN}=solution")),
    ("method.srl.steps.pattern", ("method.srl.steps.rule=regex",)),
    ("method.srl.steps.title", ("method.srl.steps.rule=numbered",)),
    ("method.srl.steps.title", (f"{_GRAIN}=step",)),
    ("method.srl.steps.last", (f"{_GRAIN}=step",)),
    ("method.srl.checking", (f"{_GRAIN}=step",)),
    ("method.srl.checking", ("method.srl.format=continuation",)),
    ("method.srl.checking", ("method.srl.steps.rule=line", "method.srl.steps.rule=paragraph")),
    *(
        (f"method.srl.{knob}", (f"{_GRAIN}=step", f"{_GRAIN}=solution"))
        for knob in ("format", "format_failure", "autojunk")
    ),
    *(
        (f"method.srl.reward.{knob}", (f"{_GRAIN}=answer",))
        for knob in ("accuracy", "format", "format_rule", "overlong_buffer", "missing_end", "learned")
    ),
    ("method.grpo.agentic", ("method.grpo.agentic.enabled=on",)),
    ("method.grpo.roc", ("method.grpo.roc.enabled=on",)),
    ("method.grpo.hard_subset", ("method.grpo.hard_subset.enabled=on",)),
    ("method.grpo.roc.epsilon", ("method.grpo.roc.rule=paper",)),
    ("method.grpo.roc.min_right", ("method.grpo.roc.rule=released",)),
    ("method.grpo.roc.min_wrong", ("method.grpo.roc.rule=released",)),
    (f"{_SEARCH}.lazy_start", (_LAZY,)),
    (f"{_SEARCH}.lazy_branches", (_LAZY,)),
    (f"{_SEARCH}.selection", (_FULL,)),
    (f"{_SEARCH}.descent", (_FULL,)),
    (f"{_SEARCH}.exploration", (_FULL,)),
    (f"{_SEARCH}.exploration", (f"{_SEARCH}.selection=uct", f"{_SEARCH}.descent=uct")),
    (f"{_SEARCH}.frontier", (f"{_SEARCH}.selection=frontier", f"{_SEARCH}.descent=frontier", _LAZY)),
    (f"{_SEARCH}.separator", (f"{_SEARCH}.step=separator",)),
    (f"{_SEARCH}.negative", (f"{_SEARCH}.record=one",)),
    ("method.deepsearch.credit.q_temperature", ("method.deepsearch.credit.kind=node_q",)),
    ("method.deepsearch.credit.q_max", ("method.deepsearch.credit.kind=node_q",)),
    ("method.deepsearch.credit.root_share", ("method.deepsearch.credit.kind=subtree_value",)),
    ("method.deepsearch.hard_subset.samples", ("method.deepsearch.hard_subset.enabled=on",)),
    ("method.deepsearch.hard_subset.threshold", ("method.deepsearch.hard_subset.enabled=on",)),
    ("method.deepsearch.hard_subset.rule", ("method.deepsearch.hard_subset.enabled=on",)),
    ("method.deepsearch.hard_subset.smallest", ("method.deepsearch.hard_subset.enabled=on",)),
    ("method.deepsearch.cache", ("method.deepsearch.cache.enabled=on",)),
    ("method.deepsearch.cache.rare_share", ("method.deepsearch.cache.fill=rare",)),
)
"""Knobs that change nothing unless one of these holds; the form hides them, and sends them all the same.

Each entry speaks of a knob or a group, but not of the knob that decides; of several entries all must hold. The phase is
left out: it times both the hard subset and the cache.
"""


@cache
def needs_of(name: str) -> tuple[tuple[str, ...], ...]:
    """What must hold for a knob to change anything: of each entry one, as ``name of a knob=value``."""
    return tuple(
        any_of
        for prefix, any_of in COUNTS_WHEN
        if is_within(name, prefix) and name not in {need.split("=")[0] for need in any_of}
    )


def is_within(name: str, prefix: str) -> bool:
    """Whether a knob is the one of that name, or belongs to the group."""
    return f"{name}.".startswith(f"{prefix}.")
