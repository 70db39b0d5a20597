"""Colour scales of the token strip: which bucket a value falls into, and what the legend says of it.

A scale has fixed edges, so that a colour means the same on every page. The colours themselves are CSS classes: the
scale's letter and the bucket, such as ``l3``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.token_classes import UNCLASSED, ClassedTokens
from webapp.inspection.token_arrays import Numbers, TokenArrays

NONE = "x"
"""Stands for the bucket of a value that is missing or not a number."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Buckets of one figure: 0 to len(edges), by size; on a signed scale -len(edges) to len(edges)."""

    key: str
    letter: str
    title: str
    meaning: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    """One for each bucket, lowest first."""
    signed: bool = False

    def buckets(self, values: Numbers) -> npt.NDArray[np.int64]:
        """The bucket of each value; of a value that is no number, one below the lowest."""
        sizes = np.searchsorted(self.edges, np.abs(values) if self.signed else values, side="right")
        found = sizes * np.where(values < 0, -1, 1) if self.signed else sizes
        return np.where(np.isnan(values), self.lowest - 1, found)

    @property
    def lowest(self) -> int:
        return -len(self.edges) if self.signed else 0

    def css_class(self, bucket: int) -> str:
        """``l3``; for signed scales counted from the lowest, so that ``a4`` is nothing and ``a8`` the most."""
        return f"{self.letter}{NONE if bucket < self.lowest else bucket - self.lowest}"

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Class and label of each bucket, lowest first."""
        return [(f"{self.letter}{number}", label) for number, label in enumerate(self.labels)]


def _signed_labels(edges: Sequence[str]) -> tuple[str, ...]:
    """Labels of a signed scale, from ``≤ -2`` to ``≥ 2``."""
    return (*(f"≤ -{edge}" for edge in reversed(edges)), f"within ±{edges[0]}", *(f"≥ {edge}" for edge in edges))


LOGPROB = Scale(
    "logprob", "l", "Log-prob",
    "How likely the policy found the token it drew: log π, of all tokens that could have come.",
    tuple(float(-np.log(p)) for p in (0.95, 0.9, 0.75, 0.5, 0.3, 0.15, 0.05, 0.01)),
    ("p > 95 %", "90 %", "75 %", "50 %", "30 %", "15 %", "5 %", "1 %", "less"),
)  # fmt: skip
ENTROPY = Scale(
    "entropy", "e", "Entropy",
    "How undecided the policy was before it drew the token, in nats: 0.69 is a coin toss.",
    (0.02, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5),
    ("< 0.02", "≥ 0.02", "≥ 0.1", "≥ 0.25", "≥ 0.5", "≥ 0.75", "≥ 1", "≥ 1.5", "≥ 2.5 nats"),
)  # fmt: skip
ADVANTAGE = Scale(
    "advantage", "a", "Advantage",
    "How much better the response was than its siblings; all its tokens share it.",
    (0.05, 0.5, 1.0, 2.0), _signed_labels(("0.05", "0.5", "1", "2")), signed=True,
)  # fmt: skip
RATIO = Scale(
    "ratio", "r", "Log ratio",
    "How far the token's log-probability had moved when it was last updated: log ρ = log π - log π_old.",
    (0.01, 0.05, 0.1, 0.2), _signed_labels(("0.01", "0.05", "0.1", "0.2")), signed=True,
)  # fmt: skip
DRIFT = Scale(
    "drift", "d", "Δ to reference",
    "How far the policy has come from the reference policy on this token: log π_old - log π_ref.",
    (0.05, 0.25, 0.5, 1.0), _signed_labels(("0.05", "0.25", "0.5", "1")), signed=True,
)  # fmt: skip
PUSH = Scale(
    "push", "p", "Push",
    "How hard training pushed on this log-probability, as a share of the hardest push in this response.",
    (0.001, 0.25, 0.5, 0.75), _signed_labels(("0.1 %", "25 %", "50 %", "75 %")), signed=True,
)  # fmt: skip
CLASS = Scale(
    "class", "k", "Class",
    "What the most uncertain fifth of the tokens does: words outside of calls fork; those right after a tool's result "
    "reflect on it.",
    (0.5, 1.5, 2.5, 3.5), ("surer", "forking", "reflection on a tool's result", "code of a call", "other"),
)  # fmt: skip
SCALES = (LOGPROB, ENTROPY, ADVANTAGE, RATIO, DRIFT, PUSH, CLASS)


STEP_ADVANTAGE = replace(
    ADVANTAGE, meaning="How much better the step was than expected: all tokens of a step of the tree share it."
)


def scaled_columns(
    arrays: TokenArrays, push: Numbers | None, classed: ClassedTokens | None = None
) -> dict[Scale, Numbers]:
    """What each scale colours by, for those whose figures are stored, [T] each: no number where the model did not draw
    the token."""
    drawn = arrays.drawn
    advantage = arrays.get("advantage")
    by_step = advantage is not None and bool(np.any(advantage[drawn] != advantage[drawn][:1]))
    logprob, reference, ratio = arrays.get("logprob"), arrays.get("ref_logprob"), arrays.get("ratio")
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            LOGPROB: None if logprob is None else -logprob,
            ENTROPY: arrays.get("entropy"),
            STEP_ADVANTAGE if by_step else ADVANTAGE: advantage,
            RATIO: None if ratio is None else np.log(ratio),
            DRIFT: None if logprob is None or reference is None else logprob - reference,
            PUSH: None if push is None else push / max(float(np.nanmax(np.abs(push), initial=0.0)), 1e-300),
        }
    if classed is not None:
        columns[CLASS] = (classed.classes - UNCLASSED).astype(np.float64)
    return {scale: np.where(drawn, column, np.nan) for scale, column in columns.items() if column is not None}
