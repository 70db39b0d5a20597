"""When a run may end early: made series of which the truth is known, and a run that does."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.training.runs import events, new_run, tiny_config
from training.config import FinishConfig, RunConfig
from training.events import Alert, CheckpointSaved, Finished
from training.finishing import CODE, FinishMonitor, fitted, is_flat
from training.run import run

STEPS, NOISE = 200, 0.03


def series(rise: float, until: int, seed: int) -> list[float]:
    """Rises by `rise` a step up to step `until`, and stays; with noise."""
    rng = random.Random(seed)
    return [0.2 + rise * min(step, until) + rng.gauss(0, NOISE) for step in range(1, STEPS + 1)]


def ends_at(values: list[float], **knobs: Any) -> int | None:
    """The step after which a run with these rewards would end."""
    monitor = FinishMonitor(FinishConfig(reward_flat=True, **knobs))
    for step, value in enumerate(values, start=1):
        monitor.observe({"reward/mean": value, "response/truncated_share": 0.1})
        if monitor.end(step):
            return step
    return None


def test_a_line_is_fitted_as_textbooks_do() -> None:
    line = fitted([1.0, 2.0, 2.0, 3.0])
    assert line.rise == pytest.approx(1.8)
    assert line.noise == pytest.approx(0.1**0.5)
    assert line.error == pytest.approx(3 * (0.1 / 5) ** 0.5)


@pytest.mark.parametrize(
    ("values", "flat"),
    [([0.5] * 12, True), ([0.1 * i for i in range(12)], False), ([1 - 0.1 * i for i in range(12)], False)],
)
def test_without_noise_only_what_does_not_move_is_flat(values: list[float], flat: bool) -> None:
    assert is_flat(values) is flat


def test_the_noise_of_a_rise_is_not_taken_for_a_plateau() -> None:
    """A rise of two and a half standard deviations of the noise a window: 20 runs of 200 steps, none ends."""
    assert [ends_at(series(2.5 * NOISE / 40, STEPS, seed)) for seed in range(20)] == [None] * 20


def test_a_plateau_is_found_soon_and_not_before_it_is_there() -> None:
    ends = [ends_at(series(0.005, 80, seed)) for seed in range(20)]
    assert all(end is not None and end > 80 for end in ends)
    assert sorted(end or STEPS for end in ends)[10] <= 80 + 40


def test_a_collapse_is_no_plateau() -> None:
    assert [ends_at(series(-0.005, STEPS, seed)) for seed in range(5)] == [None] * 5


def test_it_waits_for_the_least_steps_and_for_all_signs_or_any() -> None:
    flat = [0.5] * STEPS
    assert ends_at(flat) == 50
    assert ends_at(flat, least_steps=70) == 70
    assert ends_at(flat, truncation=0.05) is None
    assert ends_at(flat, truncation=0.1) == 50
    assert ends_at(flat, truncation=0.05, needs="any") == 50
    assert ends_at(flat, pass_at_1=0.5) is None


def test_a_run_ends_as_done_says_why_and_is_not_taken_up_again(tmp_path: Path) -> None:
    rule = {"pass_at_1": 0.01, "least_steps": 2}
    config = RunConfig.model_validate(tiny_config(finish=rule, evaluation={"every_steps": 1, "problems": 4}))
    folder = new_run(tmp_path / "run", tiny_config())
    assert run(config, folder) == "done"
    assert run(config, folder) == "done"
    said = events(folder)
    (alert,) = [event for event in said if isinstance(event, Alert) and event.code == CODE]
    assert alert.message.startswith("Ended after step 2: held-out pass@1 is")
    assert [event.step for event in said if isinstance(event, CheckpointSaved)] == [2]
    assert [(event.step, event.reason) for event in said if isinstance(event, Finished)] == [(2, "done")] * 2
