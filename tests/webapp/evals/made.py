"""Evaluations made up from rows: known answers to known problems, settled as the ingester settles them."""

from collections.abc import Sequence
from typing import Any

from tests.factories import make_group, make_prompt, make_run
from training.solutions.keys import problem_key
from webapp.evals.models import Evaluation
from webapp.evals.settling import evaluation_of, settle, store_asked
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

HOSTILE = "<script>alert()</script>\u202e57 apples"
"""Holds its reference, 57, beside words."""


def make_evaluation(
    rights: Sequence[int] = (0, 1, 2, 4),
    *,
    samples: int = 4,
    near: str | None = HOSTILE,
    status: RunStatus = RunStatus.SUCCEEDED,
    checkpoint: tuple[Run, int] | None = None,
    first: int = 0,
    **fields: Any,
) -> Evaluation:
    """One problem for each of ``rights``, that many of its samples right; the last wrong answer to each reads ``near``.

    Problem i has the reference 57 and the level "easy" or "hard"; ``first`` shifts which problems are asked.
    """
    model = (
        {"kind": "checkpoint", "run": checkpoint[0].pk, "step": checkpoint[1]} if checkpoint else {"kind": "builtin"}
    )
    run = make_run(
        "an evaluation",
        status=status,
        step=int(bool(rights)),
        method={"kind": "evaluate", "samples": samples},
        model=model,
    )
    Run.objects.filter(pk=run.pk).update(total_steps=1)
    asked = [_answer(run, index, index + first, right, samples, near) for index, right in enumerate(rights)]
    run.refresh_from_db()
    store_asked(run, asked, trained_on=0, unusable=0)
    if status.is_terminal:
        settle(run)
    Evaluation.objects.filter(run=run).update(**fields)
    return Evaluation.objects.select_related("run").get(pk=evaluation_of(run).pk)


def _answer(run: Run, index: int, number: int, right: int, samples: int, near: str | None) -> tuple[str, str, str, str]:
    """Answers to a problem, and what an evaluation tells of the problem: name, key, level, split."""
    text, name = f"What is {number}+{57 - number}?", f"p{number}"
    prompt = make_prompt(run, name, text, "57")
    rewards = [1.0] * right + [0.0] * (samples - right)
    group = make_group(
        run, step=1, split="heldout", index=index, rewards=rewards, prompt=prompt, texts=_texts(right, samples)
    )
    if near is not None and right < samples:
        group.rollouts.filter(index=samples - 1).update(extracted=near)
    return name, problem_key(text, "57"), "easy" if number % 2 else "hard", "heldout"


def _texts(right: int, samples: int) -> list[str]:
    return [f"<think>…</think><answer>{57 if number < right else 100 + number}</answer>" for number in range(samples)]
