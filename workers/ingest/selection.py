"""Which training problems a run has chosen."""

from training.events import ProblemsSelected
from webapp.runs.models import ProblemSelection, Run
from workers.ingest.reading import cleaned


def store_selected(run: Run, event: ProblemsSelected) -> None:
    """The choice, in place of what an earlier attempt said."""
    told = cleaned(event.model_dump(mode="json", exclude={"step", "at", "kind"}))
    ProblemSelection.objects.update_or_create(run=run, defaults={"told": told})


def forget_selection(run: Run, after: int) -> None:
    """Delete what was said of steps later than `after`; a choice is made before step 1."""
    if after < 0:
        ProblemSelection.objects.filter(run=run).delete()
