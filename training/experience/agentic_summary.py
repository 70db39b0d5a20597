"""Figures of responses that call tools. Their meanings stand in `training.events.metrics`."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from training.agent.loop import LoopClock
from training.agent.trace import ToolCall, Trace
from training.codec import Codec
from training.events import FAILED_CALLS, CallStatus
from training.experience.types import Floats, Group, Rollout
from training.token_classes import TOKEN_CLASSES, ClassedTokens, classify

KINDS: tuple[CallStatus, ...] = (*FAILED_CALLS, "infrastructure", "unanswered")


def summarise_traces(groups: Sequence[Group]) -> dict[str, float]:
    """Turns, calls, failures by kind, and how long tools took; nothing where no response may call any."""
    traced = [(rollout, rollout.trace) for group in groups for rollout in group.rollouts if rollout.trace is not None]
    if not traced:
        return {}
    calls = [call for _, trace in traced for call in trace.calls]
    return _of_responses(traced) | _of_calls(calls)


def summarise_clock(clock: LoopClock) -> dict[str, float]:
    """Share of the time in which the engine had nothing to decode; nothing where there was no such time."""
    return {"speed/engine_idle_share": clock.idle / clock.seconds} if clock.seconds else {}


def summarise_classes(rollouts: Sequence[Rollout], codec: Codec) -> dict[str, float]:
    """Most uncertain tokens of a response by what they do, and the mean entropy where they do it."""
    if not rollouts:
        return {}
    classed = [
        classify(rollout.text, codec.token_ends(rollout.token_ids, rollout.text), rollout.entropies, rollout.mask)
        for rollout in rollouts
    ]
    figures = {f"classes/{name}": fmean(float(tokens.counts[name]) for tokens in classed) for name in TOKEN_CLASSES}
    return figures | _entropies([rollout.entropies for rollout in rollouts], classed)


def _entropies(entropies: Sequence[Floats], classed: Sequence[ClassedTokens]) -> dict[str, float]:
    places = {
        "classes/entropy_after_result": [tokens.after_result for tokens in classed],
        "classes/entropy_in_call": [tokens.in_call for tokens in classed],
        "classes/entropy_elsewhere": [tokens.drawn & ~tokens.after_result & ~tokens.in_call for tokens in classed],
    }
    figures = {}
    for name, masks in places.items():
        there = np.concatenate([array[mask] for array, mask in zip(entropies, masks, strict=True)])
        if there.size:
            figures[name] = float(there.mean(dtype=np.float64))
    return figures


def _of_responses(traced: Sequence[tuple[Rollout, Trace]]) -> dict[str, float]:
    count = len(traced)
    endings = Counter(trace.ending for _, trace in traced)
    return {
        "tools/turns_mean": sum(len(trace.turns) for _, trace in traced) / count,
        "tools/calls_mean": sum(len(trace.calls) for _, trace in traced) / count,
        "tools/used_share": sum(bool(trace.calls) for _, trace in traced) / count,
        "tools/tokens_mean": sum(len(rollout) - rollout.drawn for rollout, _ in traced) / count,
        "tools/out_of_turns_share": endings["turns"] / count,
        "tools/no_room_share": endings["result"] / count,
    }


def _of_calls(calls: Sequence[ToolCall]) -> dict[str, float]:
    kinds = Counter(call.status for call in calls)
    figures = {f"tools/{kind}_share": kinds[kind] / max(len(calls), 1) for kind in KINDS}
    answered = [call for call in calls if call.answered]
    figures["tools/failed_share"] = sum(call.failed for call in answered) / max(len(answered), 1)
    figures["tools/cut_share"] = sum(call.truncated for call in answered) / max(len(answered), 1)
    if answered:
        figures["time/tool_call_s"] = fmean(call.ended - call.began for call in answered)
        figures["time/tool_queue_s"] = fmean(call.queue_s for call in answered)
    return figures
