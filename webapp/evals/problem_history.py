"""One problem over all evaluations that asked it: how often each checkpoint was right."""

from dataclasses import dataclass

from webapp.evals.models import AskedProblem, Evaluation
from webapp.inspection.models import Prompt, RolloutGroup, Split
from webapp.inspection.prompts import prompt_frame

MOST = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """The problem in one evaluation."""

    evaluation: Evaluation
    group: int
    right: int
    size: int
    tokens: float

    @property
    def share(self) -> float:
        return self.right / self.size if self.size else 0.0


@dataclass(frozen=True, slots=True)
class History:
    """The newest `MOST` evaluations of a problem, by source run and step."""

    key: str
    problem: str
    answer: str
    level: str
    asked: list[Asked]


def read_history(key: str) -> History | None:
    """None when no evaluation has asked a problem of this key and stored an answer."""
    rows = list(AskedProblem.objects.filter(key=key).order_by("-run")[:MOST])
    names = {row.run_id: row for row in rows}
    made = {each.run_id: each for each in Evaluation.objects.filter(run__in=names).select_related("run")}
    groups = RolloutGroup.objects.filter(
        run__in=names, split=Split.HELDOUT, prompt__problem_id__in={row.problem_id for row in rows}
    ).values_list("pk", "run_id", "prompt__problem_id", "correct_count", "size", "length_mean")
    asked = [
        Asked(made[run], pk, right, size, tokens)
        for pk, run, problem, right, size, tokens in groups
        if names[run].problem_id == problem and run in made
    ]
    if not asked:
        return None
    asked.sort(key=lambda each: (each.evaluation.source_run_id or 0, each.evaluation.source_step or 0, each.group))
    newest = max(asked, key=lambda each: each.group).evaluation.run
    prompt = Prompt.objects.get(run=newest, problem_id=names[newest.pk].problem_id)
    _, problem, _ = prompt_frame(newest).split(prompt.text)
    return History(key, problem, prompt.answer, names[newest.pk].level, asked)
