"""Says in words when a run looks ill, from its recent metrics. Pure Python; every threshold has a name and a reason.

A rule speaks once per episode: again only after it has been silent for `QUIET_STEPS`. One module, so that all rules
and their thresholds can be read together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training.events import Alert

WINDOW = 5
"""Steps averaged before judging: single steps of a few hundred samples are noisy."""

QUIET_STEPS = 5
"""Steps a rule must be silent before it may speak again: a figure near its threshold is one episode."""

HISTORY = 60
"""Steps of history the rules may look at."""

ZERO_VARIANCE_SHARE = 0.6
"""With more than this share of groups without signal, over half of the sampling is wasted."""

TRUNCATED_SHARE = 0.25
"""A cut response is usually wrong whatever it was about to say; a quarter of them distorts what is learned."""

ENTROPY_SHARE = 0.2
"""Left of the entropy at the start: below a fifth, siblings are near copies and exploration is over."""

LENGTH_GROWTH = 2.0
"""Lengths that double within `LENGTH_SPAN` steps without a gain in reward are running away, not reasoning."""

LENGTH_SPAN = 15
"""Steps over which growth in length is looked at."""

FALLEN_REWARD_SHARE = 0.5
"""Losing half of the best reward is no noise."""

WORTHWHILE_REWARD = 0.05
"""Rewards below this are too small to speak of falling from."""

FLAT_STEPS = 25
"""Two windows of this many steps are compared for progress."""

FLAT_ERRORS = 1.0
"""A rise within this many standard errors is none."""

SOLVED_REWARD = 0.9
"""Above this share of the best possible accuracy, a flat curve is success."""

OVERFIT_RISE = 1.05
"""Held-out loss this factor above its best has turned, not wavered."""

UNREADABLE_SHARE = 0.5
"""Most of the calls being no calls, the model does not know how they are written, and finds out by luck only."""

SERVICE_SHARE = 0.02
"""Where tools fail without the model's doing, right calls are punished; a few in a hundred are an outage, not luck."""

MISMATCH_KL = 0.01
"""Nats a token. Rounding in bfloat16 stays near 0.001; ten times that is another policy, whose samples mislead."""

MISMATCH_KL_WEIGHED = 0.1
"""Where importance weights correct for the mismatch, it takes more to mislead: then too many weights are bounded."""

