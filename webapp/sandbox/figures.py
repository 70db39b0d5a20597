"""Latency and throughput over time, from the workers' samples.

A sample counts its calls by the logarithm of their duration, so that percentiles of many samples and workers come from
sums, to within 6 %.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from training.sandbox.types import INFRASTRUCTURE
from webapp.sandbox.models import BUCKETS_A_DECADE, SAMPLE_S, SandboxSample

WINDOWS = {"15m": (15, "15 minutes"), "1h": (60, "hour"), "6h": (360, "6 hours"), "24h": (1440, "24 hours")}
"""Minutes, and the words after "last"."""
DEFAULT_WINDOW = "1h"
POINTS = 180
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def percentile(counts: Mapping[str, int], share: float) -> float | None:
    """Milliseconds below which this share of the counted durations lies; None for none."""
    left = share * sum(counts.values())
    for bucket in sorted(counts, key=int):
        left -= counts[bucket]
        if left <= 0:
            return round(10 ** ((int(bucket) + 0.5) / BUCKETS_A_DECADE), 2)
    return None


def read_figures(window: str) -> dict[str, Any]:
    """Columns of the charts, a point for each of `POINTS` stretches of the window in which calls ended.

    ``at``: end of the stretch, seconds since the epoch; ``p50``, ``p95``, ``p99``: milliseconds from asking to
    answering; ``wall``: the median of the programs' own time; ``rate``: calls a second; ``failed``: those that the
    service failed; ``waiting``: the longest queue inside the sandboxes.
    """
    minutes, _ = WINDOWS[window]
    step = max(minutes * 60 / POINTS, 2 * SAMPLE_S)
    until = timezone.now()
    rows = SandboxSample.objects.filter(at__gt=until - timedelta(minutes=minutes)).values_list(
        "at", "outcomes", "total", "wall", "queued"
    )
    stretches: dict[int, _Stretch] = defaultdict(_Stretch)
    for at, outcomes, total, wall, queued in rows:
        stretches[int(at.timestamp() // step)].add(outcomes, total, wall, queued)
    begin, end = (until - timedelta(minutes=minutes)).timestamp(), until.timestamp()
    # Whole stretches only: calls a second of the one that is under way would look like a fall.
    whole = [number for number in sorted(stretches) if number * step >= begin and (number + 1) * step <= end]
    points = [stretches[number].point((number + 1) * step, step) for number in whole]
    columns = {name: [point[name] for point in points] for name in (points[0] if points else ())}
    return {"window": window, "from": begin, "until": end, "step": step, "columns": columns}


class _Stretch:
    """What is added up for a point."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self.wall: Counter[str] = Counter()
        self.queued = 0

    def add(self, outcomes: dict[str, int], total: dict[str, int], wall: dict[str, int], queued: int) -> None:
        self.outcomes.update(outcomes)
        self.total.update(total)
        self.wall.update(wall)
        self.queued = max(self.queued, queued)

    def point(self, at: float, step: float) -> dict[str, float | int | None]:
        failed = sum(self.outcomes[status] for status in INFRASTRUCTURE)
        return {
            "at": at,
            **{name: percentile(self.total, share) for name, share in SHARES.items()},
            "wall": percentile(self.wall, 0.5),
            "rate": round(sum(self.outcomes.values()) / step, 3),
            "failed": failed,
            "waiting": self.queued,
        }
