"""The sandboxes of several workers as one."""

from collections import Counter
from collections.abc import Sequence

from training.sandbox.types import Percentiles, SandboxStatus

SHOWN_FAILURES = 20


def merged(statuses: Sequence[SandboxStatus], waiting: int = 0, oldest_s: float = 0.0) -> SandboxStatus:
    """All of them; `waiting` calls have reached none, the first of these `oldest_s` ago."""
    outcomes: Counter[str] = Counter()
    for status in statuses:
        outcomes.update(status.outcomes)
    failures = sorted((each for status in statuses for each in status.failures), key=lambda each: -each.at)
    return SandboxStatus(
        tier=", ".join(sorted({status.tier for status in statuses})),
        python=", ".join(sorted({status.python for status in statuses})),
        zygotes=sum(status.zygotes for status in statuses),
        slots=sum(status.slots for status in statuses),
        in_flight=sum(status.in_flight for status in statuses),
        queued=waiting + sum(status.queued for status in statuses),
        oldest_queue_s=max([oldest_s, *(status.oldest_queue_s for status in statuses)]),
        restarts=sum(status.restarts for status in statuses),
        started=min((status.started for status in statuses), default=0.0),
        outcomes=dict(outcomes),
        wall=slowest([status.wall for status in statuses]),
        total=slowest([status.total for status in statuses]),
        failures=failures[:SHOWN_FAILURES],
    )


def slowest(each: Sequence[Percentiles]) -> Percentiles:
    """Percentiles cannot be merged; those of the slowest worker bound those of all."""
    if not each:
        return Percentiles()
    return Percentiles(max(p.p50 for p in each), max(p.p95 for p in each), max(p.p99 for p in each))