Severity = Literal["info", "warning", "error"]
History = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for, and what to say. `look` returns the message, or None when all is well."""

    code: str
    severity: Severity
    metric: str
    look: Callable[[History], str | None]
    advice: str


def _not_finite(history: History) -> str | None:
    for metric, name in (("optim/loss", "loss"), ("optim/grad_norm", "gradient norm")):
        values = history.get(metric, ())
        if values and not math.isfinite(values[-1]):
            return f"The {name} is not a number; this update was left out."
    return None


def _zero_variance(history: History) -> str | None:
    share = _recent(history, "groups/zero_variance_share")
    if share is None or share <= ZERO_VARIANCE_SHARE:
        return None
    if history.get("srl/exact_share"):  # nothing is right or wrong
        hit = _solved(history) > 0.5
        why = "the expert's steps are nearly always hit" if hit else "siblings are alike, or none keeps to the form"
    else:
        why = f"the problems are nearly always {'right' if _solved(history) > 0.5 else 'wrong'}"
    return f"{share:.0%} of groups have equal rewards and teach nothing: {why}."


def _solved(history: History) -> float:
    """Share of right responses or, where an expert's steps are predicted, of those that are the expert's."""
    return max(_recent(history, name) or 0.0 for name in ("reward/accuracy", "srl/exact_share"))


def _truncated(history: History) -> str | None:
    share = _recent(history, "response/truncated_share")
    if share is None or share <= TRUNCATED_SHARE:
        return None
    return f"{share:.0%} of responses are cut at the longest length before they end."


def _entropy_collapse(history: History) -> str | None:
    now, start = _recent(history, "policy/entropy"), _first(history, "policy/entropy")
    if now is None or start is None or now >= ENTROPY_SHARE * start:
        return None
    return f"The entropy fell to {now:.3f} nats, {now / start:.0%} of what it was at the start."


def _length_explosion(history: History) -> str | None:
    lengths, rewards = history.get("response/length_mean", ()), history.get("reward/mean", ())
    if len(lengths) < LENGTH_SPAN + WINDOW or len(rewards) < len(lengths):
        return None
    before, now = _mean(lengths[-LENGTH_SPAN - WINDOW : -LENGTH_SPAN]), _mean(lengths[-WINDOW:])
    paid_before, paid_now = _mean(rewards[-LENGTH_SPAN - WINDOW : -LENGTH_SPAN]), _mean(rewards[-WINDOW:])
    if now <= LENGTH_GROWTH * before or paid_now > paid_before:
        return None
    return f"Responses grew from {before:.0f} to {now:.0f} tokens in {LENGTH_SPAN} steps, and the reward did not."


def _fallen_reward(history: History) -> str | None:
    rewards = history.get("reward/mean", ())
    if len(rewards) < 2 * WINDOW:
        return None
    best = max(_mean(rewards[i : i + WINDOW]) for i in range(len(rewards) - WINDOW))
    now = _mean(rewards[-WINDOW:])
    if best < WORTHWHILE_REWARD or now >= FALLEN_REWARD_SHARE * best:
        return None
    return f"The mean reward fell from {best:.2f} to {now:.2f}."


def _flat_reward(history: History) -> str | None:
    rewards = history.get("reward/mean", ())
    if len(rewards) < 2 * FLAT_STEPS or _solved(history) >= SOLVED_REWARD:
        return None
    before, after = rewards[-2 * FLAT_STEPS : -FLAT_STEPS], rewards[-FLAT_STEPS:]
    error = math.sqrt((_variance(before) + _variance(after)) / FLAT_STEPS)
    if _mean(after) - _mean(before) > FLAT_ERRORS * error:
        return None
    return f"The mean reward has not risen over the last {2 * FLAT_STEPS} steps; it stays near {_mean(after):.2f}."


def _overfitting(history: History) -> str | None:
    losses = history.get("heldout/loss", ())
    if len(losses) < 3 or losses[-1] <= OVERFIT_RISE * min(losses) or losses[-2] <= min(losses):
        return None
    return f"The held-out loss rose from {min(losses):.3f} to {losses[-1]:.3f}: the solutions are being memorised."


def _sampler_mismatch(history: History) -> str | None:
    kl = _recent(history, "mismatch/kl")
    weighed = bool(history.get("mismatch/bounded_share"))
    if kl is None or kl <= (MISMATCH_KL_WEIGHED if weighed else MISMATCH_KL):
        return None
    though = ", too far for importance weights to make up for" if weighed else ""
    return f"The policy that samples is not the one that learns: they are {kl:.3f} nats a token apart{though}."


def _unreadable_calls(history: History) -> str | None:
    share = _recent(history, "tools/malformed_share")
    if share is None or share <= UNREADABLE_SHARE:
        return None
    return f"{share:.0%} of the tool calls cannot be read: they are no JSON, or lack a name or arguments."


def _tool_service(history: History) -> str | None:
    share = _recent(history, "tools/infrastructure_share")
    if share is None or share <= SERVICE_SHARE:
        return None
    return f"{share:.0%} of the tool calls failed through the service that runs them, not through the model."


RULES = (
    Rule(
        "not_finite", "error", "optim/loss", _not_finite,
        "Lower the learning rate, or use float32 if the run uses bfloat16.",
    ),
    Rule(
        "zero_variance", "warning", "groups/zero_variance_share", _zero_variance,
        "Choose problems of another level, sample more responses per problem, or turn dynamic sampling on.",
    ),
    Rule(
        "truncation", "warning", "response/truncated_share", _truncated,
        "Raise max_tokens, or set an overlong buffer so that long responses learn to end.",
    ),
    Rule(
        "entropy_collapse", "warning", "policy/entropy", _entropy_collapse,
        "While the reward rises, the policy is only growing sure of itself. Once it stalls: lower the learning rate, "
        "raise clip_high (0.28), or sample at a higher temperature.",
    ),
    Rule(
        "length_explosion", "warning", "response/length_mean", _length_explosion,
        "Use token_mean or sum_norm aggregation, set an overlong buffer, and read the longest rollouts.",
    ),
    Rule(
        "fallen_reward", "error", "reward/mean", _fallen_reward,
        "Go back to the best checkpoint with a lower learning rate, and look at the rollouts where it fell.",
    ),
    Rule(
        "flat_reward", "info", "reward/mean", _flat_reward,
        "Look at the share of groups without signal first; then try a higher learning rate or easier problems.",
    ),
    Rule(
        "overfitting", "warning", "heldout/loss", _overfitting,
        "Stop here and take the best checkpoint, or train on more solutions.",
    ),
    Rule(
        "sampler_mismatch", "warning", "mismatch/kl", _sampler_mismatch,
        "Weigh what was sampled by importance (token_truncate, or token_mask), or bring the two together: less "
        "staleness, float32 on both sides, top_p at 1 and top_k at 0.",
    ),
    Rule(
        "unreadable_calls", "warning", "tools/malformed_share", _unreadable_calls,
        "Teach the form first: fine-tune on demonstrations of calls, and start from that checkpoint.",
    ),
    Rule(
        "tool_service", "error", "tools/infrastructure_share", _tool_service,
        "Look at the log and at what runs tools; lower tool_workers, or stop the run until calls go through.",
    ),
)  # fmt: skip

WATCHED = {rule.metric for rule in RULES} | {
    "reward/accuracy", "srl/exact_share", "optim/grad_norm", "mismatch/bounded_share",
}  # fmt: skip
"""Metrics the rules look at."""


class HealthMonitor:
    """Follows the metrics of a run, step by step. Its state is plain values, to be saved with a checkpoint."""

    def __init__(self) -> None:
        self._history: dict[str, list[float]] = {}
        self._first: dict[str, list[float]] = {}
        self._spoke: dict[str, int] = {}

    def observe(self, step: int, metrics: Mapping[str, float]) -> list[Alert]:
        """Take in figures of `step`; returns what has to be said now."""
        for name in WATCHED & metrics.keys():
            self._remember(name, metrics[name])
        history = self._history | {_FIRST + name: values for name, values in self._first.items()}
        return [alert for rule in RULES if rule.metric in metrics and (alert := self._ask(rule, step, history))]

    def state_dict(self) -> dict[str, Any]:
        """Everything remembered."""
        return {"history": self._history, "first": self._first, "spoke": self._spoke}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another monitor did."""
        self._history, self._first, self._spoke = state["history"], state["first"], state["spoke"]

    def _remember(self, name: str, value: float) -> None:
        values = self._history.setdefault(name, [])
        values.append(value)
        del values[:-HISTORY]
        if len(first := self._first.setdefault(name, [])) < WINDOW:
            first.append(value)

    def _ask(self, rule: Rule, step: int, history: History) -> Alert | None:
        message = rule.look(history)
        if message is None:
            return None
        last, self._spoke[rule.code] = self._spoke.get(rule.code), step
        if last is not None and step - last <= QUIET_STEPS:
            return None
        return Alert(
            step=step, code=rule.code, severity=rule.severity, message=message, advice=rule.advice, metric=rule.metric
        )


_FIRST = "first "


def _recent(history: History, metric: str) -> float | None:
    """Mean over the window; None while there are fewer steps than that."""
    values = history.get(metric, ())
    return _mean(values[-WINDOW:]) if len(values) >= WINDOW else None


def _first(history: History, metric: str) -> float | None:
    values = history.get(_FIRST + metric, ())
    return _mean(values) if len(values) >= WINDOW else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    centre = _mean(values)
    return sum((value - centre) ** 2 for value in values) / (len(values) - 1)
