"""Writes what is known of an evaluation: what it asks, and its figures when it has ended or an override has changed.

Called by whoever ingests a run's events, and by the services of this app.
"""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from training.config import (
    BuiltinModel,
    CheckpointModel,
    EvaluateMethod,
    HubModel,
    LocalModel,
    RunConfig,
)
from webapp.evals.best_of_n import figures_of
from webapp.evals.models import AskedProblem, Evaluation
from webapp.evals.tallying import read_answers
from webapp.runs.models import Run

SPLITS = {"heldout": "held-out", "train": "training", "both": "all"}


def evaluation_of(run: Run) -> Evaluation:
    """The row of an evaluation's run, made when there is none: one that was started from a shell has none."""
    config = RunConfig.model_validate(run.config)
    method = config.method
    if not isinstance(method, EvaluateMethod):
        raise TypeError(f"run {run.pk} is no evaluation")
    source = config.model if isinstance(config.model, CheckpointModel) else None
    known = source is not None and Run.objects.filter(pk=source.run).exists()
    made, _ = Evaluation.objects.get_or_create(
        run=run,
        defaults={
            "label": describe_model(config)[:160],
            "problem_set": f"{run.problems}, {SPLITS[method.split]}"[:160],
            "source_run_id": source.run if source and known else None,
            "source_step": source.step if source else None,
            "samples": method.samples,
            "temperature": method.temperature,
            "max_tokens": method.max_tokens,
            "searches": method.search is not None,
        },
    )
    return made


def describe_model(config: RunConfig) -> str:
    """What is evaluated, in a few words."""
    match config.model:
        case BuiltinModel():
            return "built-in model"
        case CheckpointModel(run=run, step=step):
            return f"run {run}, step {step}"
        case HubModel(name=name):
            return name
        case LocalModel(path=path):
            return path.rstrip("/").rsplit("/", 1)[-1]


def store_asked(run: Run, problems: Sequence[tuple[str, str, str, str]], trained_on: int, unusable: int) -> None:
    """What the evaluation asks, in place of what an earlier attempt said; each is (id, key, level, split)."""
    made = evaluation_of(run)
    with transaction.atomic():
        AskedProblem.objects.filter(run=run)._raw_delete("default")
        AskedProblem.objects.bulk_create(
            AskedProblem(run=run, problem_id=name[:120], key=key[:32], level=level[:40], split=split[:8])
            for name, key, level, split in {each[0][:120]: each for each in problems}.values()
        )
        Evaluation.objects.filter(pk=made.pk).update(asked=len(problems), trained_on=trained_on, unusable=unusable)


def settle(run: Run) -> None:
    """Compute the figures from the stored answers and keep them."""
    made = evaluation_of(run)
    answers = read_answers(run)
    made.figures = figures_of(run, answers)
    graded = made.graded
    made.avg, made.avg_low, made.avg_high = graded.get("avg") or (None, None, None)
    made.pass_k = graded["pass"][0] if graded else None
    made.maj = graded["maj"][0] if graded else None
    made.tokens_mean = graded.get("tokens_mean")
    made.overrides = answers.overrides
    made.settled_at = timezone.now()
    made.save()
