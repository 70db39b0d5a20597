"""Runs with curves of a known shape, and reports made of them."""

from collections.abc import Sequence

import numpy as np

from tests.webapp.runs.pages.made import add_figures, make_run
from training.config import RunConfig
from webapp.reports.models import Report
from webapp.reports.selection import guessed
from webapp.reports.services import make_report
from webapp.runs.models import Run
from webapp.runs.status import RunStatus


def learned(
    name: str,
    seed: int,
    *,
    top: float = 0.6,
    pace: float = 20.0,
    tokens: int = 1000,
    seconds: float = 2.0,
    steps: int = 100,
    noise: float = 0.01,
    status: RunStatus = RunStatus.SUCCEEDED,
    config: RunConfig | None = None,
    **fields: object,
) -> Run:
    """A run whose held-out pass@1, measured every fifth step, rises to ``top``; each step costs the same."""
    config = config or RunConfig(seed=seed, steps=steps)
    run = make_run(status, config=config, name=name, total_steps=steps, **fields)
    draw = np.random.default_rng(seed)
    at = np.arange(0, steps + 1, 5)
    curve = 0.1 + (top - 0.1) * (1 - np.exp(-at / pace)) + draw.normal(0, noise, len(at))
    add_figures(run, {"heldout/pass_at_1": curve.tolist()}, first=0, every=5)
    every = np.arange(1, steps + 1)
    add_figures(
        run,
        {
            "reward/mean": (top * (1 - np.exp(-every / pace))).tolist(),
            "tokens/total": (every * float(tokens)).tolist(),
            "time/step_s": [seconds] * steps,
        },
    )
    Run.objects.filter(pk=run.pk).update(status=status, step=steps)
    run.refresh_from_db()
    return run


def two_arms(seeds: Sequence[int] = (0, 1, 2), **slow: object) -> list[Run]:
    """GRPO, and a search that learns four times as fast by tokens and ends a little higher."""
    runs = [learned(f"GRPO, seed {seed}", seed, **slow) for seed in seeds]  # type: ignore[arg-type]
    fast = RunConfig().model_copy(update={"steps": 100})
    for seed in seeds:
        config = fast.model_copy(
            update={"seed": seed, "optimisation": fast.optimisation.model_copy(update={"learning_rate": 3e-4})}
        )
        runs.append(learned(f"Search, seed {seed}", seed, top=0.7, pace=6.0, config=config))
    return runs


def made_report(runs: Sequence[Run], title: str = "Search against GRPO", baseline: str = "GRPO") -> Report:
    """The report that the form would make of these runs."""
    return make_report(title, "Does searching pay?", guessed(runs), baseline, None)
