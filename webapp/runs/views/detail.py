"""The pages of one run that show what it is and how it goes."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import yaml
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from webapp.runs import series
from webapp.runs.charts import ON_REASONING_PAGE, REASONING, SECTIONS, Drawn, charts_of
from webapp.runs.config_table import declared_order, rows_of
from webapp.runs.configure.after_memory import report_of
from webapp.runs.health import findings, notices
from webapp.runs.models import Run
from webapp.runs.overoptimisation import pays_by_model
from webapp.runs.progress import progress_of
from webapp.runs.queueing import places
from webapp.runs.reflection import first_appearances
from webapp.runs.selection import selection_of
from webapp.runs.status import RESUMABLE, RunStatus
from webapp.runs.views.common import get_run

MOST_MARKS = 200
STEP_PLACE = 987_654_321
"""Stands for the step in an address that the page's script completes."""


def overview(request: HttpRequest, run_id: int) -> HttpResponse:
    """Every chart that the run has figures for."""
    run = get_run(run_id)
    names = series.names_of(run.pk)
    drawn = [each for each in charts_of(names) if each.chart.section != REASONING]
    sections = [(name, [each for each in drawn if each.chart.section == name]) for name in SECTIONS]
    context = page_of(run, timezone.now()) | _charts_context(run, drawn, len(names))
    shown = {"tab": "overview", "sections": [s for s in sections if s[1]], "selection": selection_of(run)}
    return render(request, "runs/detail_overview.html", context | shown)


def reasoning(request: HttpRequest, run_id: int) -> HttpResponse:
    """Whether responses grow and look back at themselves."""
    run = get_run(run_id)
    names = series.names_of(run.pk)
    drawn = [each for each in charts_of(names) if each.chart.key in ON_REASONING_PAGE]
    drawn.sort(key=lambda each: ON_REASONING_PAGE.index(each.chart.key))
    words = first_appearances(run)
    context = page_of(run, timezone.now()) | _charts_context(run, drawn, len(names), words)
    return render(request, "runs/detail_reasoning.html", context | {"tab": "reasoning", "drawn": drawn, "words": words})


def health(request: HttpRequest, run_id: int) -> HttpResponse:
    run = get_run(run_id)
    now = timezone.now()
    context = page_of(run, now) | {"tab": "health", "findings": findings(run, now)}
    return render(request, "runs/detail_health.html", context)


def config(request: HttpRequest, run_id: int) -> HttpResponse:
    """The resolved config; with ``all``, also what stands at its default."""
    run = get_run(run_id)
    rows = rows_of(run.config)
    shown = rows if request.GET.get("all") else [row for row in rows if row.changed]
    as_yaml = _as_yaml(run)
    context = page_of(run, timezone.now()) | {
        "tab": "config", "rows": shown, "total": len(rows), "changed": sum(row.changed for row in rows),
        "yaml": as_yaml,
    }  # fmt: skip
    return render(request, "runs/detail_config.html", context)


def config_file(request: HttpRequest, run_id: int, kind: str) -> HttpResponse:
    """The config as a file that a new run can be made from."""
    run = get_run(run_id)
    if kind == "json":
        text, content_type = json.dumps(declared_order(run.config), indent=2) + "\n", "application/json"
    elif kind == "yaml":
        text, content_type = _as_yaml(run), "application/yaml"
    else:
        raise Http404
    disposition = f'attachment; filename="run-{run.pk}.{kind}"'
    return HttpResponse(text, content_type=content_type, headers={"Content-Disposition": disposition})


def _as_yaml(run: Run) -> str:
    return str(yaml.safe_dump(declared_order(run.config), sort_keys=False, allow_unicode=True))


def page_of(run: Run, now: datetime) -> dict[str, Any]:
    """What the frame of every page of a run shows: its head, its notices, what can be done."""
    return {
        "nav": "runs",
        "run": run,
        "progress": progress_of(run, now),
        "place": places().get(run.pk) if run.state == RunStatus.QUEUED else None,
        "notices": notices(run, now),
        "memory_report": report_of(run) if run.state == RunStatus.FAILED else None,
        "alert_count": run.alerts.exclude(severity="info").count(),
        "can_stop": not run.state.is_terminal,
        "is_stopping": run.state == RunStatus.STOPPING,
        "can_resume": run.state in RESUMABLE,
        "newest": run.checkpoints.filter(removed_at=None).last(),
        "step_place": STEP_PLACE,
        "pays_by_model": pays_by_model(run),
    }


def charts_version(metrics: int, alerts: int) -> str:
    """Changes when there are charts or marks that a page does not have yet."""
    return f"{metrics}.{alerts}"


def _charts_context(
    run: Run, drawn: list[Drawn], metrics: int, words: Sequence[tuple[str, int]] = ()
) -> dict[str, Any]:
    """What the page's script draws: charts, and marks on them for alerts and first appearances."""
    alerts = list(run.alerts.all())
    marks = [
        {"step": alert.step, "metric": alert.metric, "text": alert.message, "severity": alert.severity}
        for alert in alerts[:MOST_MARKS]
    ]
    for word, step in words:
        said = {"text": f"first “{word}”", "severity": "word", "label": word}
        marks.append({"step": step, "metric": "reflection/per_1k_tokens"} | said)
    return {
        "charts": [each.as_json(run.pk) for each in drawn],
        "marks": marks,
        "version": charts_version(metrics, len(alerts)),
    }
