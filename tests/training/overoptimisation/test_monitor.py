"""Each sign on a history that shows it, and silence on those that do not; memory that survives a resume."""

import json
import math
from collections.abc import Callable

import pytest

from training.algorithms.overoptimisation import GoldCurve
from training.config import OveroptimisationConfig
from training.events import Alert
from training.overoptimisation.evaluations import Judged, fit_of
from training.overoptimisation.monitor import QUIET_STEPS, OveroptimisationMonitor, amount, stop_alert
from training.overoptimisation.signals import START, WINDOW

Curve = Callable[[int], float]
EVERY = 5
"""Steps between evaluations."""

HEALTHY: dict[str, Curve] = {
    "reward/learned": lambda step: 0.03 * step + 0.05 * math.sin(3 * step),
    "reward/learned_spread": lambda step: 0.3 + 0.02 * math.sin(step),
    "reward/learned_length": lambda step: 0.1 + 0.1 * math.sin(2 * step),
    "kl/sequence": lambda step: 0.002 * step**2,
    "response/length_mean": lambda step: 30 + 0.1 * step,
    "policy/entropy": lambda step: 0.5 - 0.004 * step,
    "text/repeated_share": lambda step: 0.05 + 0.0005 * step,
    "heldout/pass_at_1": lambda step: 0.3 + 0.3 * (1 - math.exp(-step / 20)),
    "heldout/learned": lambda step: 0.03 * step,
}


def watch(monitor: OveroptimisationMonitor, steps: range, **sick: Curve) -> list[Alert]:
    """What is said over these steps of a healthy run with some curves replaced (`__` in names stands for `/`)."""
    curves = HEALTHY | {name.replace("__", "/"): curve for name, curve in sick.items()}
    said = []
    for step in steps:
        figures = {name: curve(step) for name, curve in curves.items() if not name.startswith("heldout/")}
        said += monitor.observe(step, figures) if step else []
        if step % EVERY == 0:
            said += monitor.observe(step, {name: curves[name](step) for name in curves if name.startswith("heldout/")})
    return said


def alerts(steps: int = 60, config: OveroptimisationConfig | None = None, **sick: Curve) -> list[tuple[str, int]]:
    said = watch(OveroptimisationMonitor(config or OveroptimisationConfig()), range(steps + 1), **sick)
    return [(alert.code.removeprefix("overoptimisation_"), alert.step) for alert in said]


def test_a_healthy_run_is_left_in_peace() -> None:
    assert alerts() == []


