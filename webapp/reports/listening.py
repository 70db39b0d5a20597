"""What happens to runs that concerns their reports."""

from typing import Any

from webapp.reports.following import DUE, begin_followers


def on_run_moved(run_id: int, **_: Any) -> None:
    """A run has ended: what goes on from it begins."""
    for link in DUE.filter(run=run_id):
        begin_followers(link)
