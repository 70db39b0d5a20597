"""What earlier attempts of a run have said: read back from its event file when a trainer starts again."""

from pathlib import Path
from typing import NamedTuple

from training.events import CheckpointRemoved, CheckpointSaved, Finished, Metrics, RolloutGroup, Started, parse_event

EVENTS_FILE = "events.jsonl"
"""Name of the event file in a run's folder."""

_TELLING = (b'"kind":"started"', b'"kind":"checkpoint"', b'"kind":"checkpoint_removed"')
"""Only such lines are parsed: most of a file is rollouts."""
_FINISHED = b'"kind":"finished"'
_OF_BATCHES = (b'"kind":"started"', b'"kind":"group"', b'"kind":"metrics"')


class History(NamedTuple):
    """Of one event file."""

    attempts: int
    """How often a trainer has started."""
    checkpoints: set[int]
    """Steps whose checkpoints were announced and not taken back."""


def read_history(path: Path) -> History:
    """The history in an event file; an empty one where there is no file. An unfinished last line does not count."""
    attempts, checkpoints = 0, set[int]()
    if not path.exists():
        return History(attempts, checkpoints)
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or not any(mark in line for mark in _TELLING):
                continue
            event = parse_event(line)
            attempts += event.kind == "started"
            if isinstance(event, CheckpointSaved):
                checkpoints.add(event.step)
            elif isinstance(event, CheckpointRemoved):
                checkpoints.discard(event.step)
    return History(attempts, checkpoints)


def finished_batches(path: Path) -> list[list[RolloutGroup]]:
    """The groups of each batch that an evaluation has finished: one whose figures were said. An empty list for none.

    Batches are finished in order, each by figures after its last group; what followed a batch that a start took back is
    void.
    """
    finished: list[list[RolloutGroup]] = []
    pending: list[RolloutGroup] = []
    if not path.exists():
        return finished
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or not any(mark in line for mark in _OF_BATCHES):
                continue
            event = parse_event(line)
            if isinstance(event, Started):
                del finished[event.resumed_step or 0 :]
                pending = []
            elif isinstance(event, RolloutGroup):
                pending.append(event)
            elif isinstance(event, Metrics):
                finished.append(pending)
                pending = []
    return finished


class Outcome(NamedTuple):
    """How far a run has come, by its event file."""

    began: float | None
    """Time of its first start, in seconds since 1970; None for a run that has not started."""
    ended: float | None
    """Time at which the last attempt had done all steps; None when it has not."""
    last: int | None
    """Step of the latest checkpoint."""
    best: int | None
    """Step of the checkpoint with the best held-out figure."""


def read_outcome(path: Path) -> Outcome:
    """The outcome in an event file, of nothing where there is no file. An unfinished last line does not count."""
    began, ended, best, steps = None, None, None, set[int]()
    if not path.exists():
        return Outcome(None, None, None, None)
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or not any(mark in line for mark in (*_TELLING, _FINISHED)):
                continue
            event = parse_event(line)
            if isinstance(event, Started):
                began, ended = event.at if began is None else began, None
                if event.resumed_step is None:
                    best, steps = None, set()
            elif isinstance(event, Finished):
                ended = event.at if event.reason == "done" else None
            elif isinstance(event, CheckpointSaved):
                steps.add(event.step)
                best = event.step if event.best else best
            elif isinstance(event, CheckpointRemoved):
                steps.discard(event.step)
    return Outcome(began, ended, max(steps, default=None), best if best in steps else None)