def test_a_plateau_with_noise_is_no_alarm() -> None:
    noisy = {step: 0.6 + 0.009 * (-1) ** (step // EVERY) for step in range(201)}
    assert alerts(60, heldout__pass_at_1=lambda step: noisy[step] if step > 20 else 0.3 + 0.015 * step) == []


FALLING: Curve = lambda step: 0.3 + 0.02 * step if step <= 20 else 0.7 - 0.01 * (step - 20)  # noqa: E731

COLLAPSED: Curve = lambda step: 0.21 if step < 10 else 0.01  # noqa: E731
"""From one evaluation to the next, and level ever after."""

SICK: list[tuple[str, dict[str, Curve], int]] = [
    ("kl", {"kl__sequence": lambda step: 1.0 if step < 20 else 12.0}, 22),
    ("parting", {"heldout__pass_at_1": FALLING}, 30),
    ("parting", {"heldout__pass_at_1": COLLAPSED}, 15),
    ("spread", {"reward__learned_spread": lambda step: 0.3 if step < 20 else 0.9}, 21),
    ("length", {"response__length_mean": lambda step: 30 if step < 20 else 60}, 21),
    ("length", {"reward__learned_length": lambda step: 0.1 if step < 20 else 0.9}, 21),
    ("entropy", {"policy__entropy": lambda step: 0.5 if step < 20 else 0.05}, 22),
    ("repetition", {"text__repeated_share": lambda step: 0.05 if step < 20 else 0.4}, 21),
]


@pytest.mark.parametrize(("code", "sick", "step"), SICK)
def test_each_sign_is_announced_once_when_it_comes_up(code: str, sick: dict[str, Curve], step: int) -> None:
    assert [said for said in alerts(**sick) if said[0] == code] == [(code, step)]


OFF = {
    "kl": ("kl_budget",),
    "parting": ("reward_gap", "accuracy_lost"),
    "spread": ("spread_growth",),
    "length": ("length_growth", "length_correlation"),
    "entropy": ("entropy_share",),
    "repetition": ("repeated_rise",),
}


@pytest.mark.parametrize(("code", "sick", "step"), SICK)
def test_a_sign_without_a_threshold_is_not_watched(code: str, sick: dict[str, Curve], step: int) -> None:
    off = OveroptimisationConfig.model_validate(dict.fromkeys(OFF[code]))
    assert code not in dict(alerts(config=off, **sick))


FALLS: list[tuple[str, dict[str, Curve]]] = [
    ("one evaluation alone is low", {"heldout__pass_at_1": lambda step: 0.01 if step == 30 else 0.4}),
    ("there was little to lose", {"heldout__pass_at_1": lambda step: 0.04 if step < 30 else 0.01}),
    (
        "the learned reward has fallen too",
        {"heldout__pass_at_1": COLLAPSED, "heldout__learned": lambda step: -0.03 * step},
    ),
]


@pytest.mark.parametrize(("why", "fall"), FALLS)
def test_a_fall_of_accuracy_alone_is_no_gaming(why: str, fall: dict[str, Curve]) -> None:
    assert "parting" not in dict(alerts(**fall)), why


def test_nothing_is_watched_before_a_learned_reward_is_reported_or_when_turned_off() -> None:
    monitor = OveroptimisationMonitor(OveroptimisationConfig())
    for step in range(1, 30):
        assert monitor.observe(step, {"kl/sequence": 50.0, "response/length_mean": 2.0**step}) == []
    assert alerts(config=OveroptimisationConfig(enabled=False), kl__sequence=lambda step: 50.0) == []


def test_past_the_fitted_best_counts_within_the_budget() -> None:
    def gold(step: int) -> float:
        distance = 0.06 * step
        return 0.3 + distance * (0.15 - 0.15 * math.log(distance)) if step else 0.3

    said = alerts(kl__sequence=lambda step: (0.06 * step) ** 2, heldout__pass_at_1=gold, steps=40)
    (at,) = [step for code, step in said if code == "kl"]
    best = 1.0  # exp(a / b - 1)
    assert best < 0.06 * at < 1.8
    assert gold(at) > 0.3 + 0.15 - 0.05  # before five points are lost


def test_the_plateau_of_a_run_that_learns_on_is_not_past_its_best() -> None:
    monitor = OveroptimisationMonitor(OveroptimisationConfig())
    watch(monitor, range(61))
    (distance,) = [measure for measure in monitor.readings()[0].measures if measure.unit == "√nats"]
    assert distance.note == "fitted to 12 evaluations"
    assert not distance.holds


def test_it_is_said_with_figure_threshold_and_advice() -> None:
    monitor = OveroptimisationMonitor(OveroptimisationConfig())
    (said,) = watch(monitor, range(61), kl__sequence=lambda step: 12.0)
    assert said.message == "Far from the reference: KL to the reference, a response is 12.00 nats (10.00 nats)."
    assert (said.metric, said.severity) == ("kl/sequence", "warning")
    assert said.advice
    (reading, *others) = monitor.readings()
    assert (reading.holds, reading.since) == (True, WINDOW)
    assert not any(each.holds or each.since for each in others)
    assert monitor.alarm == WINDOW


def test_next_to_nothing_has_no_sign() -> None:
    assert [amount(value, "share") for value in (-0.004, 0.006, -0.2, None)] == ["0%", "1%", "-20%", "–"]


def test_a_sign_that_was_away_for_a_while_is_announced_again_but_the_first_alarm_stays() -> None:
    far = {*range(10, 20), *range(40, 50)}
    monitor = OveroptimisationMonitor(OveroptimisationConfig())
    said = watch(monitor, range(61), kl__sequence=lambda step: 30.0 if step in far else 0.1)
    assert len(said) == 2
    assert said[1].step - said[0].step > QUIET_STEPS
    assert monitor.alarm == said[0].step
    assert monitor.readings()[0].since is None


def test_it_stops_once_when_enough_signs_hold() -> None:
    both = OveroptimisationConfig(action="stop", stop_signals=2)
    sick: dict[str, Curve] = {
        "kl__sequence": lambda step: 1.0 if step < 20 else 12.0,
        "policy__entropy": lambda step: 0.5 if step < 30 else 0.01,
    }
    monitor = OveroptimisationMonitor(both)
    watch(monitor, range(31), **sick)
    assert monitor.stops is None
    watch(monitor, range(31, 61), **sick)
    assert monitor.stops == 32
    told = stop_alert(32, 25, monitor.readings())
    assert told.message == (
        "The learned reward is being gamed (far from the reference, entropy collapsed), so the run ends here. "
        "The last good checkpoint is that of step 25; it is kept."
    )
    assert "what it started from" in stop_alert(32, None, monitor.readings()).message
    only_said = OveroptimisationMonitor(OveroptimisationConfig())
    watch(only_said, range(61), **sick)
    assert only_said.stops is None


def test_figures_that_are_no_numbers_are_left_out() -> None:
    assert alerts(reward__learned_length=lambda step: math.nan, kl__sequence=lambda step: math.inf) == []


def test_its_memory_is_plain_and_survives_a_resume() -> None:
    sick: dict[str, Curve] = {"heldout__pass_at_1": FALLING, "kl__sequence": lambda step: 0.5 * step}
    steady = OveroptimisationMonitor(OveroptimisationConfig(action="stop"))
    whole = watch(steady, range(61), **sick)
    for cut in (START - 1, 23, 41):
        before = OveroptimisationMonitor(OveroptimisationConfig(action="stop"))
        said = watch(before, range(cut + 1), **sick)
        after = OveroptimisationMonitor(OveroptimisationConfig(action="stop"))
        after.load_state_dict(json.loads(json.dumps(before.state_dict())))
        said += watch(after, range(cut + 1, 61), **sick)
        assert [each.model_dump(exclude={"at"}) for each in said] == [each.model_dump(exclude={"at"}) for each in whole]
        assert after.readings() == steady.readings()
        assert (after.alarm, after.stops) == (steady.alarm, steady.stops)


@pytest.mark.parametrize(("distances", "found"), [((0.4, 0.8, 1.6, 2.0), True), ((1.5, 1.6, 1.8, 2.0), False)])
def test_a_fitted_best_lies_between_evaluations(distances: tuple[float, ...], found: bool) -> None:
    curve = GoldCurve("rl", a=0.5, b=0.5)  # highest at 1
    away = [Judged(step, distance, 0.2 + curve.gold(distance), 0.0) for step, distance in enumerate(distances, 1)]
    fit = fit_of([Judged(0, 0.0, 0.2, 0.0), *away])
    assert fit is not None
    assert fit.curve.a == pytest.approx(0.5)
    assert (fit.peak is not None) == found
