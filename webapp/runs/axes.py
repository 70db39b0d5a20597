"""What curves are drawn over besides steps, and the mean curve of several runs."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import accumulate
from math import sqrt
from typing import Literal

from webapp.runs import series
from webapp.runs.series import Curve

Axis = Literal["step", "tokens", "time"]
TOKENS = "tokens/total"
WORKING_SECONDS = ("time/step_s", "time/evaluating_s", "time/saving_s")
"""Their sum over the steps is the time a run has worked, without its waits between attempts."""


def read_axis(runs: Collection[int], axis: Axis, level: int) -> dict[int, Curve]:
    """For each run, tokens or seconds since its start over steps, at the level its curves are read at."""
    if axis == "tokens":
        return {run: curve for (run, _), curve in series.read(runs, [TOKENS], level=level).items()}
    worked = series.totals(runs, WORKING_SECONDS, level=level)
    for curve in worked.values():
        curve.values = [round(total, 3) for total in accumulate(value or 0.0 for value in curve.values)]
    return worked


def mean_of(curves: Sequence[Curve]) -> Curve:
    """The mean curve of several runs; ``low`` and ``high`` are one sample standard deviation away.

    At a step that only some of the runs have, the mean is theirs; with a single one there is no band.
    """
    at: dict[int, list[float]] = defaultdict(list)
    for curve in curves:
        for step, value in zip(curve.steps, curve.values, strict=True):
            if value is not None:
                at[step].append(value)
    mean = Curve()
    for step in sorted(at):
        values = at[step]
        centre = sum(values) / len(values)
        sd = sqrt(sum((v - centre) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else None
        mean.steps.append(step)
        mean.values.append(centre)
        mean.low.append(None if sd is None else centre - sd)
        mean.high.append(None if sd is None else centre + sd)
    return mean
