"""Many made-up runs, written straight into the tables by COPY: what a busy year leaves behind."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, exp
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from training.config import GrpoMethod, RunConfig, SftMethod
from webapp.runs.models import ROLLUP_LEVELS
from webapp.runs.status import RunStatus

PHASES = ("sampling", "scoring", "updating", "evaluating", "saving")
WORDS = ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
WORDS_BY_AGE = {"but": 0.02, "check": 0.1, "wait": 0.35, "verify": 0.5, "however": 0.7}
"""Share of a run after which a word first appears."""


@dataclass(frozen=True)
class Plan:
    """How much to make. The first run is the longest; lengths fall off like 1/rank."""

    runs: int = 1000
    points: int = 1_150_000
    """If every run went to its end; some stop at 80 %."""
    rollouts: int = 200_000
    seed: int = 0


@dataclass(frozen=True)
class MadeRun:
    """What the other tables need to know of a run."""

    pk: int
    steps: int
    done: int
    method: str
    status: RunStatus


def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Bulk write, bypassing the ORM."""
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor, cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as sink:
        for row in rows:
            sink.write_row(row)


def metrics_at(share: float, method: str, draw: random.Random) -> dict[str, float | None]:
    """Figures of a step when ``share`` of the run is done."""
    skill = 1 / (1 + exp(-8 * (share - 0.4)))
    values: dict[str, float | None] = {
        "optim/loss": 1.2 * exp(-3 * share) + draw.gauss(0, 0.05),
        "optim/grad_norm": abs(draw.gauss(0.6, 0.15)),
        "optim/learning_rate": 1e-4,
        "speed/tokens_per_s": draw.gauss(5200, 300),
        "tokens/step": 5000 + 3000 * share,
        "system/cpu_share": min(1.0, draw.gauss(0.9, 0.04)),
        "system/rss_bytes": 9e8 + 2e8 * share,
        **{f"time/{phase}_s": abs(draw.gauss(0.2, 0.04)) for phase in PHASES},
        "time/step_s": abs(draw.gauss(0.8, 0.05)),
    }
    return values | _of_sampling(share, skill, draw) if method == "grpo" else values


def _of_sampling(share: float, skill: float, draw: random.Random) -> dict[str, float | None]:
    words = {
        f"reflection/{word}_per_1k": max(0.0, draw.gauss(6 * (share - WORDS_BY_AGE.get(word, 0.9)), 0.3))
        if share >= WORDS_BY_AGE.get(word, 2)
        else 0.0
        for word in WORDS
    }
    return {
        "reward/mean": 0.15 + 0.6 * skill + draw.gauss(0, 0.04),
        "reward/accuracy": 0.15 + 0.6 * skill + draw.gauss(0, 0.04),
        "reward/format": min(1, 0.5 + share) + draw.gauss(0, 0.02),
        "groups/zero_variance_share": min(1, max(0, 0.2 + 0.3 * skill + draw.gauss(0, 0.05))),
        "response/length_mean": 10 + 17 * skill + draw.gauss(0, 0.8),
        "response/truncated_share": max(0.0, draw.gauss(0.02, 0.02)),
        "policy/entropy": 1.1 * exp(-2 * share) + 0.1 + abs(draw.gauss(0, 0.02)),
        "policy/kl": 0.02 * share + abs(draw.gauss(0, 0.002)),
        "policy/clip_low_share": abs(draw.gauss(0.004, 0.002)),
        "policy/clip_high_share": abs(draw.gauss(0.009, 0.003)),
        "reflection/per_1k_tokens": sum(words.values()),
        **words,
    }


def heldout_at(share: float, draw: random.Random) -> dict[str, float | None]:
    score = min(1, max(0, 0.2 + 0.5 / (1 + exp(-8 * (share - 0.4))) + draw.gauss(0, 0.02)))
    return {
        "heldout/pass_at_1": score,
        "heldout/pass_at_1_low": score - 0.05,
        "heldout/pass_at_1_high": score + 0.05,
        "heldout/greedy": score + 0.08,
    }


def step_counts(plan: Plan) -> list[int]:
    """Steps of each run: the first takes a quarter of ``plan.points``, the others fall off like 1/rank."""
    draw = random.Random(0)
    per_step = {method: len(metrics_at(0, method, draw)) + 1 for method in ("grpo", "sft")}
    weights = [(plan.runs + 12) / (rank + 12) for rank in range(plan.runs)]
    weights[0] = sum(weights) / 3
    cost = sum(weight * per_step[method_of(rank)] for rank, weight in enumerate(weights))
    return [max(8, ceil(weight * plan.points / cost)) for weight in weights]


