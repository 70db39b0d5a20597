"""What a trainer says while it runs: one frozen model per kind of event, told apart by ``kind``.

An event is a line of JSON in ``RUN_DIR/events.jsonl``. Everything a page shows of a run comes from here.
A resumed trainer says ``started`` with ``resumed_step`` = s: whatever earlier attempts said of steps after s is void.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from training.events.base import Event, Split
from training.events.evaluations import ProblemsAsked
from training.events.preferences import RankingsLoaded, RankingsScored
from training.events.selection import ProblemsSelected
from training.events.traces import TraceRecord
from training.events.trees import HardSubset, SolutionsFound, TreeRecord, TreesGrowing

Phase = Literal[
    "loading", "selecting", "filtering", "searching", "sampling", "scoring", "updating", "evaluating", "saving"
]
FinishReason = Literal["stop", "length", "abort"]

TOKEN_ARRAYS = {
    "id": "<i4",  # token id
    "end": "<i4",  # where the token's text ends in the rollout's text, in characters
    "logprob": "<f2",  # log-probability under the policy that sampled, as the trainer computes it
    "entropy": "<f2",  # entropy of the distribution it was drawn from, nats
    "advantage": "<f2",  # advantage used in training
    "ratio": "<f4",  # probability ratio at the last update it took part in
    "clipped": "<u1",  # 1 where the clip removed the gradient
    "ref_logprob": "<f2",  # log-probability under the reference policy
    "value": "<f2",  # reward still to come, as a critic expected it before the token
    "mask": "<u1",  # 1 where the token was trained on (0: tool output)
}
"""Little-endian numpy dtypes of the arrays a rollout may carry, each [tokens] long."""


class Started(Event):
    """A trainer process begins, or resumes after ``resumed_step``."""

    kind: Literal["started"] = "started"
    attempt: int = Field(ge=1)
    total_steps: int
    resumed_step: int | None = None
    parameters: int = 0
    device: str = "cpu"
    processes: int = 1


class PhaseChanged(Event):
    """What the trainer does now; a phase that lasts far over its median is stuck."""

    kind: Literal["phase"] = "phase"
    phase: Phase
    done: int = 0
    total: int = 0


class Metrics(Event):
    """Figures of one step. Names are ``group/name``; a value that is not finite is null."""

    kind: Literal["metrics"] = "metrics"
    values: dict[str, float | None]


class RolloutRecord(BaseModel):
    """One response, as it was scored and used."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    text: str
    reward: float
    parts: dict[str, float] = {}
    """The rewards by name, before weighting."""
    advantage: float | None = None
    correct: bool | None = None
    extracted: str | None = None
    """The answer the verifier read off the response; of an expert's step, the step that was compared with it."""
    fault: str = ""
    """Of an expert's step: why no step could be read off."""
    finish_reason: FinishReason = "stop"
    tokens: dict[str, str] = {}
    """Base64 of the arrays named in ``TOKEN_ARRAYS``."""
    length: int = Field(ge=0)
    """Tokens of the response."""
    greedy: bool = False
    cached: bool = False
    """A verified solution of an earlier policy, in place of a response of this one."""
    selected: bool = True
    """False where resample-on-correct left it out of the update."""
    weights_version: int | None = None
    """Step after which the weights that drew it stood; None of what is not known, such as a cached solution."""
    trace: TraceRecord | None = None
    """Of a response that may call tools."""


class ExpertRecord(BaseModel):
    """What the responses of a group are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int = Field(ge=0)
    """Number of the step that is to be predicted, from 1; 0 for the whole solution."""
    steps: int = Field(ge=0)
    """Steps of the solution."""
    context: list[str] = []
    """The steps before it."""
    target: str
    """The expert's step, as it is compared."""
    title: str = ""
    """Of the step, where the prompt gives it away."""
    autojunk: bool = False
    """Whether the comparison left difflib's autojunk on."""


class RolloutGroup(Event):
    """A problem and all responses to it at one step. ``index`` numbers the groups of a step and split from 0."""

    kind: Literal["group"] = "group"
    split: Split
    index: int = Field(ge=0)
    problem_id: str
    prompt: str
    answer: str
    rollouts: list[RolloutRecord]
    weights_version: int = 0
    trained: bool = True
    """False where dynamic sampling, or the rule for trees of equal ends, dropped the group."""
    expert: ExpertRecord | None = None
    """Where an expert's step, or whole solution, was to be predicted."""


class CheckpointSaved(Event):
    """A checkpoint stands complete in ``path``, relative to the run's folder."""

    kind: Literal["checkpoint"] = "checkpoint"
    path: str
    size: int = Field(ge=0)
    """Bytes."""
    score: float | None = None
    """Held-out score at the last evaluation; higher is better."""
    best: bool = False


class CheckpointRemoved(Event):
    """The keeping rule removed the checkpoint of ``step``."""

    kind: Literal["checkpoint_removed"] = "checkpoint_removed"


class Alert(Event):
    """Something looks wrong, said in words."""

    kind: Literal["alert"] = "alert"
    code: str
    severity: Literal["info", "warning", "error"]
    message: str
    advice: str
    metric: str = ""


class Finished(Event):
    """The trainer ended by itself."""

    kind: Literal["finished"] = "finished"
    reason: Literal["done", "stopped"]
    checkpoint: str = ""


class Failed(Event):
    """The trainer ended because memory ran out, and could still say so. A process that the kernel kills cannot."""

    kind: Literal["failed"] = "failed"
    reason: Literal["out_of_memory"] = "out_of_memory"
    where: Literal["gpu", "host"]
    """Whose memory it was."""
    phase: str = ""
    """What the trainer did."""
    device: str = ""
    """Name of the GPU."""
    total: int = 0
    """Bytes that the device has; 0 where that is not known, as in the fields below."""
    used: int = 0
    """Bytes that this process held of it at most."""
    requested: int = 0
    """Bytes that were asked for in vain."""
    message: str = ""
    """What torch or Python said."""


AnyEvent = Annotated[
    Started
    | PhaseChanged
    | Metrics
    | RolloutGroup
    | TreeRecord
    | TreesGrowing
    | SolutionsFound
    | HardSubset
    | ProblemsAsked
    | ProblemsSelected
    | RankingsLoaded
    | RankingsScored
    | CheckpointSaved
    | CheckpointRemoved
    | Alert
    | Finished
    | Failed,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def parse_event(line: str | bytes) -> AnyEvent:
    """The event of one JSON line. Raises pydantic's ValidationError when it is none."""
    return _adapter.validate_json(line)
