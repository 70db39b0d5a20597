"""The page of reward against people over the steps of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.labeling.models import LabelProject
from webapp.labeling.triangle.by_step import StepSeries, runs_in, series_of
from webapp.labeling.triangle.drawing import StepChart, draw
from webapp.labeling.triangle.judged import judged_items
from webapp.labeling.triangle.scores import Scores, ShowsScores, run_of, scores_of, scoring_runs
from webapp.runs.models import Run


@dataclass(frozen=True, slots=True)
class StepsPage(ShowsScores):
    """Everything the page shows; ``run`` is None where no response is of a run."""

    runs: list[Run]
    """Reward models to choose from."""
    scores: Scores
    policies: list[Run]
    """Runs whose responses are labeled."""
    run: Run | None
    series: StepSeries
    chart: StepChart | None


def read_steps(project: LabelProject, asked: Mapping[str, str]) -> StepsPage:
    """The page that an address asks for. Raises UserError when it names what is not there."""
    runs = scoring_runs(project)
    scores = scores_of(project, runs, asked.get("reward", ""))
    items = judged_items(project, scores)
    numbers = runs_in(items)
    known = Run.objects.in_bulk(numbers)
    policies = [known[number] for number in numbers if number in known]
    run = run_of(policies, asked["run"]) if asked.get("run") else next(iter(policies), None)
    series = series_of(items, run.pk) if run else StepSeries(())
    return StepsPage(runs, scores, policies, run, series, draw(series))
