"""Turns and tool calls of responses become rows, in bulk."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg.types.json import Jsonb

from training.events import FAILED_CALLS, TOKEN_ARRAYS, RolloutGroup, RolloutRecord, ToolCallRecord, TraceRecord
from training.token_classes import TOKEN_CLASSES, classify
from webapp.inspection import models as rows
from webapp.runs.models import Run
from workers.ingest.copying import copy_rows
from workers.ingest.reading import clean

NAME_LENGTH = 120

TRACE_COLUMNS = {
    "rollout_id": "int8", "ending": "varchar", "turn_count": "int4", "call_count": "int4", "failed_count": "int4",
    "tool_tokens": "int4", "answers": "int4", "seconds": "float8", "turns": "jsonb",
    **{f"{name}_tokens": "int4" for name in TOKEN_CLASSES}, "diff": "text", "tests": "text",
}  # fmt: skip
CALL_COLUMNS = {
    "run_id": "int8", "rollout_id": "int8", "step": "int4", "split": "varchar", "index": "int4", "turn": "int4",
    "name": "varchar", "status": "varchar", "arguments": "text", "result": "text", "stdout": "text", "stderr": "text",
    "value": "text", "error": "text", "truncated": "bool", "start_token": "int4", "end_token": "int4",
    "began": "float8", "ended": "float8", "queue_s": "float8", "wall_s": "float8",
}  # fmt: skip


def store_traces(run: Run, rollouts: Sequence[tuple[RolloutGroup, RolloutRecord, int]]) -> None:
    """Store the traces of those stored rollouts, each with its group and key, that have one."""
    traced = [(group, rollout, rollout.trace, pk) for group, rollout, pk in rollouts if rollout.trace is not None]
    if not traced:
        return
    copy_rows(rows.RolloutTrace, TRACE_COLUMNS, (_trace_row(rollout, trace, pk) for _, rollout, trace, pk in traced))
    copy_rows(
        rows.ToolCall,
        CALL_COLUMNS,
        (
            _call_row(run, group, index, call, pk)
            for group, _, trace, pk in traced
            for index, call in enumerate(trace.calls)
        ),
    )


def _trace_row(rollout: RolloutRecord, trace: TraceRecord, pk: int) -> tuple[Any, ...]:
    turns = [turn.model_dump() for turn in trace.turns]
    drawn = sum(turn.end - turn.start for turn in trace.turns)
    failed = sum(call.status in FAILED_CALLS for call in trace.calls)
    return (
        pk, trace.ending, len(turns), len(trace.calls), failed, max(rollout.length - drawn, 0), trace.answers,
        trace.seconds, Jsonb(turns), *_class_counts(rollout), clean(trace.diff), clean(trace.tests),
    )  # fmt: skip


def _class_counts(rollout: RolloutRecord) -> list[int]:
    """How many of its most uncertain tokens are of each class; none where its tokens were not kept."""
    ends, entropies, mask = (_array(rollout, name) for name in ("end", "entropy", "mask"))
    known = [array for array in (ends, entropies, mask) if array is not None]
    if ends is None or entropies is None or len({len(array) for array in known}) > 1:
        return [0] * len(TOKEN_CLASSES)
    return list(classify(rollout.text, ends, entropies, mask).counts.values())


def _array(rollout: RolloutRecord, name: str) -> npt.NDArray[Any] | None:
    if name not in rollout.tokens:
        return None
    raw, dtype = b64decode(rollout.tokens[name]), np.dtype(TOKEN_ARRAYS[name])
    return np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype)


def _call_row(run: Run, group: RolloutGroup, index: int, call: ToolCallRecord, pk: int) -> tuple[Any, ...]:
    texts = (call.arguments, call.result, call.stdout, call.stderr, call.value, call.error)
    return (
        run.pk, pk, group.step, group.split, index, call.turn, clean(call.name)[:NAME_LENGTH], call.status,
        *map(clean, texts), call.truncated, call.start, call.end, call.began, call.ended, call.queue_s, call.wall_s,
    )  # fmt: skip
