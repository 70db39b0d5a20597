"""What a run has of the cache of verified solutions."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from webapp.runs.models import MetricPoint, Run
from webapp.search.models import SolutionUse, VerifiedSolution

SHARE_METRIC = "cache/reuse_share"


@dataclass(frozen=True, slots=True)
class Reuse:
    """Figures for the page of a run."""

    problems: int
    """With a valid solution that this run found or used."""
    found: int
    """Valid solutions that it was the first to find."""
    share: float | None
    """Of the problems of the latest step, those that were answered from the cache."""
    step: int | None
    times_used: int
    tokens_saved: int


def uses_cache(run: Run) -> bool:
    """Whether its method keeps verified solutions, and it is switched on."""
    cache = run.config.get("method", {}).get("cache") or {}
    return run.method == "deepsearch" and bool(cache.get("enabled", True))


def of_run(run: Run) -> Reuse:
    used = SolutionUse.objects.filter(run=run)
    known = VerifiedSolution.objects.filter(
        Q(found_by=run) | Q(pk__in=used.values("solution")), invalid_at=None
    ).aggregate(problems=Count("problem", distinct=True), found=Count("pk", filter=Q(found_by=run)))
    figures = used.aggregate(times=Count("pk"), saved=Sum("tokens_saved"))
    latest = (
        MetricPoint.objects.filter(series__run=run, series__name=SHARE_METRIC)
        .order_by("-step")
        .values_list("step", "value")
        .first()
    )
    return Reuse(
        problems=known["problems"],
        found=known["found"],
        share=latest[1] if latest else None,
        step=latest[0] if latest else None,
        times_used=figures["times"],
        tokens_saved=figures["saved"] or 0,
    )