def method_of(rank: int) -> str:
    """Every fifth run is SFT."""
    return "sft" if rank % 5 == 4 else "grpo"


RUN_COLUMNS = (
    "id", "name", "start_id", "status", "config", "method", "problems", "group", "notes", "created_by_id", "created_at",
    "started_at", "ended_at", "archived", "attempt", "automatic_resumes", "heartbeat_at", "worker", "stop_requested",
    "events_offset", "error", "step", "total_steps", "phase", "phase_since", "phase_done", "phase_total",
    "train_seconds", "latest", "rewinds",
)  # fmt: skip


def make_runs(plan: Plan, owner: int, first_id: int = 1) -> list[MadeRun]:
    """Rows of ``runs_run``; half of a hundred run now, the rest ended in every way."""
    draw = random.Random(plan.seed)
    ends = [RunStatus.SUCCEEDED] * 6 + [RunStatus.STOPPED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.LOST]
    made = []
    for index, steps in enumerate(step_counts(plan)):
        method = method_of(index)
        status = RunStatus.RUNNING if index % 20 == 1 else draw.choice(ends)
        done = steps if status == RunStatus.SUCCEEDED else max(2, round(steps * 0.8))
        made.append(MadeRun(first_id + index, steps, done, method, status))
    copy("runs_run", RUN_COLUMNS, (_run_row(run, owner, draw) for run in made))
    return made


def _run_row(run: MadeRun, owner: int, draw: random.Random) -> tuple[Any, ...]:
    now = timezone.now()
    started = now - timedelta(minutes=37 * run.pk + 5)
    running = run.status == RunStatus.RUNNING
    method = SftMethod() if run.method == "sft" else GrpoMethod()
    config = RunConfig(method=method, steps=run.steps, seed=run.pk % 3).model_dump_json()
    share = run.done / run.steps
    latest = heldout_at(share, draw) | metrics_at(share, run.method, draw)
    return (
        run.pk, f"{run.method}-arithmetic-{run.pk}", uuid4(), run.status, config, run.method,
        draw.choice(("Arithmetic, middle", "Arithmetic, hard", "GSM8K")), f"study {run.pk // 4}" if run.pk % 3 else "",
        "", owner, started, started, None if running else started + timedelta(seconds=run.steps * 1.1),
        run.pk % 10 == 9, 1, 0, now, "gpu@host", "", 0,
        "Traceback (most recent call last):\nRuntimeError: out of memory" if run.status == RunStatus.FAILED else "",
        run.done, run.steps,
        "sampling" if running else "", now if running else None, 12, 64, run.steps * 0.9, json.dumps(latest), 0,
    )  # fmt: skip


def make_metrics(runs: Sequence[MadeRun], plan: Plan) -> None:
    """Series, points and their rollups."""
    draw = random.Random(plan.seed + 1)
    first = _next_id("runs_metricseries")
    names = {m: [*metrics_at(0, m, draw), *heldout_at(0, draw), "tokens/total"] for m in ("grpo", "sft")}
    series = [(run.pk, name) for run in runs for name in names[run.method]]
    keys = {key: first + index for index, key in enumerate(series)}
    copy("runs_metricseries", ("id", "run_id", "name"), ((pk, run, name) for (run, name), pk in keys.items()))
    copy("runs_metricpoint", ("series_id", "step", "value"), _points(runs, keys, draw))
    with connection.cursor() as cursor:
        for level in ROLLUP_LEVELS:
            cursor.execute(ROLL_UP, {"level": level, "first": first})


ROLL_UP = """
INSERT INTO runs_metricrollup (series_id, level, bin, minimum, maximum, total, count, last, last_step)
SELECT series_id, %(level)s, step >> %(level)s, min(value), max(value), coalesce(sum(value), 0), count(value),
       (array_agg(value ORDER BY step DESC))[1], max(step)
FROM runs_metricpoint WHERE series_id >= %(first)s GROUP BY series_id, step >> %(level)s
"""


def _points(
    runs: Sequence[MadeRun], keys: dict[tuple[int, str], int], draw: random.Random
) -> Iterator[tuple[Any, ...]]:
    for run in runs:
        tokens = 0.0
        for step in range(run.done + 1):
            share = step / max(run.steps, 1)
            values = metrics_at(share, run.method, draw) if step else {}
            if step:
                tokens += 5000 + 3000 * share
                values["tokens/total"] = tokens
            if step % 10 == 0:
                values |= heldout_at(share, draw)
            for name, value in values.items():
                yield keys[run.pk, name], step, value


