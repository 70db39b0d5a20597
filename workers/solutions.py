"""Judges verified solutions again, with the verifier of today."""

import logging
from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils import timezone

from training.rewards import VERIFIER_VERSION, Verdict, Verifier
from webapp.search.checks import CheckState, SolutionCheck
from webapp.search.models import VerifiedSolution
from webapp.search.solutions import judged_by, withdraw
from workers.app import app

logger = logging.getLogger(__name__)

BATCH = 50
"""Solutions between two reports of progress."""


@app.task(name="workers.solutions.verify_again")  # type: ignore[untyped-decorator]
def verify_again(check_id: int) -> None:
    """Carry a check that waits; of several deliveries, one does."""
    waiting = SolutionCheck.objects.filter(pk=check_id, state=CheckState.WAITING)
    if not waiting.update(state=CheckState.RUNNING, heartbeat_at=timezone.now()):
        return
    check = SolutionCheck.objects.get(pk=check_id)
    try:
        with Verifier(workers=1) as verifier:
            for batch in _batches(judged_by(check)):
                _judge(check, batch, verifier)
        check.state = CheckState.DONE
    except Exception as error:
        logger.exception("check %s failed", check_id)
        check.state, check.message = CheckState.FAILED, f"{type(error).__name__}: {error}"
    _tell(check)


def _batches(rows: QuerySet[VerifiedSolution]) -> Iterator[list[VerifiedSolution]]:
    """Each row once, however many leave or join ``rows`` meanwhile."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).only("text", "answer").order_by("pk")[:BATCH]):
        last = batch[-1].pk
        yield batch


def _judge(check: SolutionCheck, batch: list[VerifiedSolution], verifier: Verifier) -> None:
    verdicts = verifier.verify([(solution.text, solution.answer) for solution in batch])
    now = timezone.now()
    right = [solution.pk for solution, verdict in zip(batch, verdicts, strict=True) if verdict.correct]
    VerifiedSolution.objects.filter(pk__in=right).update(verifier=VERIFIER_VERSION, verified_at=now)
    for solution, verdict in zip(batch, verdicts, strict=True):
        if verdict.correct is False:
            check.rejected += withdraw(VerifiedSolution.objects.filter(pk=solution.pk), _words(verdict), now)
    check.undecided += sum(verdict.correct is None for verdict in verdicts)
    check.done += len(batch)
    check.total = max(check.total, check.done)
    _tell(check)


def _words(verdict: Verdict) -> str:
    return f"Verifier {VERIFIER_VERSION} finds it wrong: {verdict.reason}".replace("\x00", "")


def _tell(check: SolutionCheck) -> None:
    check.heartbeat_at = timezone.now()
    check.save(update_fields=["state", "total", "done", "rejected", "undecided", "message", "heartbeat_at"])
