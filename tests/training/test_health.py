"""Each alarm on a history that deserves it, and silence on those that do not."""

import math
from collections.abc import Callable

import pytest

from training.events import Alert
from training.health import QUIET_STEPS, HealthMonitor

Curve = Callable[[int], float]

HEALTHY: dict[str, Curve] = {
    "optim/loss": lambda step: 0.01,
    "optim/grad_norm": lambda step: 0.5,
    "groups/zero_variance_share": lambda step: 0.3,
    "response/truncated_share": lambda step: 0.02,
    "policy/entropy": lambda step: 0.5 - 0.002 * step,
    "response/length_mean": lambda step: 10 + 0.2 * step,
    "reward/mean": lambda step: 0.2 + 0.005 * step + 0.01 * math.sin(step),
    "reward/accuracy": lambda step: 0.2 + 0.005 * step,
}


def alerts(steps: int = 80, **sick: Curve) -> list[Alert]:
    """What is said over a healthy run with some curves replaced (`_` in names stands for `/`, once)."""
    curves = HEALTHY | {name.replace("__", "/"): curve for name, curve in sick.items()}
    monitor = HealthMonitor()
    said = []
    for step in range(1, steps + 1):
        said += monitor.observe(step, {name: curve(step) for name, curve in curves.items()})
    return said


def test_a_healthy_run_is_left_in_peace() -> None:
    assert alerts() == []


@pytest.mark.parametrize(
    ("code", "sick", "first_step"),
    [
        ("not_finite", {"optim__loss": lambda step: math.nan if step == 7 else 0.1}, 7),
        ("not_finite", {"optim__grad_norm": lambda step: math.inf if step == 7 else 0.1}, None),
        ("zero_variance", {"groups__zero_variance_share": lambda step: 0.72}, 5),
        ("truncation", {"response__truncated_share": lambda step: 0.1 if step < 20 else 0.9}, 20),
        ("entropy_collapse", {"policy__entropy": lambda step: 0.5 if step < 10 else 0.05}, 14),
        (
            "length_explosion",
            {"response__length_mean": lambda step: 10 * 1.08**step, "reward__mean": lambda step: 0.3},
            20,
        ),
        ("fallen_reward", {"reward__mean": lambda step: 0.4 if step < 30 else 0.1}, 33),
        ("sampler_mismatch", {"mismatch__kl": lambda step: 0.001 if step < 20 else 0.04}, 21),
        (
            "sampler_mismatch",
            {
                "mismatch__kl": lambda step: 0.04 if step < 20 else 0.4,
                "mismatch__bounded_share": lambda step: 0.01,
            },
            20,
        ),
        ("unreadable_calls", {"tools__malformed_share": lambda step: 0.3 if step < 20 else 0.9}, 21),
        ("tool_service", {"tools__infrastructure_share": lambda step: 0.0 if step < 20 else 0.05}, 22),
        ("flat_reward", {"reward__mean": lambda step: 0.3 + 0.02 * (-1) ** step}, 50),
    ],
)
def test_an_ill_run_is_told_so_once_with_advice(code: str, sick: dict[str, Curve], first_step: int | None) -> None:
    said = [alert for alert in alerts(**sick) if alert.code == code]
    if code == "not_finite" and first_step is None:
        first_step = 7
    assert [alert.step for alert in said] == [first_step]
    assert said[0].advice


def test_the_message_names_the_figure() -> None:
    (said,) = alerts(groups__zero_variance_share=lambda step: 0.72, reward__accuracy=lambda step: 0.02)
    assert said.message == "72% of groups have equal rewards and teach nothing: the problems are nearly always wrong."
    assert said.metric == "groups/zero_variance_share"


@pytest.mark.parametrize(
    ("share", "why"),
    [(0.9, "the expert's steps are nearly always hit"), (0.1, "siblings are alike, or none keeps to the form")],
)
def test_of_experts_steps_nothing_is_right_or_wrong(share: float, why: str) -> None:
    said, *_ = alerts(
        groups__zero_variance_share=lambda step: 0.72,
        srl__exact_share=lambda step: share,
        reward__accuracy=lambda step: 0.0,
    )
    assert said.message.endswith(f"teach nothing: {why}.")


def test_an_alarm_may_be_raised_again_after_the_run_was_well_for_a_while() -> None:
    ill = {*range(10, 20), *range(40, 50)}
    said = alerts(response__truncated_share=lambda step: 0.9 if step in ill else 0.0)
    assert [alert.code for alert in said] == ["truncation", "truncation"]
    assert said[1].step - said[0].step > QUIET_STEPS


def test_growth_that_pays_is_no_explosion() -> None:
    said = alerts(response__length_mean=lambda step: 10 * 1.08**step, reward__mean=lambda step: 0.01 * step)
    assert "length_explosion" not in {alert.code for alert in said}


def test_a_restored_monitor_neither_repeats_nor_forgets() -> None:
    whole, first, resumed = HealthMonitor(), HealthMonitor(), HealthMonitor()
    curve = {"response/truncated_share": 0.9}
    expected = [alert.step for step in range(1, 20) for alert in whole.observe(step, curve)]
    found = [alert.step for step in range(1, 11) for alert in first.observe(step, curve)]
    resumed.load_state_dict(first.state_dict())
    found += [alert.step for step in range(11, 20) for alert in resumed.observe(step, curve)]
    assert found == expected == [5]


def test_rising_heldout_loss_is_called_memorising() -> None:
    monitor = HealthMonitor()
    losses = [2.0, 1.5, 1.2, 1.25, 1.3, 1.4]
    said = [alert.step for step, loss in enumerate(losses) for alert in monitor.observe(step, {"heldout/loss": loss})]
    assert said == [4]
