"""What a trainer says of its searches: whole trees when they are done, glimpses while they grow, and what was kept.

A tree travels as columns, one entry a node in the order the nodes were made (number 0 is the root), base64 of the
little-endian dtypes named here; so do the events of its replay.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from training.events.base import Event, Split

TREE_COLUMNS = {
    "parent": "<i4",  # number of the parent; -1 for the root
    "depth": "<i4",  # 0 for the root
    "tokens": "<i4",  # tokens of the node's own step
    "status": "<u1",  # NODE_STATUSES
    "visits": "<i4",  # N
    "q": "<f4",  # raw sum that was backed up; Q = q / N
    "score": "<f4",  # q as training used it: soft-clipped, ends as they are; nan where training used none
    "surprise": "<f4",  # mean -log p of the step's own tokens (the frontier's H)
    "entropy": "<f4",  # mean entropy of the distributions they were drawn from, nats
    "path_surprise": "<f4",  # of ends: mean -log p of all tokens from the root; nan elsewhere
    "advantage": "<f4",  # mean over the trajectories through it, as used in training; nan where it was not trained on
    "loss_share": "<f4",  # share of |advantage|·tokens in the tree's; nan where it was not trained on
    "trajectories": "<i4",  # recorded trajectories through it
    "recorded": "<u1",  # RECORDED: whether the end was recorded, and as what
    "born": "<i4",  # number of the replay event that made it
}
"""Dtypes of the columns of a tree's nodes."""

NODE_STATUSES = ("open", "expanded", "right", "wrong", "incomplete")
"""What `status` counts: waiting in the frontier; with children; ended right; ended wrong; cut off without an answer."""

RECORDED = ("no", "right", "confident_wrong", "wrong")
"""What `recorded` counts; confident_wrong is the wrong end that was chosen as the lesson."""

REPLAY_COLUMNS = {
    "kind": "<u1",  # REPLAY_KINDS
    "node": "<i4",  # the node it happened to
    "value": "<f4",  # select, jump: the score it won by; expand: children made; verify, backup: reward; else 0
    "tokens": "<i4",  # tokens sampled for this tree so far
    "frontier": "<i4",  # nodes that may be expanded, afterwards
    "best_q": "<f4",  # largest Q = q / N of any node but the root, afterwards; nan before the first backup
    "changes": "<i4",  # how many entries of the change columns belong to this event
}
"""Dtypes of the columns of a tree's replay."""

REPLAY_KINDS = ("select", "jump", "expand", "verify", "backup", "flush", "direct")
"""select: local choice by UCT; jump: choice of the whole frontier; expand: children made; verify: an end was judged;
backup: a recorded end's value went up; flush: an end left over is recorded; direct: whole responses from the root."""

CHANGE_COLUMNS = {"change_node": "<i4", "change_q": "<f4", "change_visits": "<i4"}
"""Dtypes of what each event changed: q and N of a node afterwards. Nodes are born with the value they have first."""


class Trajectory(BaseModel):
    """A recorded trajectory: the node it ends in, and its place among the rollouts of the group with the same index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    leaf: int
    rollout: int


class TreeRecord(Event):
    """The finished search of one problem. ``index`` is that of its group of rollouts in the step and split."""

    kind: Literal["tree"] = "tree"
    split: Split
    index: int = Field(ge=0)
    problem_id: str
    prompt: str
    answer: str
    nodes: int = Field(ge=1)
    ends: int
    """Nodes at which a response ended."""
    right_ends: int
    expansions: int
    depth: int
    """Of the deepest node."""
    tokens: int
    """Sampled for this tree."""
    prefix_tokens: int = 0
    """Tokens before the new ones, summed over the expansions."""
    prefix_recomputed: int = 0
    """Of those, how many were run through the model again."""
    best_q: float | None = None
    mean_reward: float = 0.0
    """Mean value of the recorded ends, each -1 to 1."""
    solved: bool
    uniform: bool
    """All recorded ends have the same value."""
    first_solved: int | None = None
    """Number of the replay event at which the first right end was verified."""
    exhausted: bool = False
    """The frontier ran empty."""
    seconds: float = 0.0
    search: dict[str, Any] = {}
    """The SearchConfig it grew by."""
    credit: dict[str, Any] = {}
    """The TreeCreditConfig its advantages follow."""
    trajectories: list[Trajectory] = []
    columns: dict[str, str] = {}
    """TREE_COLUMNS; empty where only the figures were kept."""
    texts: list[str] = []
    """Text of each node's step."""
    token_ids: str = ""
    """int32 of all nodes one after another, by `tokens`."""
    token_logprobs: str = ""
    """float16, like `token_ids`."""
    replay: dict[str, str] = {}
    """REPLAY_COLUMNS and CHANGE_COLUMNS."""
    why_kept: str = ""
    """The rule by which all nodes were stored: solved_first, extreme, first; empty for figures only."""


class TreesGrowing(Event):
    """A glimpse of a few trees of the step under way; each replaces the one before."""

    kind: Literal["growing"] = "growing"
    trees: list["GrowingTree"]
    live: int
    """Trees that still grow."""
    done: int


class GrowingTree(BaseModel):
    """One tree as it stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    problem_id: str
    prompt: str
    nodes: int
    tokens: int
    recorded: int
    solved: bool
    columns: dict[str, str]
    """parent, depth, status, visits, q and tokens of TREE_COLUMNS."""


class SolutionsFound(Event):
    """Verified solutions that this step found, and cached ones that it used."""

    kind: Literal["solutions"] = "solutions"
    found: list["FoundSolution"] = []
    used: list["UsedSolution"] = []
    rejected: list["RejectedSolution"] = []


class FoundSolution(BaseModel):
    """A right response."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    """`problem_key` of the problem: the same in every run and set that asks it."""
    problem_id: str
    prompt: str
    answer: str
    text: str
    token_ids: list[int]
    """With the end token."""
    logprobs: str
    """float32 base64: log-probabilities under the policy that sampled it."""
    tokenizer: str
    """Digest of the tokenizer that the ids are of."""
    verifier: str
    """Version of the verifier that found it right."""
    index: int
    """Of the group it was found in."""
    node: int | None = None
    """Of the tree in which it ended; None for a direct response."""


class UsedSolution(BaseModel):
    """A cached solution that stood in for a search."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    key: str
    """`solution_key`."""
    tokens_saved: int
    """What a search of this run costs on average, less the problem's direct responses, divided among its solutions.

    0 where direct responses cost more, and before the run's first search.
    """


class RejectedSolution(BaseModel):
    """A cached solution that was not used, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    key: str
    reason: str


class HardSubset(Event):
    """The training problems after a look at how often direct sampling solves them. Lists are in the order of `ids`."""

    kind: Literal["hard_subset"] = "hard_subset"
    phase: int = Field(ge=0)
    """0 before the first step."""
    samples: int
    ids: list[str]
    """Every problem that was looked at."""
    right: list[int]
    """How many of `samples` were right."""
    kept: list[bool]
    """Whether it is trained on in the coming phase."""
    cached: list[bool]
    """Whether the cache holds solutions of it."""
    tokens: int
    """Sampled for this look."""


TreesGrowing.model_rebuild()
SolutionsFound.model_rebuild()
