"""What a sweep would run, and what it leaves out."""

import pytest

from tests.webapp.runs.pages.made import make_run
from training.config import RunConfig
from training.config.plan import plan_of
from training.config.presets import DEMO
from webapp.core.errors import UserError
from webapp.reports.sweeps.duration import estimate
from webapp.reports.sweeps.plan import SweepPlan, plan_sweep
from webapp.reports.sweeps.reading import read_axes
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
RATE, CLIP = "optimisation.learning_rate", "method.loss.clip_high"


def planned(*pairs: tuple[str, str], seeds: tuple[int, ...] = (0, 1)) -> SweepPlan[RunConfig]:
    return plan_sweep(DEMO.config, read_axes(pairs), seeds)


def test_every_combination_becomes_a_setting_named_by_what_differs() -> None:
    plan = planned((RATE, "1e-4, 3e-4"), (CLIP, "0.2, 0.28"))
    assert plan.sum == "2 × 2 settings × 2 seeds = 8 runs"
    assert [each.title for each in plan.settings] == [
        "learning rate 0.0001, clip high 0.2", "learning rate 0.0001, clip high 0.28",
        "learning rate 0.0003, clip high 0.2", "learning rate 0.0003, clip high 0.28",
    ]  # fmt: skip
    first = plan.settings[0].config
    assert first.optimisation.learning_rate == 1e-4
    assert first.method.loss.clip_high == 0.2  # type: ignore[union-attr]
    assert first.model_copy(update={"optimisation": DEMO.config.optimisation}).steps == DEMO.config.steps


def test_without_axes_there_is_the_config_itself() -> None:
    plan = planned(seeds=(0, 1, 2))
    assert (plan.sum, plan.run_count) == ("3 seeds = 3 runs", 3)
    assert plan.settings[0].config == plan.base


def test_each_impossible_combination_is_named_with_its_reason() -> None:
    plan = planned((RATE, "1e-4, -1"), ("method.sampling.samples_per_prompt", "1, 8"))
    assert [each.title for each in plan.settings] == ["learning rate 0.0001, samples per prompt 8"]
    assert [(each.title, each.reason) for each in plan.refused] == [
        ("learning rate 0.0001, samples per prompt 1", "Samples per prompt: it must be greater than or equal to 2."),
        (
            "learning rate -1, samples per prompt 1",
            "Samples per prompt: it must be greater than or equal to 2. Learning rate: it must be greater than 0.",
        ),
        ("learning rate -1, samples per prompt 8", "Learning rate: it must be greater than 0."),
    ]
    assert plan.sum == "2 × 2 settings, 3 of them left out, × 2 seeds = 2 runs"


def test_knobs_that_cannot_go_together_and_sources_that_are_not_there_are_refused() -> None:
    plan = planned(("method.updates_per_step", "1, 5"), ("problems.kind", "builtin, imported"))
    assert len(plan.settings) == 1
    reasons = [each.reason for each in plan.refused]
    assert len(reasons) == 3
    assert all(reasons)
    assert "imported" in plan.refused[0].title


def test_a_knob_of_another_method_does_not_count() -> None:
    plan = planned(("method.kind", "grpo, ppo"), ("method.epochs", "1, 2"))
    assert [each.title for each in plan.settings] == ["method ppo, epochs a step 1", "method ppo, epochs a step 2"]
    assert {each.reason for each in plan.refused} == {"Epochs a step does not count with what else is chosen."}


def test_too_many_runs_are_refused_before_they_are_looked_at() -> None:
    many = ",".join(str(number) for number in range(1, 101))
    with pytest.raises(UserError, match=r"33 settings × 2 seeds are 66 runs; 64 at once is the most"):
        planned(("steps", ",".join(str(number) for number in range(1, 34))))
    with pytest.raises(UserError, match=r"100 × 100 × 100 settings × 2 seeds are 2000000 runs"):
        planned(("steps", many), ("method.sampling.prompts_per_step", many), ("optimisation.warmup_steps", many))


def test_what_is_agreed_to_changes_with_every_value_and_seed() -> None:
    plans = [planned((RATE, "1e-4")), planned((RATE, "2e-4")), planned((RATE, "1e-4"), seeds=(0, 2))]
    assert len({plan.agreement for plan in plans}) == 3
    assert planned((RATE, "1e-4")).agreement == plans[0].agreement


def test_the_time_is_that_of_an_earlier_run_by_steps_and_tokens() -> None:
    config = RunConfig(steps=10)
    assert estimate([config], 2) is None
    run = make_run(config=config, step=10, attempt=1)  # make_run: 50 minutes
    found = estimate([config, config.model_copy(update={"steps": 20})], 2)
    assert found is not None
    assert found.by == run
    assert found.seconds == pytest.approx(2 * (3000 + 6000), rel=1e-3)
    half = RunConfig.model_validate({"method": {"kind": "grpo", "sampling": {"max_tokens": 32}}, "steps": 10})
    scaled = estimate([half], 1)
    assert scaled is not None
    ratio = plan_of(half).tokens_per_step / plan_of(config).tokens_per_step
    assert scaled.seconds == pytest.approx(3000 * ratio, rel=1e-3)
    Run.objects.update(status=RunStatus.STOPPED)
    assert estimate([config], 2) is None
