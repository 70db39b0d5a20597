"""How pages of runs show the cache of verified solutions: those pages belong to an app below this one."""

from typing import Any

from django import template

from webapp.runs.models import Run
from webapp.search import reuse

register = template.Library()


@register.inclusion_tag("search/solutions_run.html")
def run_solutions(run: Run) -> dict[str, Any]:
    """What the run has of the cache; nothing where its method has none."""
    return {"run": run, "reuse": reuse.of_run(run) if reuse.uses_cache(run) else None}
