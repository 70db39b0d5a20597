"""What changes verified solutions: invalidate, reinstate, have them judged again.

Every change moves ``changed_at`` on, by which the workers of running runs notice it.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from training.rewards import VERIFIER_VERSION
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.search.checks import ACTIVE, SolutionCheck
from webapp.search.models import VerifiedSolution
from workers import queue

LONGEST_REASON = 1000

OLDER = Q(verifier__lt=VERIFIER_VERSION) | Q(verifier__gt=VERIFIER_VERSION)
"""Judged by another version of the verifier; said so that an index finds the few among the many."""


def withdraw(rows: QuerySet[VerifiedSolution], reason: str, at: datetime, by: User | None = None) -> int:
    """Invalidate those of ``rows`` that are valid; returns how many were. Without ``by``, a verifier said so."""
    return rows.filter(invalid_at=None).update(
        invalid_at=at, invalid_reason=reason[:LONGEST_REASON], invalidated_by=by, changed_at=Now()
    )


def invalidate(solution: VerifiedSolution, reason: str, by: User) -> None:
    """A person's judgement. Raises UserError without a reason, or when it is invalid already."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise UserError("Say why this solution is wrong: others will read it, and may have to judge it again.")
    if not withdraw(VerifiedSolution.objects.filter(pk=solution.pk), reason, timezone.now(), by):
        raise UserError("This solution has been invalidated already.", status=409)


def reinstate(solution: VerifiedSolution) -> None:
    """Let it count again. Raises UserError when it does."""
    invalid = VerifiedSolution.objects.filter(pk=solution.pk, invalid_at__isnull=False)
    if not invalid.update(invalid_at=None, invalid_reason="", invalidated_by=None, changed_at=Now()):
        raise UserError("This solution is valid already.", status=409)


def of_older_versions() -> QuerySet[VerifiedSolution]:
    """Valid solutions that the verifier of today has not judged."""
    return VerifiedSolution.objects.filter(OLDER, invalid_at=None)


def judged_by(check: SolutionCheck) -> QuerySet[VerifiedSolution]:
    """The solutions that a check is about. Invalid ones stay out: whoever withdrew them knew why."""
    valid = VerifiedSolution.objects.filter(invalid_at=None)
    if check.solution_id is not None:
        return valid.filter(pk=check.solution_id)
    return valid.filter(problem=check.problem) if check.problem else of_older_versions()


def latest_check(solution: VerifiedSolution | None = None, problem: str = "") -> SolutionCheck | None:
    """The newest check of exactly this."""
    return SolutionCheck.objects.filter(solution=solution, problem=problem).first()


@transaction.atomic
def ask_for_check(by: User, solution: VerifiedSolution | None = None, problem: str = "") -> SolutionCheck:
    """Have a worker judge them again. Raises UserError while the same is under way, or with nothing to judge."""
    check = SolutionCheck(solution=solution, problem=problem, created_by=by)
    check.total = judged_by(check).count()
    if not check.total:
        raise UserError("No valid solution is left to judge again.")
    same = Q(solution=solution, problem=problem, state__in=ACTIVE)
    if any(each.is_active for each in SolutionCheck.objects.select_for_update().filter(same)):
        raise UserError("These solutions are being judged again already.", status=409)
    check.save()
    queue.verify_solutions(check.pk)
    return check
