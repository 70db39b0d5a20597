"""From groups of rollouts to the events that show them."""

import base64
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from training.agent.trace import Trace
from training.codec import Codec
from training.events import (
    TOKEN_ARRAYS,
    ExpertRecord,
    RolloutGroup,
    RolloutRecord,
    ToolCallRecord,
    TraceRecord,
    TurnRecord,
)
from training.events.base import Split
from training.experience.types import Expert, Group, Rollout


def group_event(group: Group, step: int, split: Split, index: int, codec: Codec) -> RolloutGroup:
    """The event of one group, with the arrays of every token."""
    task = group.expert.task if group.expert else None
    if task is not None and task.turns:  # a conversation under way
        prompt = str(codec.tokenizer.decode(group.prompt_ids, clean_up_tokenization_spaces=False))
    elif task is not None:
        prompt = codec.prompt_text(task.prompt) + task.given
    else:
        prompt = codec.prompt_text(group.problem.prompt)
    return RolloutGroup(
        step=step,
        split=split,
        index=index,
        problem_id=group.problem.id if task is None else task.id,
        prompt=prompt,
        answer=group.problem.answer,
        rollouts=[_record(rollout, split, codec, group.weights_version) for rollout in group.rollouts],
        weights_version=group.weights_version,
        trained=group.trained,
        expert=None if group.expert is None else _expert(group.expert),
    )


def _expert(expert: Expert) -> ExpertRecord:
    task = expert.task
    return ExpertRecord(
        step=task.number,
        steps=task.count,
        context=list(task.context),
        target=task.target,
        title=task.title,
        autojunk=expert.autojunk,
    )


def _record(rollout: Rollout, split: Split, codec: Codec, of_group: int) -> RolloutRecord:
    arrays: dict[str, npt.ArrayLike | None] = {
        "id": rollout.token_ids,
        "end": codec.token_ends(rollout.token_ids, rollout.text),
        "logprob": rollout.sampler_logprobs if rollout.logprobs is None else rollout.logprobs,
        "entropy": rollout.entropies,
        "mask": rollout.mask,
    }
    if split == "train":
        arrays |= {
            "advantage": rollout.advantages,
            "ratio": rollout.ratios,
            "clipped": None if rollout.clipped is None else rollout.clipped > 0,
            "ref_logprob": rollout.reference_logprobs,
            "value": rollout.values,
        }
    return RolloutRecord(
        text=rollout.text,
        reward=rollout.reward,
        parts=rollout.parts,
        advantage=rollout.advantage if split == "train" else None,
        correct=rollout.correct,
        extracted=rollout.extracted,
        fault=rollout.fault,
        finish_reason=rollout.finish_reason,
        tokens={name: _encode(values, TOKEN_ARRAYS[name]) for name, values in arrays.items() if values is not None},
        length=len(rollout),
        greedy=rollout.greedy,
        cached=rollout.cached,
        selected=rollout.selected,
        weights_version=_version(rollout, of_group),
        trace=None if rollout.trace is None else _trace(rollout.trace),
    )


def _version(rollout: Rollout, of_group: int) -> int | None:
    """Of the weights that drew it; unknown of what an earlier policy left in a cache."""
    return of_group if rollout.weights_version is None and not rollout.cached else rollout.weights_version


def _trace(trace: Trace) -> TraceRecord:
    return TraceRecord(
        turns=[TurnRecord(**asdict(turn)) for turn in trace.turns],
        calls=[ToolCallRecord(**asdict(call)) for call in trace.calls],
        ending=trace.ending,
        answers=trace.answers,
        seconds=trace.seconds,
        diff=trace.diff,
        tests=trace.tests,
    )


def _encode(values: npt.ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode("ascii")
