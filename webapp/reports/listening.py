"""What happens to runs that concerns their reports."""

import logging
from typing import Any

from webapp.core.errors import UserError
from webapp.reports.catalogue import find
from webapp.reports.models import ReportRun
from webapp.reports.services import launch_missing
from webapp.runs.status import RunStatus

logger = logging.getLogger(__name__)


def on_run_moved(run_id: int, **_: Any) -> None:
    """A run has ended: what goes on from it begins. Only of runs that were sent to workers: others have a carrier."""
    links = ReportRun.objects.filter(run=run_id, chosen=False, run__status=RunStatus.SUCCEEDED)
    for link in links.exclude(run__queued_at=None).select_related("report"):
        try:
            known = find(link.report.slug)
            followers = [arm.slug for arm in known.definition.all_arms if arm.after == link.arm] if known else []
            if known and followers:
                launch_missing(known, link.report.owner, seeds=[link.seed], arms=followers, resume=False)
        except UserError as error:  # the report's page says what is missing, and offers it
            logger.warning("report %s: %s", link.report.slug, error.message)
