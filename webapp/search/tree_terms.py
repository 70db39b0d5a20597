"""Why a node was chosen, or not: its scores by UCT and of the frontier, with the terms that they are the sum of."""

import math
from dataclasses import dataclass

from training.config import FrontierConfig, SearchConfig


@dataclass(frozen=True, slots=True)
class Term:
    """One summand: ``weight`` times ``value``, which ``formula`` writes with its number."""

    symbol: str
    weight: float
    formula: str
    value: float

    @property
    def product(self) -> float:
        return self.weight * self.value


@dataclass(frozen=True, slots=True)
class Uct:
    """Q + λ·sqrt(ln N_parent / N)."""

    quality: float
    exploration: float
    visits: int
    parent_visits: int

    @property
    def has_bonus(self) -> bool:
        return self.visits > 0 and self.parent_visits > 0

    @property
    def root(self) -> float:
        """sqrt(ln N_parent / N); 0 while either count is 0."""
        return math.sqrt(math.log(self.parent_visits) / self.visits) if self.has_bonus else 0.0

    @property
    def score(self) -> float:
        return self.quality + self.exploration * self.root


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the frontier's score asks of a node. Lazily it is the child that the node would get that is scored."""

    parent_quality: float
    surprise: float
    depth: int
    own_quality: float


@dataclass(frozen=True, slots=True)
class FrontierScore:
    """λ1·tanh(Q_parent) + λ2·H + λ3·D(d) + λ4·tanh(Q)."""

    terms: list[Term]

    @property
    def shown(self) -> list[Term]:
        """Terms that have a weight."""
        return [term for term in self.terms if term.weight]

    @property
    def score(self) -> float:
        return sum(term.product for term in self.terms)


def depth_value(depth: int, max_depth: int, form: str) -> float:
    """D(d)."""
    if form == "sqrt":
        return math.sqrt(depth / max_depth)
    return math.log(depth + 1) if form == "log" else float(depth) if form == "linear" else 0.0


def frontier_score(candidate: Candidate, config: SearchConfig) -> FrontierScore:
    """The score by which the whole frontier was compared."""
    weights: FrontierConfig = config.frontier
    forms = {
        "sqrt": f"√({candidate.depth}/{config.max_depth})",
        "log": f"log({candidate.depth}+1)",
        "linear": f"{candidate.depth}",
        "none": "0",
    }
    return FrontierScore([
        Term("λ1", weights.quality, f"tanh({_n(candidate.parent_quality)})", math.tanh(candidate.parent_quality)),
        Term("λ2", weights.entropy, f"H {_n(candidate.surprise)}", candidate.surprise),
        Term(
            "λ3", weights.depth, forms[weights.depth_form],
            depth_value(candidate.depth, config.max_depth, weights.depth_form),
        ),
        Term("λ4", weights.own_quality, f"tanh({_n(candidate.own_quality)})", math.tanh(candidate.own_quality)),
    ])  # fmt: skip


def mean_value(q: float, visits: int) -> float:
    """Q = q / N; 0 where N = 0."""
    return q / visits if visits else 0.0


def _n(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
