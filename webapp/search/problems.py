"""Problems in lists that may mix runs: each without what its own run's template writes around every one."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db import connection
from django.db.models import Case, CharField, Value, When

from webapp.inspection.models import Prompt
from webapp.inspection.prefixes import Frame, frame_of
from webapp.inspection.prompts import FRAME_PROMPTS, problem_text

_FIRST_PROMPTS = f"""
SELECT asked.run, prompt.text FROM unnest(%s::bigint[]) AS asked(run)
CROSS JOIN LATERAL (
    SELECT text FROM {Prompt._meta.db_table} WHERE run_id = asked.run ORDER BY problem_id LIMIT {FRAME_PROMPTS}
) AS prompt
"""  # noqa: S608  # names and numbers of our own


def frames_of(runs: Collection[int]) -> dict[int, Frame]:
    """What each run's template writes around its problems, read off a few of its prompts; one query for all runs."""
    texts: defaultdict[int, list[str]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_PROMPTS, [list(runs)])
        for run, text in cursor.fetchall():
            texts[run].append(text)
    return {run: frame_of(texts[run]) for run in runs}


def problem_lines(prompts: Mapping[int, int]) -> dict[int, str]:
    """The beginning of the problem of each prompt; ``prompts`` maps prompts to their runs."""
    runs_by_frame: defaultdict[Frame, list[int]] = defaultdict(list)
    for run, frame in frames_of(set(prompts.values())).items():
        runs_by_frame[frame].append(run)
    cases = [When(run__in=runs, then=problem_text(frame, "text")) for frame, runs in runs_by_frame.items()]
    line = Case(*cases, default=Value(""), output_field=CharField())
    return dict(Prompt.objects.filter(pk__in=prompts).values_list("pk", line)) if cases else {}
