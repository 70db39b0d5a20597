"""What the loop asks of a training method."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from training.events.types import AnyEvent, Phase
from training.experience.types import Group


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a step or an evaluation: figures by metric name, and the groups of rollouts behind them."""

    metrics: dict[str, float]
    groups: list[Group] = field(default_factory=list)
    events: list[AnyEvent] = field(default_factory=list)
    """What else there is to say, once the groups were told."""
    score: float | None = None
    """Of an evaluation: what the best checkpoint is chosen by; higher is better."""


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """Figures of one optimiser update."""

    loss: float
    grad_norm: float
    learning_rate: float


class Method(Protocol):
    """One way to train. It holds the policy and changes it."""

    phases: tuple[Phase, ...]
    """What a step spends its time on."""

    def step(self, step: int) -> Outcome:
        """Do training step number `step`, counted from 1."""
        ...

    def evaluate(self) -> Outcome | None:
        """Measure the policy on held-out problems; None when there is nothing to measure it by."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides the weights and the optimiser; plain values and tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """Continue after `step`. The weights are already those of that step."""
        ...
