"""Made-up events of a small run, always the same for the same step: what a trainer would say."""

import base64
import struct
from collections.abc import Iterator

from training.events import (
    Alert,
    AnyEvent,
    CheckpointRemoved,
    CheckpointSaved,
    Finished,
    Metrics,
    PhaseChanged,
    RolloutGroup,
    RolloutRecord,
    Started,
    ToolCallRecord,
    TraceRecord,
    TurnRecord,
)

CHECKPOINT_EVERY = 5


def floats(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}e", *values)).decode()


def started(total: int, resumed: int | None = None, attempt: int = 1) -> Started:
    return Started(step=resumed or 0, attempt=attempt, total_steps=total, resumed_step=resumed, parameters=3, at=100.0)


def trace(step: int) -> TraceRecord:
    """Two turns with a call between them that works every other step, and one that nobody ran."""
    call = ToolCallRecord(
        turn=0, name="python", arguments='{"code": "1/0"}', status="ok" if step % 2 else "error", result=f"{step}",
        stdout=f"{step}\n", error="" if step % 2 else "ZeroDivisionError", start=1, end=2, began=0.5, ended=1.0,
        queue_s=0.125, wall_s=0.25,
    )  # fmt: skip
    unread = ToolCallRecord(turn=0, name="", arguments="{nul \0", status="unanswered")
    turns = [
        TurnRecord(start=0, end=1, began=0.0, entered=0.25, ended=0.5),
        TurnRecord(start=2, end=4, began=1.0, entered=1.0, ended=2.0),
    ]
    return TraceRecord(
        turns=turns, calls=[call, unread], ending="answered", answers=1, seconds=2.0, diff="-1\0\n+2", tests="1 passed"
    )


def group(step: int, index: int = 0, split: str = "train", samples: int = 3) -> RolloutGroup:
    """Rewards 0, 1, 0, 1, …; the prompts come around every four steps."""
    rollouts = [
        RolloutRecord(
            text=f"step {step} group {index} sample {i}: {i}+{step}",
            reward=float((i + step) % 2),
            parts={"accuracy": float((i + step) % 2)},
            advantage=0.5 - (i + step) % 2,
            correct=(i + step) % 2 == 1,
            extracted=str(i),
            finish_reason="stop" if i else "length",
            tokens={"logprob": floats(-0.5 * i, -1.0)},
            length=2 + i,
            selected=i != 1,
            weights_version=step if i else None,
            trace=trace(step) if i == 2 else None,
        )
        for i in range(samples)
    ]
    return RolloutGroup(
        step=step, split=split, index=index, problem_id=f"p{(step + index) % 4}", prompt=f"{(step + index) % 4}+1?",
        answer="7", rollouts=rollouts, weights_version=step, at=100.0 + step,
    )  # fmt: skip


def metrics(step: int) -> Metrics:
    values = {"reward/mean": step * 0.1, "optim/loss": 1 / (step + 1) if step % 7 else None, "time/step_s": 0.25}
    return Metrics(step=step, values=values, at=100.0 + step)


def step_events(step: int) -> Iterator[AnyEvent]:
    """All that is said of one step, the checkpoint at its end included."""
    at = 100.0 + step
    yield PhaseChanged(step=step, phase="sampling", total=2, at=at)
    yield group(step, 0)
    yield group(step, 1)
    yield metrics(step)
    if step % 4 == 0:
        yield Alert(step=step, code="flat", severity="warning", message=f"flat at {step}", advice="Look.", at=at)
    if step % CHECKPOINT_EVERY == 0:
        yield PhaseChanged(step=step, phase="saving", at=at)
        score = 1 / (1 + abs(step - 2 * CHECKPOINT_EVERY))
        yield CheckpointSaved(step=step, path=f"checkpoints/step_{step:06d}", size=step, score=score, at=at)
        if step > 3 * CHECKPOINT_EVERY:
            yield CheckpointRemoved(step=step - 3 * CHECKPOINT_EVERY, at=at)


def undisturbed(total: int) -> Iterator[AnyEvent]:
    """A whole run."""
    yield started(total)
    yield Metrics(step=0, values={"heldout/pass_at_1": 0.1}, at=100.0)
    yield group(0, 0, split="heldout")
    for step in range(1, total + 1):
        yield from step_events(step)
    yield Finished(step=total, reason="done", at=100.0 + total)
