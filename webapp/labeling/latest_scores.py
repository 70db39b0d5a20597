"""The rewards that the reward model trained last gives the responses of a project."""

from dataclasses import dataclass

from django.db.models import Max

from webapp.labeling.models import LabelProject, ResponseScore


@dataclass(frozen=True, slots=True)
class Scoring:
    """A run that scored the project's responses, and the step at which it last did."""

    run: int
    step: int

    def __str__(self) -> str:
        return f"run {self.run}, step {self.step}"


def latest_scoring(project: LabelProject) -> Scoring | None:
    """The newest run with scores; None where no run learned from the project's labels."""
    scores = ResponseScore.objects.filter(item__project=project)
    run = scores.aggregate(run=Max("run"))["run"]
    if run is None:
        return None
    return Scoring(run, scores.filter(run=run).aggregate(step=Max("step"))["step"])


def scores_of(
    project: LabelProject, scoring: Scoring | None, number: int | None = None
) -> dict[tuple[int, int], float]:
    """Rewards by item's number and response's index; of all items, or of the one with this number."""
    if scoring is None:
        return {}
    rows = ResponseScore.objects.filter(run=scoring.run, step=scoring.step, item__project=project)
    if number is not None:
        rows = rows.filter(item__number=number)
    return {(item, index): reward for item, index, reward in rows.values_list("item__number", "index", "reward")}
