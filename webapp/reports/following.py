"""Begins what goes on from a run of a report once that has succeeded, each once.

Called as a run ends, and from time to time for what a process that died then left undone. It goes by the rows alone,
under a lock on the report's: whoever calls it, however often and from however many processes, an arm begins once. What
its user deletes afterwards stays deleted.
"""

import logging

from django.db import transaction

from webapp.core.errors import UserError
from webapp.reports.catalogue import find
from webapp.reports.models import Report, ReportRun
from webapp.reports.services import launch_missing
from webapp.runs.status import RunStatus

logger = logging.getLogger(__name__)

DUE = ReportRun.objects.filter(chosen=False, followed=False, run__status=RunStatus.SUCCEEDED).exclude(
    run__queued_at=None
)
"""Done, and what goes on from it not looked at yet. Runs that were sent to no worker have a carrier who goes on."""


def begin_all_followers() -> None:
    """Of every run that is done: whatever was missed is made up for."""
    for link in DUE.order_by("pk"):
        begin_followers(link)


def begin_followers(link: ReportRun) -> None:
    """What goes on from this run begins, unless that was seen to already."""
    try:
        with transaction.atomic():
            list(Report.objects.select_for_update().filter(pk=link.report_id))
            if due := DUE.select_related("report__owner").filter(pk=link.pk).first():
                _begin(due)
                ReportRun.objects.filter(pk=due.pk).update(followed=True)
    except UserError as error:  # after the commit: they wait for the broker
        logger.info("report run %s: %s", link.pk, error.message)


def _begin(link: ReportRun) -> None:
    try:
        known = find(link.report.slug)
        followers = [arm.slug for arm in known.definition.all_arms if arm.after == link.arm] if known else []
        if known and followers:
            launch_missing(known, link.report.owner, seeds=[link.seed], arms=followers, resume=False)
    except UserError as error:  # the report's page says what is missing, and offers it
        logger.warning("report %s: %s", link.report.slug, error.message)
