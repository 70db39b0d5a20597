"""Groups of rollouts become rows, in bulk: narrow ones for lists, and one each for the text and the tokens."""

import math
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from training.events import TOKEN_ARRAYS, RolloutGroup, RolloutRecord, TreeRecord
from webapp.inspection import models as rows
from webapp.runs.models import Run
from workers.ingest.copying import copy_rows, new_ids
from workers.ingest.reading import clean
from workers.ingest.traces import store_traces

PROBLEM_ID_LENGTH = 120

GROUP_COLUMNS = {
    "id": "int8", "run_id": "int8", "step": "int4", "split": "varchar", "index": "int4", "prompt_id": "int8",
    "trained": "bool", "weights_version": "int4", "size": "int4", "reward_mean": "float8", "reward_std": "float8",
    "correct_count": "int4", "length_mean": "float8", "expert": "jsonb",
}  # fmt: skip
ROLLOUT_COLUMNS = {
    "id": "int8", "run_id": "int8", "group_id": "int8", "step": "int4", "split": "varchar", "index": "int4",
    "reward": "float8", "advantage": "float8", "correct": "bool", "extracted": "text", "parts": "jsonb",
    "finish_reason": "varchar", "length": "int4", "greedy": "bool", "cached": "bool", "selected": "bool",
    "weights_version": "int4",
}  # fmt: skip
TEXT_COLUMNS = {"rollout_id": "int8", "text": "text"}
TOKEN_COLUMNS = {"rollout_id": "int8"} | {f"{name}_array": "bytea" for name in TOKEN_ARRAYS}


def store_groups(run: Run, groups: Sequence[RolloutGroup]) -> None:
    """Store groups with all their rollouts."""
    if not groups:
        return
    prompts = stored_prompts(run, groups)
    group_ids = new_ids(rows.RolloutGroup, len(groups))
    members = [
        (group, group_id, index, rollout)
        for group, group_id in zip(groups, group_ids, strict=True)
        for index, rollout in enumerate(group.rollouts)
    ]
    rollout_ids = new_ids(rows.Rollout, len(members))
    copy_rows(
        rows.RolloutGroup,
        GROUP_COLUMNS,
        (_group_row(run, g, pk, prompts[problem_id_of(g)]) for g, pk in zip(groups, group_ids, strict=True)),
    )
    copy_rows(
        rows.Rollout,
        ROLLOUT_COLUMNS,
        (_rollout_row(run, *member, pk) for member, pk in zip(members, rollout_ids, strict=True)),
    )
    bodies = [(rollout, pk) for (*_, rollout), pk in zip(members, rollout_ids, strict=True)]
    copy_rows(rows.RolloutText, TEXT_COLUMNS, ((pk, clean(rollout.text)) for rollout, pk in bodies))
    copy_rows(rows.RolloutTokens, TOKEN_COLUMNS, (_token_row(rollout, pk) for rollout, pk in bodies if rollout.tokens))
    store_traces(run, [(g, rollout, pk) for (g, _, _, rollout), pk in zip(members, rollout_ids, strict=True)])


def stored_prompts(run: Run, groups: Iterable[RolloutGroup | TreeRecord]) -> dict[str, int]:
    """Keys of the groups' prompts by problem, made where they are new."""
    asked = {problem_id_of(group): group for group in groups}
    known = dict(rows.Prompt.objects.filter(run=run, problem_id__in=asked).values_list("problem_id", "pk"))
    new = [
        rows.Prompt(run=run, problem_id=problem_id, text=clean(group.prompt), answer=clean(group.answer))
        for problem_id, group in asked.items()
        if problem_id not in known
    ]
    return known | {prompt.problem_id: prompt.pk for prompt in rows.Prompt.objects.bulk_create(new)}


def problem_id_of(group: RolloutGroup | TreeRecord) -> str:
    """The name of the problem it is about, as it is stored."""
    return clean(group.problem_id)[:PROBLEM_ID_LENGTH]


def _group_row(run: Run, group: RolloutGroup, pk: int, prompt: int) -> tuple[Any, ...]:
    """Size, rewards and lengths are those of the sampled responses; a greedy one beside them does not count."""
    sampled = [rollout for rollout in group.rollouts if not rollout.greedy] or group.rollouts
    rewards = [rollout.reward for rollout in sampled]
    count = max(len(sampled), 1)
    mean = math.fsum(rewards) / count
    alike = len(set(rewards)) <= 1
    std = 0.0 if alike else math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / count)
    correct = sum(rollout.correct is True for rollout in sampled)
    length = sum(rollout.length for rollout in sampled) / count
    return (
        pk, run.pk, group.step, group.split, group.index, prompt, group.trained, group.weights_version,
        len(sampled), mean, std, correct, length, _expert(group),
    )  # fmt: skip


def _expert(group: RolloutGroup) -> Jsonb | None:
    """The expert's step, and what is wrong with the form of each response."""
    if group.expert is None:
        return None
    texts = {"context": [clean(step) for step in group.expert.context]}
    texts |= {"faults": [clean(rollout.fault) for rollout in group.rollouts]}
    told = {"target": clean(group.expert.target), "title": clean(group.expert.title)}
    return Jsonb(group.expert.model_dump() | texts | told)


def _rollout_row(
    run: Run, group: RolloutGroup, group_id: int, index: int, rollout: RolloutRecord, pk: int
) -> tuple[Any, ...]:
    extracted = None if rollout.extracted is None else clean(rollout.extracted)
    parts = {clean(name): value for name, value in rollout.parts.items()}
    return (
        pk, run.pk, group_id, group.step, group.split, index, rollout.reward, rollout.advantage, rollout.correct,
        extracted, Jsonb(parts), rollout.finish_reason, rollout.length, rollout.greedy, rollout.cached,
        rollout.selected, rollout.weights_version,
    )  # fmt: skip


def _token_row(rollout: RolloutRecord, pk: int) -> tuple[Any, ...]:
    return (pk, *(b64decode(rollout.tokens[name]) if name in rollout.tokens else None for name in TOKEN_ARRAYS))
