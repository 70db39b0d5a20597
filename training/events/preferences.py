"""What a trainer says that learns from people's rankings: which labels it uses, and how well it predicts others."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.events.base import Event


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")


class RankingsLoaded(Event):
    """The labels of a run, before its first step. Whatever an earlier attempt said of this is void."""

    kind: Literal["rankings_loaded"] = "rankings_loaded"
    labels: int
    """Lines of the file."""
    digest: str
    """SHA-256 of the file; of made-up rankings, of what the file would hold."""
    repeats: int = 0
    """Labels left out: given again to the same annotator, or replaced by an adjudicated one."""
    train_items: int = 0
    """Ranked prompts learned from."""
    heldout_items: int = 0
    """Ranked prompts held out."""
    too_long: int = 0
    """Prompts left out because a response is longer than max_length."""
    undecided: int = 0
    """Prompts left out because no label prefers one response to another."""


class PairCount(_Part):
    """Decided pairs, and how many of them were predicted."""

    pairs: int
    right: int


class OfAnnotator(PairCount):
    """The pairs that one annotator decided."""

    annotator: str


class LengthBin(PairCount):
    """The pairs whose chosen response is longer by a share in [low, high) of the longer one; below 0 it is shorter."""

    low: float
    high: float


class CalibrationBin(PairCount):
    """The pairs whose likelier winner had a probability in [low, high)."""

    low: float
    high: float
    confidence: float
    """Mean of these probabilities; `right` of `pairs` is what was observed."""


class WrongPair(_Part):
    """A pair that was predicted badly. Texts are cut."""

    project: str = ""
    item: int | None = None
    """Number of the item in its project."""
    annotator: str = ""
    chosen: int
    """Number among the item's responses."""
    rejected: int
    difference: float
    """Reward of the chosen response minus that of the rejected one."""
    prompt: str
    chosen_text: str
    rejected_text: str


class ItemScored(_Part):
    """Rewards of the responses of an item of a labeling project, in their order."""

    project: str
    item: int
    heldout: bool
    rewards: list[float]
    """Mean over heads, shifted as a checkpoint would be."""
    spreads: list[float] = []
    """Standard deviation over heads; empty for one head."""


class RankingsScored(Event):
    """How well held-out labels are predicted, and the rewards of ranked responses."""

    kind: Literal["rankings_scored"] = "rankings_scored"
    heads: int = Field(ge=1)
    loss: float
    pairs: int
    """Decided pairs among held-out labels; ties are left out everywhere here."""
    right: int
    ties: int
    annotators: list[OfAnnotator] = []
    lengths: list[LengthBin] = []
    calibration: list[CalibrationBin] = []
    agreement: PairCount | None = None
    """Of two labels of the same two held-out responses that both decide: how often they agree. None without such."""
    wrong: list[WrongPair] = []
    items: list[ItemScored] = []
    """Held-out items, after the last step all; of rankings from a labeling project only."""
