"""Stores what a chunk of the event file says, and how far was read, in one transaction under the run's row lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from django.db import DataError, IntegrityError, transaction

from training.events import (
    Alert,
    AnyEvent,
    CheckpointRemoved,
    CheckpointSaved,
    Failed,
    Finished,
    HardSubset,
    Metrics,
    PhaseChanged,
    ProblemsAsked,
    ProblemsSelected,
    RankingsLoaded,
    RankingsScored,
    RolloutGroup,
    SolutionsFound,
    Started,
    TreesGrowing,
)
from webapp.inspection.removal import remove_rollouts
from webapp.runs import models as rows
from webapp.runs.models import Run
from webapp.search.removal import remove_trees
from workers.ingest.checkpoints import forget_checkpoints, remove_checkpoint, save_checkpoint
from workers.ingest.evaluations import conclude, store_asked
from workers.ingest.metrics import forget_metrics, store_metrics
from workers.ingest.preferences import forget_preferences, store_rankings_loaded, store_rankings_scored
from workers.ingest.reading import Chunk, clean, read_chunk
from workers.ingest.rollouts import store_groups
from workers.ingest.selection import forget_selection, store_selected
from workers.ingest.solutions import store_solutions
from workers.ingest.trees import store_glimpse, store_subset, store_trees, trees_of

OWN_FIELDS = [
    "events_offset", "step", "total_steps", "phase", "phase_since", "phase_done", "phase_total", "train_seconds",
    "latest", "rewinds", "automatic_resumes", "failure",
]  # fmt: skip
"""Fields of a run that events change."""


UNSTORABLE = (DataError, IntegrityError, ValueError, OverflowError, LookupError)
"""What storing an event raises when the event is at fault, not the database."""


class Superseded(Exception):  # noqa: N818  # no error: a later attempt has taken over
    """The run has moved on to a later attempt; whoever asked must not write any more."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one look at the event file brought."""

    events: int = 0
    started: bool = False
    finished: Literal["done", "stopped"] | None = None


def ingest(run_id: int, attempt: int | None = None) -> Progress:
    """Store the next few megabytes of a run's events. Call again until it brings none.

    Raises Superseded when `attempt` is given and is no longer the run's current one. Two that ingest
    the same run take turns; each goes on where the other ended.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
        if attempt is not None and run.attempt != attempt:
            raise Superseded(f"run {run_id} is at attempt {run.attempt}, not {attempt}")
        chunk = read_chunk(run.folder, run.events_offset)
        if chunk.end == run.events_offset:
            return Progress()
        run.events_offset = chunk.end
        _store_chunk(run, chunk)
        run.save(update_fields=OWN_FIELDS)
    ends = [event.reason for event in chunk.events if isinstance(event, Finished)]
    started = any(isinstance(event, Started) for event in chunk.events)
    return Progress(len(chunk.events), started, ends[-1] if ends else None)


def rebuild(run_id: int) -> int:
    """Delete what is stored of a run's events and store them again from the start; returns how many there are."""
    with transaction.atomic():
        run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
        _forget(run, after=-1)
        run.events_offset = 0
        run.save(update_fields=OWN_FIELDS)
    count = 0
    while events := ingest(run_id).events:
        count += events
    return count


def _store_chunk(run: Run, chunk: Chunk) -> None:
    complaints = list(chunk.complaints)
    try:
        with transaction.atomic():
            _store(run, chunk.events)
    except UNSTORABLE:  # one event is at fault: store the others, so that the run is never stuck
        run.refresh_from_db(fields=[name for name in OWN_FIELDS if name != "events_offset"])
        for event in chunk.events:
            try:
                with transaction.atomic():
                    _store(run, [event])
            except UNSTORABLE as error:
                complaints.append(f"{event.kind} of step {event.step}: {str(error).splitlines()[0]}")
    if complaints:
        _complain(run, complaints)


def _store(run: Run, events: Sequence[AnyEvent]) -> None:
    """Store events in order: what a resumed trainer takes back is deleted before anything later is stored."""
    begin = 0
    for position, event in enumerate(events):
        if isinstance(event, Started):
            _store_between(run, events[begin:position])
            _restart(run, event)
            begin = position + 1
    _store_between(run, events[begin:])


def _store_between(run: Run, events: Sequence[AnyEvent]) -> None:
    """Events with no (re)start among them."""
    store_metrics(run, [event for event in events if isinstance(event, Metrics)])
    store_groups(run, [event for event in events if isinstance(event, RolloutGroup)])
    store_trees(run, trees_of(events))
    glimpses = [event for event in events if isinstance(event, TreesGrowing)]
    for event in events:
        match event:
            case SolutionsFound():
                store_solutions(run, event)
            case HardSubset():
                store_subset(run, event)
            case PhaseChanged():
                _enter_phase(run, event)
            case ProblemsAsked():
                store_asked(run, event)
            case ProblemsSelected():
                store_selected(run, event)
            case RankingsLoaded():
                store_rankings_loaded(run, event)
            case RankingsScored():
                store_rankings_scored(run, event)
            case CheckpointSaved():
                save_checkpoint(run, event)
            case CheckpointRemoved():
                remove_checkpoint(run, event)
            case Finished():
                run.phase, run.phase_done, run.phase_total = "", 0, 0
                conclude(run)
            case Failed():
                run.failure = _failure(event)
    if glimpses:
        store_glimpse(run, glimpses[-1])
    rows.Alert.objects.bulk_create(_alert(run, event) for event in events if isinstance(event, Alert))


def _failure(event: Failed) -> dict[str, Any]:
    values = event.model_dump(exclude={"kind", "at"})
    return {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}


def _restart(run: Run, event: Started) -> None:
    """A trainer without a checkpoint to go on from starts over, so that all before it is void."""
    run.failure = {}
    _forget(run, after=-1 if event.resumed_step is None else event.resumed_step)
    run.total_steps = event.total_steps


def _forget(run: Run, after: int) -> None:
    run.rewinds += 1
    forget_metrics(run, after)
    forget_preferences(run, after)
    forget_selection(run, after)
    remove_trees(run, after)
    remove_rollouts(run, after)
    forget_checkpoints(run, after)
    rows.Alert.objects.filter(run=run, step__gt=after).delete()


def _enter_phase(run: Run, event: PhaseChanged) -> None:
    if event.done == 0 or event.phase != run.phase:
        run.phase_since = _time(event.at)
    run.phase, run.phase_done, run.phase_total = event.phase, event.done, event.total


def _alert(run: Run, event: Alert) -> rows.Alert:
    return rows.Alert(
        run=run,
        step=event.step,
        code=clean(event.code)[:40],
        severity=event.severity,
        message=clean(event.message),
        advice=clean(event.advice),
        metric=clean(event.metric)[:80],
        at=_time(event.at),
    )


def _complain(run: Run, complaints: Sequence[str]) -> None:
    first, more = complaints[0][:500], len(complaints) - 1
    rows.Alert.objects.create(
        run=run,
        step=run.step,
        code="events_left_out",
        severity="warning",
        message=clean(f"Some events could not be stored: {first}" + (f" (and {more} more)" if more else "")),
        advice="Figures or rollouts may be missing here; events.jsonl in the run's folder has all of them.",
        at=datetime.now(UTC),
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
