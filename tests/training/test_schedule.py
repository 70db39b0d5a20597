"""Learning rates by step."""

import pytest

from training.config import OptimisationConfig
from training.schedule import learning_rate


def rates(steps: int, **options: object) -> list[float]:
    config = OptimisationConfig.model_validate({"learning_rate": 1.0, **options})
    return [learning_rate(step, steps, config) for step in range(1, steps + 1)]


def test_constant_rates_stay_after_the_warm_up() -> None:
    assert rates(6, warmup_steps=4) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_linear_rates_reach_their_floor_at_the_last_step() -> None:
    assert rates(6, schedule="linear", warmup_steps=2, min_rate_share=0.2) == pytest.approx(
        [0.5, 1, 0.8, 0.6, 0.4, 0.2]
    )


def test_cosine_rates_pass_half_way_in_the_middle() -> None:
    found = rates(8, schedule="cosine", min_rate_share=0.1)
    assert found[3] == pytest.approx(0.55)
    assert found[-1] == pytest.approx(0.1)
    assert found == sorted(found, reverse=True)
