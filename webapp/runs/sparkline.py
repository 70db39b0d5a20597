"""Small curves for lists, as the path of an SVG drawn by the server."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from webapp.runs import series
from webapp.runs.charts import SCORE
from webapp.runs.models import Run

WIDTH, HEIGHT, MARGIN = 96, 20, 2
MOST_POINTS = 128
"""More cannot be told apart on so few pixels."""
SHOWN = (SCORE, "reward/mean", "heldout/loss", "optim/loss")
"""The first of these that a run has is its curve."""


def sparklines(runs: Iterable[Run]) -> dict[int, tuple[str, str]]:
    """For each run with at least two points: which metric is drawn, and the ``d`` attribute of its path."""
    by_level: dict[int, dict[int, str]] = defaultdict(dict)
    for run in runs:
        name = next((name for name in SHOWN if run.latest.get(name) is not None), None)
        if name:
            by_level[series.level_for(0, run.step, MOST_POINTS)][run.pk] = name
    drawn = {}
    for level, names in by_level.items():
        for (run_id, name), curve in series.read(names, set(names.values()), level=level).items():
            points = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if value is not None]
            if name == names[run_id] and len(points) > 1:
                drawn[run_id] = (name, path_of(points))
    return drawn


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through points, stretched to fill the picture."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, across, top, down = min(xs), max(xs) - min(xs), max(ys), max(ys) - min(ys)
    inner_width, inner_height = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    pairs = (
        (
            MARGIN + inner_width * ((x - left) / across if across else 0.5),
            MARGIN + inner_height * ((top - y) / down if down else 0.5),
        )
        for x, y in points
    )
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in pairs)
