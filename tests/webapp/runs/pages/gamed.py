"""A made-up run that games its learned reward: proxy up all the way, gold up and then down."""

import math

from tests.webapp.runs.pages.made import add_checkpoint, add_figures, make_run
from training.config import OveroptimisationConfig
from training.events import Alert as AlertEvent
from training.overoptimisation.monitor import OveroptimisationMonitor
from webapp.runs.models import Alert, Run
from webapp.runs.status import RunStatus

EVERY = 5
"""Steps between evaluations."""


def distance(step: int) -> float:
    return 0.08 * step


def gold(step: int) -> float:
    far = distance(step)
    return 0.35 + (far * (0.2 - 0.16 * math.log(far)) if step else 0.0)


def trained(step: int) -> dict[str, float]:
    return {
        "reward/learned": 0.05 * step + 0.1 * math.sin(2 * step),
        "reward/learned_spread": 0.3 + 0.002 * step,
        "reward/learned_length": 0.1 + 0.012 * step,
        "kl/sequence": distance(step) ** 2,
        "response/length_mean": 30 + 0.5 * step,
        "policy/entropy": 0.5 - 0.006 * step,
        "text/repeated_share": 0.05 + 0.003 * step,
    }


def judged(step: int) -> dict[str, float]:
    found = gold(step)
    return {
        "heldout/pass_at_1": found,
        "heldout/pass_at_1_low": found - 0.06,
        "heldout/pass_at_1_high": found + 0.06,
        "heldout/learned": 0.05 * step,
    }


def gamed_run(steps: int = 50, status: RunStatus = RunStatus.SUCCEEDED) -> Run:
    """With the alerts that its trainer would have said, and checkpoints every ten steps."""
    run = make_run(status, name="Gamed", total_steps=50, step=steps)
    monitor = OveroptimisationMonitor(OveroptimisationConfig())
    said: list[AlertEvent] = []
    for step in range(steps + 1):
        for figures in ([trained(step)] if step else []) + ([judged(step)] if step % EVERY == 0 else []):
            add_figures(run, {name: [value] for name, value in figures.items()}, first=step)
            said += monitor.observe(step, figures)
    for alert in said:
        Alert.objects.create(run=run, **alert.model_dump(exclude={"kind", "at"}), at=run.created_at)
    for step in range(10, steps + 1, 10):
        add_checkpoint(run, step, score=gold(step))
    Run.objects.filter(pk=run.pk).update(step=steps)
    run.refresh_from_db()
    return run
