"""What changes evaluations: start some, judge an answer, take a judgement back."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from training.config import RunConfig
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.evals.models import Evaluation, Override
from webapp.evals.settling import describe_model, evaluation_of, settle
from webapp.inspection.models import Rollout, Split
from webapp.runs.models import Run
from webapp.runs.services import create_run, launch_run


def start_evaluations(
    configs: Sequence[RunConfig], *, user: User | None = None, start_id: uuid.UUID | None = None
) -> list[Evaluation]:
    """An evaluation for each config, queued in their order. The same ``start_id`` always means the same ones.

    Raises UserError when a config names what is not there, and when the broker is away; they stay queued then.
    """
    first = start_id or uuid.uuid4()
    with transaction.atomic():
        runs = [_create(config, uuid.uuid5(first, str(number)), user) for number, config in enumerate(configs)]
        made = [evaluation_of(run) for run in runs]
        for run in runs:
            launch_run(run)
    return made


def _create(config: RunConfig, start_id: uuid.UUID, user: User | None) -> Run:
    return create_run(config, name=f"Evaluation of {describe_model(config)}", user=user, start_id=start_id)


def override(rollout: Rollout, correct: bool, reason: str, user: User) -> Override:
    """Let an answer count as right or wrong, whatever the verifier says; the figures are then shown both ways.

    Raises UserError when that is the verifier's own verdict, or the answer is of no evaluation.
    """
    run = rollout.run
    if run.method != "evaluate" or rollout.split != Split.HELDOUT:
        raise UserError("Only answers of evaluations can be overridden; what was trained on stays as it was.")
    if (rollout.correct is True) == correct:
        raise UserError("The verifier says so already. To take an override back, withdraw it.")
    problem_id = rollout.group.prompt.problem_id
    with transaction.atomic():
        _withdraw(run, problem_id, rollout.index, user)
        made = Override.objects.create(
            run=run,
            problem_id=problem_id,
            sample=rollout.index,
            extracted=rollout.extracted,
            correct=correct,
            reason=reason.strip()[:2000],
            user=user,
        )
        _recount(run)
    return made


def withdraw(rollout: Rollout, user: User) -> None:
    """Take an override back; it stays on record. Raises UserError when there is none."""
    with transaction.atomic():
        if not _withdraw(rollout.run, rollout.group.prompt.problem_id, rollout.index, user):
            raise UserError("This answer has no override (any more).")
        _recount(rollout.run)


def _withdraw(run: Run, problem_id: str, sample: int, user: User) -> bool:
    held = Override.objects.filter(run=run, problem_id=problem_id, sample=sample, withdrawn_at=None)
    return held.update(withdrawn_at=timezone.now(), withdrawn_by=user) > 0


def _recount(run: Run) -> None:
    """Figures are kept once an evaluation has ended; before, pages compute them as they are read."""
    Evaluation.objects.select_for_update().get(run=run)
    settle(run)
