"""Knobs of a tree search and of the credit its trajectories get (DeepSearch, arXiv 2509.25454, sections 3 and 4).

Where paper and released code differ, the paper's intent is the default and the other is an option. One default is
neither's: trees whose ends are all alike are dropped, since their advantages reward wrong steps and punish right ones.
"""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from training.config.base import Config, impossible
from training.config.nearest import MOST_DEPTH, MOST_TOKENS, nearest_divisor, nearest_multiple
from training.config.rl import LossConfig


class FrontierConfig(Config):
    """Weights of the score by which the next node is chosen among all that are not expanded (eq. 7)."""

    quality: float = Field(default=0.4, ge=0)
    """λ1, weight of tanh(Q) of the parent: look on where a parent did well."""

    entropy: float = Field(default=0.0, ge=0)
    """λ2, weight of the node's own mean surprise. The paper lists 0.4 and runs without: it swamps the quality."""

    depth: float = Field(default=0.01, ge=0)
    """λ3, weight of the depth form: among equals, go on where the search has come far."""

    own_quality: float = Field(default=0.0, ge=0)
    """λ4, weight of tanh(Q) of the node itself; only in the released code."""

    depth_form: Literal["sqrt", "log", "linear", "none"] = "sqrt"
    """sqrt(d / deepest), log(d + 1), d, or nothing."""


class SearchConfig(Config):
    """How the tree of a problem grows."""

    expansion: Literal["full", "lazy"] = "full"
    """full (the paper): width children of one step each. lazy: whole continuations, siblings only where asked for."""

    width: int = Field(default=8, ge=1, le=256)
    """Children that a node may have (W)."""

    min_width: int = Field(default=0, ge=0, le=256)
    """With a decay: fewest children of a deep node; at least one is always allowed. Without, it changes nothing."""

    width_decay: int = Field(default=0, ge=0, le=256)
    """Children fewer in each of the width's bands of depth, 0 for the same at all; only in the released code."""

    lazy_start: int = Field(default=4, ge=1, le=256)
    """Lazy: continuations drawn from the root at first."""

    lazy_branches: int = Field(default=1, ge=1, le=256)
    """Lazy: continuations drawn at each later choice of the frontier."""

    step: Literal["tokens", "separator"] = "tokens"
    """What one node holds: an equal share of the longest response in tokens, or text up to a separator."""

    max_depth: int = Field(default=8, ge=1, le=MOST_DEPTH)
    """Deepest level of nodes. A step by tokens has max_tokens / max_depth of them (the paper: 16,384 / 64 = 256)."""

    separator: str = Field(default="\n", min_length=1, max_length=16)
    """Text that ends a step, within one token; a line break by default."""

    max_expansions: int = Field(default=256, ge=1, le=65_536)
    """Expansions after which nothing more is expanded, and what is missing comes by the rule for exhausted trees; the
    paper has no limit."""

    selection: Literal["frontier", "uct"] = "frontier"
    """After a solution was recorded, go on at the best node of the whole frontier, or walk down by UCT (vanilla)."""

    descent: Literal["uct", "frontier"] = "uct"
    """While no child has ended: follow the best child by UCT, or ask the frontier at every expansion."""

    exploration: float = Field(default=2.0, ge=0)
    """λ of UCT: Q + λ·sqrt(ln N_parent / N)."""

    frontier: FrontierConfig = FrontierConfig()

    tie_break: Literal["first", "random"] = "first"
    """Of equal scores, the first in the order of the tree, or any."""

    negative: Literal["most_confident", "least_confident", "random"] = "most_confident"
    """Which wrong solution of an expansion is recorded when none is right."""

    record: Literal["one", "all"] = "one"
    """Solutions recorded at an expansion: one (the best right one, else a wrong one), or all that ended; where those
    are too many, right ones first, then the most confident."""

    backup: Literal["constrained", "vanilla", "sum"] = "constrained"
    """constrained (eq. 5): a node on a right path never turns negative. vanilla: max(q + γr, 0). sum: q + γr."""

    gamma_min: float = Field(default=0.1, ge=0, le=1)
    """Least weight of a solution's value on the way up."""

    gamma_index: Literal["nodes", "steps"] = "nodes"
    """Weight at depth d on the way to depth D: (d+1)/(D+1), as released, or d/D, as eq. 5 reads for a root at 0."""

    incomplete_reward: float = Field(default=-1.0, ge=-1, le=0)
    """Value of a response that was cut off without an answer."""

    exhausted: Literal["flush", "direct", "stop"] = "flush"
    """With nothing left to expand, or the limit of expansions reached: record the solutions left over and then sample
    directly, only sample, or stop."""

    prefix_cache_mib: int = Field(default=512, ge=0, le=1_048_576)
    """Memory of Espalier's engine for keys and values of the trees' nodes, so that no prefix is computed twice; vLLM
    has its own."""

    kept_trees: int = Field(default=16, ge=0, le=65_536)
    """Trees of a step stored with all their nodes: solved ones first, then extremes. Of the others the figures stay."""

    @model_validator(mode="after")
    def _narrowest_is_narrower(self) -> Self:
        if self.min_width > self.width:
            raise impossible(
                f"the least width ({self.min_width}) must not be above the width ({self.width})",
                {"min_width": self.width},
                {"width": self.min_width},
            )
        return self


def unequal_steps(longest: int, depth: int, tokens_knob: str) -> PydanticCustomError:
    """The error of a response that cannot be cut into so many steps of equal length."""
    shallower, longer = nearest_divisor(longest, depth, MOST_DEPTH), nearest_multiple(longest, depth, MOST_TOKENS)
    return impossible(
        f"a response of {longest} tokens cannot be cut into {depth} steps of equal length; nearest that work: "
        f"a depth of {shallower}, or {longer} tokens",
        {"search.max_depth": shallower},
        {tokens_knob: longer},
    )


class TreeCreditConfig(Config):
    """How a tree's values become the advantages of its tokens.

    An end is worth 1 where it is right and -1 where it is wrong, whatever ``reward.accuracy`` and ``reward.format``
    say; the overlong penalty is added.
    """

    kind: Literal["node_q", "outcome", "subtree_value"] = "node_q"
    """node_q (Tree-GRPO): each step by its q. outcome: all tokens by the end. subtree_value: by V - V of the parent."""

    q_temperature: float = Field(default=1.0, gt=0)
    """ε_q of the soft clip tanh(q / ε_q)·q_max (eq. 13)."""

    q_max: float = Field(default=1.0, gt=0)
    """Largest size of a clipped q; ends keep their value."""

    uniform_trees: Literal["keep", "drop", "confident_wrong"] = "drop"
    """Trees whose ends are all alike. keep: as released. drop: learn from none. confident_wrong: of trees without a
    solution, push the paths down; learn from no other."""

    root_share: float = Field(default=0.0, ge=0, le=1)
    """subtree_value: share of V minus V of the root that is added (TreeRL takes both)."""

    shared_prefix: Literal["each", "once"] = "each"
    """A step in several recorded trajectories is learned from in each of them, or its weight is shared among them."""


class TreeLossConfig(LossConfig):
    """The clipped loss with DeepSearch's values (appendix A.3) as defaults."""

    clip_high: float = Field(default=0.28, gt=0)
    """The ratio is clipped above at 1 plus this (clip-higher: 0.28)."""

    dual_clip: float | None = Field(default=10.0, gt=1)
    """Bounds the loss of negative advantages at this many times the advantage; empty for none."""

    advantage_scale: Literal["sample", "population", "none"] = "none"
    """Divide the tree's advantages by the standard deviation of its ends, or only subtract their mean (eq. 15)."""
