"""Everything the database holds of a run, so that two runs can be compared.

Left out are keys, clock times, and the sizes of checkpoints: a state that was loaded once is pickled a bit longer.
"""

from typing import Any

from webapp.inspection import models as inspection
from webapp.runs.models import Alert, Checkpoint, MetricPoint, MetricRollup, Run
from webapp.search import models as search

TIMED = ("time/", "speed/", "system/")
"""Metrics that differ between two runs of the same seed."""
ARRAYS = [field.name for field in inspection.RolloutTokens._meta.fields if field.name.endswith("_array")]


def of_run(run: Run) -> dict[str, list[Any]]:
    """The rows of each table, sorted."""
    points = MetricPoint.objects.filter(series__run=run).values_list("series__name", "step", "value")
    rollups = MetricRollup.objects.filter(series__run=run).values_list(
        "series__name", "level", "bin", "minimum", "maximum", "total", "count", "last", "last_step"
    )
    groups = inspection.RolloutGroup.objects.filter(run=run).values_list(
        "step", "split", "index", "prompt__problem_id", "prompt__text", "prompt__answer", "trained",
        "weights_version", "size", "reward_mean", "reward_std", "correct_count", "length_mean",
    )  # fmt: skip
    rollouts = inspection.Rollout.objects.filter(run=run).values_list(
        "step", "split", "group__index", "index", "reward", "advantage", "correct", "extracted", "finish_reason",
        "length", "greedy", "cached", "selected", "weights_version", "parts", "body__text",
        *(f"tokens__{name}" for name in ARRAYS),
    )  # fmt: skip
    calls = inspection.ToolCall.objects.filter(run=run).values_list(
        "step", "split", "rollout__group__index", "rollout__index", "index", "turn", "name", "status", "arguments",
        "result", "stdout", "stderr", "value", "error", "truncated", "start_token", "end_token",
    )  # fmt: skip
    traces = inspection.RolloutTrace.objects.filter(rollout__run=run).values_list(
        "rollout__step", "rollout__split", "rollout__group__index", "rollout__index", "ending", "turn_count",
        "call_count", "failed_count", "tool_tokens", "answers",
    )  # fmt: skip
    run.refresh_from_db()
    return {
        "calls": sorted(calls),
        "traces": sorted(traces),
        "points": sorted(row for row in points if not row[0].startswith(TIMED)),
        "rollups": sorted(row for row in rollups if not row[0].startswith(TIMED)),
        "prompts": sorted(inspection.Prompt.objects.filter(run=run).values_list("problem_id", "text", "answer")),
        "groups": sorted(groups),
        "rollouts": sorted((tuple(map(_plain, row)) for row in rollouts), key=lambda row: row[:4]),
        "checkpoints": [
            (*row, removed is None)
            for *row, removed in Checkpoint.objects.filter(run=run)
            .order_by("step")
            .values_list("step", "path", "score", "best", "removed_at")
        ],
        "alerts": sorted(Alert.objects.filter(run=run).values_list("step", "code", "severity", "message", "metric")),
        "run": [
            run.step,
            run.total_steps,
            sorted(item for item in run.latest.items() if not item[0].startswith(TIMED)),
        ],
    }


def of_searches(run: Run) -> dict[str, list[Any]]:
    """The rows of a run's searches, sorted, without what is no whole number or text: sums of floats go with the
    company that sequences are computed in, which is another after an interruption."""
    trees = search.SearchTree.objects.filter(run=run).values_list(
        "step", "split", "index", "prompt__problem_id", "group__index", "nodes", "ends", "right_ends", "expansions",
        "depth", "tokens", "prefix_tokens", "solved", "uniform", "exhausted", "first_solved", "why_kept", "stored",
        "body__trajectories",
    )  # fmt: skip
    nodes = search.SearchNode.objects.filter(tree__run=run).values_list(
        "tree__step", "tree__index", "number", "parent", "depth", "tokens", "status", "visits", "trajectories",
        "recorded", "born",
    )  # fmt: skip
    texts = search.SearchNodeText.objects.filter(tree__run=run).values_list(
        "tree__step", "tree__index", "number", "text", "token_ids"
    )
    solutions = search.VerifiedSolution.objects.filter(found_by=run).values_list(
        "problem", "key", "problem_id", "text", "length", "found_step", "tree__index", "node", "times_used"
    )
    uses = search.SolutionUse.objects.filter(run=run).values_list("step", "solution__problem", "solution__key")
    rollouts = inspection.Rollout.objects.filter(run=run, split="train").values_list(
        "step", "group__index", "index", "correct", "finish_reason", "length", "cached", "body__text"
    )
    tables = {
        "trees": trees, "nodes": nodes, "texts": texts, "solutions": solutions, "uses": uses, "rollouts": rollouts
    }  # fmt: skip
    return {name: sorted((tuple(map(_plain, row)) for row in rows), key=str) for name, rows in tables.items()}


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