def make_rollouts(runs: Sequence[MadeRun], plan: Plan, group_size: int = 8, groups_a_step: int = 32) -> None:
    """Prompts, groups, rollouts and their texts, for as many steps of the first GRPO runs as are asked for."""
    draw = random.Random(plan.seed + 2)
    steps = [(run, step) for run in runs if run.method == "grpo" for step in range(1, run.done + 1)]
    wanted = plan.rollouts // (group_size * groups_a_step)
    chosen = steps[:wanted]
    prompt, group = _next_id("inspection_prompt"), _next_id("inspection_rolloutgroup")
    rollout = _next_id("inspection_rollout")
    owners = {run.pk for run, _ in chosen}
    prompts = {(run, index): prompt + n for n, (run, index) in enumerate((r, i) for r in owners for i in range(256))}
    copy("inspection_prompt", ("id", "run_id", "problem_id", "text", "answer"), (
        (pk, run, f"problem-{index}", f"Compute {index} * 3 + {run}.", str(index * 3 + run))
        for (run, index), pk in prompts.items()
    ))  # fmt: skip
    copy("inspection_rolloutgroup", (
        "id", "run_id", "step", "split", "index", "prompt_id", "trained", "weights_version", "size",
        "reward_mean", "reward_std", "correct_count", "length_mean",
    ), (
        (group + n * groups_a_step + index, run.pk, step, "train", index, prompts[run.pk, draw.randrange(256)], True,
         step - 1, group_size, 0.5, 0.5, group_size // 2, 24.0)
        for n, (run, step) in enumerate(chosen) for index in range(groups_a_step)
    ))  # fmt: skip
    copy("inspection_rollout", (
        "id", "run_id", "group_id", "step", "split", "index", "reward", "advantage", "correct", "extracted", "parts",
        "finish_reason", "length", "greedy",
    ), _rollouts(chosen, group, rollout, group_size, groups_a_step, draw))  # fmt: skip
    count = len(chosen) * groups_a_step * group_size
    copy("inspection_rollouttext", ("rollout_id", "text"), (
        (rollout + n, f"{n % 97} times 3 is {n % 97 * 3}. Wait, let me check: {n % 97 * 3} plus {n % 11}.")
        for n in range(count)
    ))  # fmt: skip


def _rollouts(
    chosen: Sequence[tuple[MadeRun, int]], group: int, rollout: int, size: int, groups: int, draw: random.Random
) -> Iterator[tuple[Any, ...]]:
    for n, (run, step) in enumerate(chosen):
        for index in range(groups * size):
            right = draw.random() < 0.5
            yield (
                rollout + n * groups * size + index, run.pk, group + n * groups + index // size, step, "train",
                index % size, float(right), 1.0 if right else -1.0, right, "42", json.dumps({"accuracy": right}),
                "stop" if draw.random() < 0.97 else "length", draw.randrange(5, 96), False,
            )  # fmt: skip


def make_marks(runs: Sequence[MadeRun], now: datetime | None = None) -> None:
    """Checkpoints and alerts."""
    at = now or timezone.now()
    copy("runs_checkpoint", ("run_id", "step", "path", "size", "score", "best", "pinned", "saved_at", "removed_at"), (
        (run.pk, step, f"checkpoints/step_{step:06d}", 7_400_000, 0.2 + 0.5 * step / run.steps, step == run.done // 2,
         False, at, None)
        for run in runs for step in (run.done // 4, run.done // 2, run.done)
    ))  # fmt: skip
    copy("runs_alert", ("run_id", "step", "code", "severity", "message", "advice", "metric", "at"), (
        (run.pk, run.done // 2, "zero_variance", "warning", "72 % of groups have equal rewards, so they teach nothing.",
         "Take easier or harder problems, or turn on dynamic sampling.", "groups/zero_variance_share", at)
        for run in runs[::3]
    ))  # fmt: skip


def make_all(plan: Plan, owner: int) -> list[MadeRun]:
    """Everything, and the sequences and statistics of the tables put right."""
    runs = make_runs(plan, owner, _next_id("runs_run"))
    make_metrics(runs, plan)
    make_rollouts(runs, plan)
    make_marks(runs)
    tables = (
        "runs_run", "runs_metricseries", "runs_metricpoint", "runs_metricrollup", "inspection_prompt",
        "inspection_rolloutgroup", "inspection_rollout", "inspection_rollouttext",
    )  # fmt: skip
    with connection.cursor() as cursor:
        for table in tables:
            if table not in ("runs_metricpoint", "runs_metricrollup", "inspection_rollouttext"):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"  # noqa: S608
                )
            cursor.execute(f"VACUUM ANALYZE {table}" if not connection.in_atomic_block else f"ANALYZE {table}")
    return runs


def _next_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")  # noqa: S608
        return int(cursor.fetchone()[0])
