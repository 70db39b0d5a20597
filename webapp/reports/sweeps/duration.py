"""How long runs will take, by the pace of an earlier run that is like them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from training.config import RunConfig
from training.config.plan import plan_of
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

LOOKED_AT = 20
"""Latest runs of the method among which one is looked for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds of all runs one after another, and the run whose pace they are taken from."""

    seconds: float
    by: Run | None
    """None where several tell it."""


def same_place(run: Run, base: dict[str, Any]) -> bool:
    """The same model on the same device."""
    return all(run.config.get(group) == base[group] for group in ("model", "hardware"))


def estimate(
    configs: Sequence[RunConfig],
    seeds: int,
    alike: Callable[[Run, dict[str, Any]], bool] = same_place,
    related: Sequence[str] = (),
) -> Estimate | None:
    """Each config run once a seed; None where nothing like the first was run to its end without a break.

    ``alike`` says whether an earlier run is like the first config; ``related`` is what it reads beside the run.

    Evaluation and saving are in it, since the whole time of the earlier run counts. A step's time grows with the
    tokens it trains on.
    """
    if not configs:
        return None
    base = configs[0].model_dump(mode="json")
    rows = Run.objects.filter(status=RunStatus.SUCCEEDED, method=configs[0].method.kind, attempt=1, step__gt=0)
    rows = rows.exclude(started_at=None).exclude(ended_at=None).order_by("-pk")
    rows = rows.select_related(*related) if related else rows
    like = [run for run in rows[:LOOKED_AT] if alike(run, base)]
    if not like:
        return None
    run = next((run for run in like if run.config.get("problems") == base["problems"]), like[0])
    try:
        tokens = _tokens(RunConfig.model_validate(run.config))
    except ValueError:  # of another version
        return None
    assert run.started_at is not None
    assert run.ended_at is not None
    second_a_token = (run.ended_at - run.started_at).total_seconds() / run.step / tokens
    return Estimate(seeds * sum(config.steps * _tokens(config) * second_a_token for config in configs), run)


def _tokens(config: RunConfig) -> int:
    return max(plan_of(config).tokens_per_step, 1)
