"""The same pages as JSON, for scripts: ``?format=json`` on any of them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, JsonResponse

from webapp.inspection.comparison import Comparison
from webapp.inspection.group_page import GroupPage
from webapp.inspection.listing import Listing
from webapp.inspection.models import Rollout, RolloutGroup
from webapp.inspection.rollout_page import RolloutPage
from webapp.inspection.step_page import StepPage
from webapp.inspection.trace import TraceView

Json = dict[str, Any]
ROLLOUT_FIELDS = (
    "id", "step", "split", "index", "reward", "advantage", "correct", "finish_reason", "length", "greedy",
    "cached", "selected", "weights_version",
)  # fmt: skip
CALL_FIELDS = (
    "id", "turn", "name", "status", "arguments", "result", "stdout", "stderr", "value", "error", "truncated",
    "start_token", "end_token", "began", "ended", "queue_s", "wall_s",
)  # fmt: skip
GROUP_FIELDS = (
    "id", "step", "split", "index", "trained", "weights_version", "size", "reward_mean", "reward_std", "correct_count",
    "length_mean",
)  # fmt: skip


def wants_json(request: HttpRequest) -> bool:
    return request.GET.get("format") == "json"


def answer(content: Mapping[str, Any]) -> JsonResponse:
    return JsonResponse(dict(content), json_dumps_params={"ensure_ascii": False})


def _rollout(rollout: Rollout, **more: Any) -> Json:
    return {name: getattr(rollout, name) for name in ROLLOUT_FIELDS} | {"group": rollout.group_id} | more


def _group(group: RolloutGroup, **more: Any) -> Json:
    return {name: getattr(group, name) for name in GROUP_FIELDS} | more


def listing(page: Listing) -> Json:
    rows = [
        _rollout(
            row, problem=_extra(row, "problem"), answer=_extra(row, "answer"), **_told(row, "turns", "calls", "failed")
        )
        for row in page.page.rows
    ]
    return {
        "run": page.run.pk,
        "sort": page.sort,
        "rollouts": rows,
        "errors": page.filter.errors.get_json_data(),
        "next": page.page.next_cursor or None,
    }


def step(page: StepPage) -> Json:
    summary = asdict(page.summary)
    summary["histogram"] = summary.pop("bars")
    shares = {name: getattr(page.summary, name) for name in ("accuracy", "truncated_share", "equal_share")}
    return {
        "run": page.run.pk,
        "split": page.split.value,
        "asked_step": page.steps.asked,
        "step": page.steps.shown,
        "previous_step": page.steps.previous,
        "next_step": page.steps.next,
        "partial": page.partial or None,
        "summary": summary | shares,
        "groups": [_group(row, problem=_extra(row, "problem")) for row in page.groups.rows],
        "next": page.groups.next_cursor or None,
        "samples": {title.lower(): _rollout(row, excerpt=_extra(row, "excerpt")) for title, row in page.samples},
    }


def group(page: GroupPage) -> Json:
    prompt = page.group.prompt
    siblings = [
        _rollout(
            each.rollout,
            extracted=each.rollout.extracted,
            parts=each.rollout.parts,
            text=page.folded + each.parting.first + each.parting.rest,
            characters_left_out=each.unread,
        )
        for each in page.siblings
    ]
    return _group(
        page.group,
        run=page.group.run_id,
        problem_id=prompt.problem_id,
        prompt=prompt.text,
        reference=prompt.answer,
        common_prefix=page.folded,
        expert=page.group.expert,
        siblings=siblings,
        history=[asdict(asked) for asked in page.history],
        previous=page.previous,
        next=page.next,
    )


def rollout(page: RolloutPage) -> Json:
    row, prompt = page.rollout, page.rollout.group.prompt
    return _rollout(
        row,
        run=row.run_id,
        prompt=prompt.text,
        reference=prompt.answer,
        extracted=row.extracted,
        expert=row.group.expert,
        fault=page.beside.fault if page.beside else None,
        parts=[asdict(part) | {"contribution": part.contribution} for part in page.parts],
        text=page.text,
        tokens=None if page.strip is None or page.arrays is None
        else page.strip.values | {"end": page.arrays.ends.tolist(), "text": page.arrays.pieces(page.text)},
        push=None if page.push is None else page.push.total.tolist(),
        weight=None if page.push is None else asdict(page.push.weight),
        steps=None if page.tree_credit is None else [
            {"node": each.path.node, "first": each.first, "end": each.end, "q": each.path.q, "score": each.score,
             "advantage": each.advantage}
            for each in page.tree_credit.steps
        ],
        trace=None if page.trace is None else _trace(page.trace),
        untrained=page.untrained or None,
        siblings=[_rollout(sibling) for sibling in page.siblings],
    )  # fmt: skip


def _trace(trace: TraceView) -> Json:
    calls = [{name: getattr(call.row, name) for name in CALL_FIELDS} for call in trace.calls]
    return {"ending": trace.row.ending, "seconds": trace.row.seconds, "turns": trace.row.turns, "calls": calls}


def comparison(page: Comparison) -> Json:
    return {
        "a": _rollout(page.left, text=page.left_text),
        "b": _rollout(page.right, text=page.right_text),
        "by": page.by,
        "similarity": page.difference.similarity,
        "shared_start": page.difference.shared_start,
        "blocks": [asdict(block) for block in page.difference.blocks],
        "first_turn": page.traces.first.number if page.traces and page.traces.first else None,
        "not_compared": {"a": page.difference.left_rest, "b": page.difference.right_rest},
    }


def _told(row: Rollout, *names: str) -> Json:
    """Those of the values that the query added to the row."""
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def _extra(row: Any, name: str) -> Any:
    """A value that the query added to the row."""
    return getattr(row, name)
