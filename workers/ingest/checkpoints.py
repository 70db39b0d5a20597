"""What was saved, and what was removed again. Rows outlive the files, for history."""

from datetime import UTC, datetime

from training.checkpoints import PIN
from training.events import CheckpointRemoved, CheckpointSaved
from webapp.runs.models import Checkpoint, Run


def save_checkpoint(run: Run, event: CheckpointSaved) -> None:
    """A checkpoint stands; saying so twice changes nothing. A new one shows that the run makes progress."""
    _, new = Checkpoint.objects.update_or_create(
        run=run,
        step=event.step,
        defaults={
            "path": event.path,
            "size": event.size,
            "score": event.score,
            "saved_at": datetime.fromtimestamp(event.at, UTC),
            "pinned": (run.folder / event.path / PIN).exists(),
            "removed_at": None,
        },
    )
    _mark_best(run)
    if new:
        run.automatic_resumes = 0


def remove_checkpoint(run: Run, event: CheckpointRemoved) -> None:
    """The files of a checkpoint are gone."""
    Checkpoint.objects.filter(run=run, step=event.step).update(removed_at=datetime.fromtimestamp(event.at, UTC))
    _mark_best(run)


def forget_checkpoints(run: Run, after: int) -> None:
    """Delete checkpoints of steps later than `after`."""
    Checkpoint.objects.filter(run=run, step__gt=after).delete()
    _mark_best(run)


def _mark_best(run: Run) -> None:
    """Of those that are there, the highest score counts, and of equals the earliest; also after going back."""
    ranked = Checkpoint.objects.filter(run=run, removed_at=None, score__isnull=False).order_by("-score", "step")
    best = ranked[:1].values("pk")
    Checkpoint.objects.filter(run=run, best=True).exclude(pk__in=best).update(best=False)
    Checkpoint.objects.filter(pk__in=best, best=False).update(best=True)
