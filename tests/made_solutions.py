"""Verified solutions made up for tests and benchmarks, as ingesting those of a run leaves them."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.factories import make_run
from training.config import RunConfig
from training.events import FoundSolution, SolutionsFound, UsedSolution
from training.rewards import VERIFIER_VERSION
from training.solutions.keys import problem_key, problem_set_name, solution_key
from webapp.runs.models import Run
from webapp.search.models import SolutionUse, VerifiedSolution
from workers.ingest.solutions import store_solutions

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DEEPSEARCH: dict[str, Any] = {"method": {"kind": "deepsearch"}}


def searching_run(name: str = "search", *, share: bool = True, **fields: Any) -> Run:
    """A run of DeepSearch on the built-in problems."""
    return make_run(name, method={"kind": "deepsearch", "cache": {"share": share}}, **fields)


def right_text(number: int, answer: str = "33") -> str:
    """A response that the verifier finds right; a higher number makes a longer one."""
    return f"<think>12+7*3{' = 12+21' * (number + 1)}</think><answer>{answer}</answer>"


def make_solution(
    run: Run, number: int = 0, *, problem: int = 0, text: str = "", answer: str = "33", **fields: Any
) -> VerifiedSolution:
    """A row; ``number`` tells solutions of a problem apart, ``problem`` problems."""
    prompt = fields.pop("prompt", f"What is 12+7*3 (problem {problem})?")
    text = text or right_text(number, answer)
    values: dict[str, Any] = {
        "problem": problem_key(prompt, answer),
        "key": solution_key(text),
        "problem_id": f"made-{problem}",
        "problem_set": problem_set_name(RunConfig.model_validate(run.config).problems),
        "prompt": prompt,
        "answer": answer,
        "text": text,
        "token_ids": np.arange(len(text), dtype="<i4").tobytes(),
        "logprobs": np.full(len(text), -0.25, "<f4").tobytes(),
        "tokenizer": "made",
        "length": len(text),
        "verifier": VERIFIER_VERSION,
        "found_by": run,
        "found_step": 1 + number,
        "found_at": EPOCH + timedelta(hours=problem, minutes=number),
        "verified_at": EPOCH,
    }
    return VerifiedSolution.objects.create(**(values | fields))


def found(solution: VerifiedSolution, **fields: Any) -> FoundSolution:
    """The event's part that tells of this solution."""
    values: dict[str, Any] = {
        "problem": solution.problem, "problem_id": solution.problem_id, "prompt": solution.prompt,
        "answer": solution.answer, "text": solution.text,
        "token_ids": np.frombuffer(solution.token_ids, "<i4").tolist(),
        "logprobs": b64encode(solution.logprobs).decode(), "tokenizer": solution.tokenizer,
        "verifier": solution.verifier, "index": 0,
    }  # fmt: skip
    return FoundSolution(**(values | fields))


def use(run: Run, step: int, *solutions: VerifiedSolution, tokens_saved: int = 100) -> None:
    """These stood in for searches at a step of a run."""
    used = [UsedSolution(problem=each.problem, key=each.key, tokens_saved=tokens_saved) for each in solutions]
    store_solutions(run, SolutionsFound(step=step, used=used, at=EPOCH.timestamp()))


def many_solutions(run: Run, problems: int, each: int = 4) -> None:
    """Rows in bulk, a few of them used, for pages that must stay quick."""
    rows = []
    for problem in range(problems):
        prompt = f"What is {problem}+7*3, and why does the order of operations matter here?"
        for number in range(each):
            text = f"<think>{problem}+7*3 = {problem}+21, wait, {number} " * (4 + number) + f"</think>{problem + 21}"
            at = EPOCH + timedelta(seconds=problem * each + number)
            rows.append(
                VerifiedSolution(
                    problem=problem_key(prompt, str(problem + 21)), key=solution_key(text),
                    problem_id=f"many-{problem}", problem_set="builtin/middle", prompt=prompt,
                    answer=str(problem + 21), text=text,
                    token_ids=np.random.default_rng(problem).integers(0, 512, len(text), dtype="<i4").tobytes(),
                    logprobs=np.random.default_rng(number).random(len(text), dtype="<f4").tobytes(), tokenizer="made",
                    length=len(text), verifier=VERIFIER_VERSION if problem % 9 else "0", found_by=run,
                    found_step=problem % 500, found_at=at, verified_at=at, times_used=(problem * 7919) % 101,
                    tokens_saved=(problem * 7919) % 101 * 300,
                )
            )  # fmt: skip
    VerifiedSolution.objects.bulk_create(rows, batch_size=2000)
    first = list(VerifiedSolution.objects.filter(found_by=run).order_by("pk").values_list("pk", flat=True)[:problems])
    SolutionUse.objects.bulk_create(
        [SolutionUse(solution_id=pk, run=run, step=n % 200, tokens_saved=300) for n, pk in enumerate(first)]
    )
