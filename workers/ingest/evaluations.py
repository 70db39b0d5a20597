"""What an evaluation asks, and its figures when it ends."""

from training.events import ProblemsAsked
from webapp.evals import settling
from webapp.runs.models import Run
from workers.ingest.reading import clean


def store_asked(run: Run, event: ProblemsAsked) -> None:
    """The problems of an evaluation, in place of those an earlier attempt told."""
    columns = zip(event.ids, event.keys, event.levels, event.splits, strict=True)
    problems = [(clean(name), key, clean(level), split) for name, key, level, split in columns]
    settling.store_asked(run, problems, event.trained_on, event.unusable)


def conclude(run: Run) -> None:
    """Compute the figures of an evaluation that has ended; nothing for other runs."""
    if run.method == "evaluate":
        settling.settle(run)
