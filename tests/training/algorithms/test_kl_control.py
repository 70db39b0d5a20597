"""The coefficient of the KL penalty: what moves it, how far, and what a checkpoint keeps of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.algorithms.kl_control import AdaptiveKl, FixedKl, KlControl


@pytest.mark.parametrize(("kl", "coefficient"), [(12, 0.201024), (3, 0.198976), (6.6, 0.200512), (6, 0.2)])
def test_the_coefficient_follows_the_kl(kl: float, coefficient: float) -> None:
    control = AdaptiveKl(0.2, target=6, horizon=10_000)
    control.update(kl, 256)
    assert control.coefficient == pytest.approx(coefficient, abs=1e-12)


@given(st.lists(st.floats(-100, 100), max_size=50), st.integers(0, 49))
def test_the_coefficient_stays_positive_and_moves_the_way_of_the_error(kls: list[float], sequences: int) -> None:
    control = AdaptiveKl(0.1, target=5, horizon=10)
    for kl in kls:
        before = control.coefficient
        control.update(kl, sequences)
        assert control.coefficient > 0
        assert (control.coefficient - before) * (kl - 5) >= 0


def test_a_policy_that_gives_way_to_the_penalty_settles_at_the_target() -> None:
    control = AdaptiveKl(1.0, target=6, horizon=2_000)
    for _ in range(400):
        control.update(1 / control.coefficient, 256)
    assert 1 / control.coefficient == pytest.approx(6, rel=1e-3)


def test_a_fixed_coefficient_stays() -> None:
    control = FixedKl(0.05)
    control.update(1e9, 256)
    control.load_state_dict(control.state_dict())
    assert control.coefficient == 0.05


def test_a_controller_goes_on_from_its_checkpoint() -> None:
    controls: list[KlControl] = [AdaptiveKl(0.2, 6, 1000), AdaptiveKl(0.7, 6, 1000)]
    controls[0].update(20, 100)
    controls[1].load_state_dict(controls[0].state_dict())
    for control in controls:
        control.update(1, 100)
    assert controls[0].coefficient == controls[1].coefficient == pytest.approx(0.2 * 1.02 * 0.98)


@pytest.mark.parametrize("state", [{}, {"coefficient": math.nan}, {"coefficient": -1.0}, {"beta": 0.1}])
def test_what_is_no_state_is_refused(state: dict[str, float]) -> None:
    control = AdaptiveKl(0.2, 6, 1000)
    with pytest.raises(ValueError, match="coefficient"):
        control.load_state_dict(state)
    assert control.coefficient == 0.2


@pytest.mark.parametrize(
    ("coefficient", "target", "horizon"), [(0.0, 6, 10), (-0.1, 6, 10), (0.1, 0, 10), (0.1, 6, 0), (0.1, math.nan, 10)]
)
def test_settings_that_cannot_steer_are_refused(coefficient: float, target: float, horizon: int) -> None:
    with pytest.raises(ValueError, match="above"):
        AdaptiveKl(coefficient, target, horizon)


@pytest.mark.parametrize(("kl", "sequences", "message"), [(math.nan, 1, "not finite"), (6, 50, "too many")])
def test_measurements_that_would_spoil_the_coefficient_are_refused(kl: float, sequences: int, message: str) -> None:
    control = AdaptiveKl(0.2, target=6, horizon=10)
    with pytest.raises(ValueError, match=message):
        control.update(kl, sequences)
    assert control.coefficient == 0.2
