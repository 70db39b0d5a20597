"""Every metric is drawn exactly once, in the chart where one would look for it."""

import pytest

from training.events.metrics import METRICS
from webapp.runs.charts import AXES, CHARTS, OTHER, charts_of, key_for


def test_every_declared_metric_is_drawn_exactly_once() -> None:
    drawn = charts_of(METRICS)
    names = [name for each in drawn for name in each.names]
    assert sorted(names) == sorted(set(METRICS) - AXES)


def test_reward_parts_share_a_chart_and_their_spread_has_its_own() -> None:
    names = ["reward/std", "reward/format", "reward/mean", "reward/tool_use"]
    assert [each.metrics for each in charts_of(names)] == [
        ("reward/mean", "reward/format", "reward/tool_use"), ("reward/std",),
    ]  # fmt: skip


def test_the_interval_belongs_to_the_curve_it_bounds() -> None:
    (drawn,) = charts_of(["heldout/greedy", "heldout/pass_at_1_high", "heldout/pass_at_1", "heldout/pass_at_1_low"])
    curves = drawn.as_json(7)["curves"]
    assert isinstance(curves, list)
    assert [(curve["name"], curve["band"]) for curve in curves] == [
        ("heldout/pass_at_1", ("heldout/pass_at_1_low", "heldout/pass_at_1_high")), ("heldout/greedy", None),
    ]  # fmt: skip
    assert {curve["source"] for curve in curves} == {"7"}


def test_a_metric_nobody_declared_has_a_chart_of_its_own() -> None:
    (drawn,) = charts_of(["search/depth_mean"])
    assert (drawn.chart.section, drawn.chart.title, drawn.chart.key) == (OTHER, "Depth mean", "search-depth_mean")


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        ("groups/zero_variance_share", "zero-variance"),
        ("optim/grad_norm", "grad-norm"),
        ("time/step_s", ""),
        ("a/b", "a-b"),
    ],
)
def test_an_alert_finds_the_chart_of_its_metric(metric: str, key: str) -> None:
    assert key_for(metric) == key


def test_keys_of_charts_are_unique() -> None:
    assert len({chart.key for chart in CHARTS}) == len(CHARTS)
