"""What only an onlooker can notice: a phase that hangs, a worker that fell silent, a run nobody takes up.

What the figures themselves reveal is said by the trainer, as alerts; the page shows both in one list.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Aggregate, Count, FloatField

from training.finishing import CODE as FINISHED_BY_RULE
from webapp.core.templatetags.espalier import duration
from webapp.runs.charts import key_for
from webapp.runs.models import Alert, MetricPoint, Run
from webapp.runs.progress import seconds_in_phase
from webapp.runs.queueing import places
from webapp.runs.status import ACTIVE, RunStatus

STUCK_FACTOR = 6.0
"""A phase that lasts this many times its median is stuck: the slowest of ordinary ones stay well below."""
STUCK_SECONDS = 30.0
"""Shorter phases are never called stuck: a busy machine can stretch a short one sixfold."""
STUCK_HISTORY = 3
"""A median of fewer steps says nothing."""
LOADING_SECONDS = 600.0
"""Loading happens once, so that it has no median; ten minutes are enough for a large model from a slow disk."""
SILENT_SECONDS = 20.0
"""A worker says every second that it is there."""
WAITING_SECONDS = 20.0
"""A free worker takes a queued run at once."""
FRESH_STEPS = 20
"""A warning of so many steps ago is shown above the charts of a live run."""
MOST_NOTICES = 2
WINDOW_STEPS = 25
"""Steps shown to either side of what was found."""
SEVERITIES = {"error": ("✕", "Error", "bad"), "warning": ("⚠", "Warning", "warn"), "info": ("ⓘ", "Note", "info")}
"""Icon, word and tone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about a run's health, and what to try."""

    severity: str
    message: str
    advice: str
    step: int | None = None
    metric: str = ""
    at: datetime | None = None

    @property
    def window(self) -> tuple[int, int]:
        """First and last step to show around it."""
        step = self.step or 0
        return max(0, step - WINDOW_STEPS), step + WINDOW_STEPS

    @property
    def chart(self) -> str:
        """Key of the chart that shows it; empty for none."""
        return key_for(self.metric) if self.metric else ""

    @property
    def icon(self) -> str:
        return SEVERITIES[self.severity][0]

    @property
    def word(self) -> str:
        return SEVERITIES[self.severity][1]

    @property
    def tone(self) -> str:
        return SEVERITIES[self.severity][2]


class Median(Aggregate):
    """The middle value of a column."""

    template = "percentile_cont(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def findings(run: Run, now: datetime) -> list[Finding]:
    """Everything there is to say, what needs attention now first."""
    return [*present_findings(run, now), *(_of_alert(alert) for alert in run.alerts.all())]


def notices(run: Run, now: datetime) -> list[Finding]:
    """What somebody who looks at a run should see at once: present faults, the newest warnings, an early end."""
    found = present_findings(run, now)
    if run.state in ACTIVE:
        fresh = run.alerts.exclude(severity="info").filter(step__gte=max(0, run.step - FRESH_STEPS))
        found += [_of_alert(alert) for alert in fresh[:MOST_NOTICES]]
    elif run.state == RunStatus.SUCCEEDED:
        found += [_of_alert(alert) for alert in run.alerts.filter(code=FINISHED_BY_RULE)]
    return found


def present_findings(run: Run, now: datetime) -> list[Finding]:
    """What is wrong at this moment, whatever the trainer says."""
    found = [_waiting(run, now)] if run.state == RunStatus.QUEUED else []
    if run.state in ACTIVE:
        found = [_silent(run, now) or _stuck(run, now)]  # of a silent worker nothing else is known
    return [finding for finding in found if finding is not None]


def _waiting(run: Run, now: datetime) -> Finding | None:
    queued = run.queued_at or run.created_at
    waited = (now - max(queued, run.heartbeat_at or queued)).total_seconds()  # one that lost its worker was not waiting
    if waited < WAITING_SECONDS:
        return None
    place = places().get(run.pk)
    if place is None or place.before:
        return None
    if place.is_stuck:
        return Finding("warning", place.waits_for, "The page Workers says how to start one, and which there are.")
    if not place.is_ready:
        return Finding("info", place.waits_for, "More workers train more runs at a time.")
    return Finding(
        "warning",
        f"No worker has taken this run for {duration(waited)}, though one is free.",
        "See whether the workers reach the message broker; their log says so.",
    )


def _silent(run: Run, now: datetime) -> Finding | None:
    if run.heartbeat_at is None or (silence := (now - run.heartbeat_at).total_seconds()) < SILENT_SECONDS:
        return None
    return Finding(
        "error",
        f"The worker {run.host or 'of this run'} has been silent for {duration(silence)}.",
        "See whether its machine and process are up. If it stays silent the run is marked as lost, and can be resumed "
        "from its last checkpoint.",
        step=run.step,
    )


def _stuck(run: Run, now: datetime) -> Finding | None:
    lasted = seconds_in_phase(run, now)
    if lasted is None or lasted < STUCK_SECONDS:
        return None
    usual = usual_seconds(run)
    if usual is None:
        if run.phase != "loading" or lasted < LOADING_SECONDS:
            return None
        message = f"Loading has lasted {duration(lasted)}."
    elif lasted < STUCK_FACTOR * usual:
        return None
    else:
        message = f"{run.phase.capitalize()} has lasted {duration(lasted)}, {lasted / usual:.0f}× its median."
    advice = "Look at the log. If nothing moves, stop now and resume from the last checkpoint."
    return Finding("error", message, advice, step=run.step, metric=f"time/{run.phase}_s")


def usual_seconds(run: Run) -> float | None:
    """Median duration of the phase that the run is in; None while too few steps have had it."""
    past = MetricPoint.objects.filter(series__run=run, series__name=f"time/{run.phase}_s", value__gt=0)
    seen = past.aggregate(median=Median("value"), count=Count("value"))
    return seen["median"] if seen["count"] >= STUCK_HISTORY else None


def _of_alert(alert: Alert) -> Finding:
    severity = alert.severity if alert.severity in SEVERITIES else "warning"
    return Finding(severity, alert.message, alert.advice, alert.step, alert.metric, alert.at)
