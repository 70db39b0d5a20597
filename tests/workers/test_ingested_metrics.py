"""Points, rollups and progress that come out of a run's events."""

import random

import pytest

from tests.workers.events import metrics, started
from tests.workers.following import catch_up, new_run, say
from training.events import Metrics, PhaseChanged
from webapp.runs.models import ROLLUP_LEVELS, MetricRollup, Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("pieces", [1, 7, 60])
def test_rollups_do_not_depend_on_how_points_arrive(pieces: int) -> None:
    run, rng = new_run(), random.Random(3)
    values = [rng.gauss(0, 1) if rng.random() > 0.1 else None for _ in range(600)]
    events = [Metrics(step=step, values={"m": value}) for step, value in enumerate(values, start=1)]
    for piece in range(pieces):
        say(run, events[piece * 600 // pieces : (piece + 1) * 600 // pieces])
        catch_up(run)
    say(run, [started(900, resumed=500)])
    catch_up(run)
    assert found_rollups(run) == expected_rollups({step: v for step, v in enumerate(values, start=1) if step <= 500})


def found_rollups(run: Run) -> dict[tuple[int, int], tuple[object, ...]]:
    columns = "level", "bin", "minimum", "maximum", "total", "count", "last", "last_step"
    return {row[:2]: row[2:] for row in MetricRollup.objects.filter(series__run=run).values_list(*columns)}


def expected_rollups(values: dict[int, float | None]) -> dict[tuple[int, int], tuple[object, ...]]:
    """Slowly: each level added up from the one below, in order."""
    below = {step: (v, v, v or 0.0, int(v is not None), v, step) for step, v in values.items()}
    found, bits = {}, 0
    for level in ROLLUP_LEVELS:
        bins: dict[int, list[tuple[float | None, float | None, float, int, float | None, int]]] = {}
        for key in sorted(below):
            bins.setdefault(key >> (level - bits), []).append(below[key])
        below = {
            key: (
                min((p[0] for p in parts if p[0] is not None), default=None),
                max((p[1] for p in parts if p[1] is not None), default=None),
                sum(p[2] for p in parts),
                sum(p[3] for p in parts),
                parts[-1][4],
                parts[-1][5],
            )
            for key, parts in bins.items()
        }
        found |= {(level, key): part for key, part in below.items()}
        bits = level
    return found


def test_the_seconds_of_all_steps_add_up_also_after_going_back() -> None:
    run = new_run()
    say(run, [started(9), *(metrics(step) for step in range(1, 9))])
    catch_up(run)
    assert run.train_seconds == 2.0
    say(run, [started(9, resumed=5), metrics(6)])
    catch_up(run)
    assert (run.train_seconds, run.step, run.latest["reward/mean"]) == (1.5, 6, pytest.approx(0.6))


def test_a_phase_keeps_its_beginning_while_it_makes_progress() -> None:
    run = new_run()
    say(run, [started(9), PhaseChanged(step=1, phase="sampling", total=8, at=50.0)])
    catch_up(run)
    say(run, [PhaseChanged(step=1, phase="sampling", done=4, total=8, at=60.0)])
    catch_up(run)
    assert run.phase_since is not None
    assert (run.phase, run.phase_since.timestamp(), run.phase_done, run.phase_total) == ("sampling", 50.0, 4, 8)
