"""Goals and results on runs whose curves have a known shape."""

import numpy as np
import pytest

from tests.webapp.reports.made import learned, made_report, two_arms
from tests.webapp.runs.pages.made import add_figures, make_run
from training.config import RunConfig
from webapp.reports.built import Built, build
from webapp.reports.catalogue import Known
from webapp.reports.definition import Beats, Budget, Definition, Goal, Grows, ReachesPlateauWith
from webapp.reports.models import Report
from webapp.reports.services import launch_missing
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def built(report: Report, *goals: Goal, **changes: object) -> Built:
    definition = Definition.model_validate(report.definition).model_copy(update={"goals": goals, **changes})
    return build(Known(definition, report, False))


def verdicts(made: Built) -> list[str]:
    return [answer.verdict for answer in made.answers]


def test_a_faster_arm_reaches_the_plateau_with_a_share_of_the_tokens() -> None:
    report = made_report(two_arms())
    goal = ReachesPlateauWith(arm="search", of="grpo", share=0.5)
    made = built(report, goal, goal.model_copy(update={"share": 0.1}), goal.model_copy(update={"axis": "time"}))
    assert verdicts(made) == ["yes", "no", "yes"]
    said = made.answers[0].said.replace("\u00a0", " ")
    assert "It takes 0.3" in said
    assert "whichever seed is left out" in said
    assert "Search: 20 k" in said
    assert "generated tokens; GRPO: 65 k" in said


def test_the_slower_arm_does_not_beat_the_faster() -> None:
    report = made_report(two_arms())
    made = built(
        report,
        Beats(arm="search", of="grpo"),
        Beats(arm="grpo", of="search", at="end"),
        Beats(arm="search", of="grpo", by=0.2),
        Beats(arm="search", of="grpo", at="tokens"),
        Grows(arm="search", factor=5),
        Grows(arm="grpo", factor=20),
    )
    assert verdicts(made) == ["yes", "no", "no", "yes", "yes", "no"]
    assert "clear of the seeds' noise (n = 3 and 3)" in made.answers[0].said
    assert "after equal generated tokens (100\u00a0k)" in made.answers[3].asked


def test_arms_that_do_not_differ_are_within_their_noise() -> None:
    runs = [learned(f"one, seed {seed}", seed) for seed in range(3)]
    other = RunConfig(steps=100)
    runs += [
        learned(f"two, seed {seed}", seed + 10, config=other.model_copy(update={"seed": seed})) for seed in range(3)
    ]
    goals = (Beats(arm="two", of="one"), Beats(arm="one", of="two"), Beats(arm="one", of="two", by=0.2))
    made = built(made_report(runs, baseline="one"), *goals)
    assert "within their noise" in made.answers[0].said
    assert verdicts(made) == ["open", "open", "no"], "a difference within the noise proves nothing, either way"


def test_a_single_seed_proves_nothing() -> None:
    runs = [run for run in two_arms() if run.config["seed"] == 0]
    made = built(made_report(runs), Beats(arm="search", of="grpo"))
    assert verdicts(made) == ["open"]
    assert "of too few seeds to tell it from chance (n = 1 and 1)" in made.answers[0].said


def test_a_budget_leaves_out_what_comes_later() -> None:
    report = made_report(two_arms())
    short = built(report, budget=Budget(tokens=50_000))
    assert short.results.equal["tokens"] == 50_000
    assert short.results.of("grpo").end is not None
    longer, shorter = built(report).results.of("grpo"), short.results.of("grpo")
    assert longer.end is not None
    assert shorter.end is not None
    assert shorter.end.mean < longer.end.mean
    assert built(report, budget=Budget(seconds=100)).results.equal["time"] == 100


def test_goals_stay_open_while_runs_go_and_tell_how_it_stands() -> None:
    runs = two_arms()
    Run.objects.filter(pk=runs[0].pk).update(status=RunStatus.RUNNING)
    made = built(made_report(runs), Beats(arm="search", of="grpo"))
    assert verdicts(made) == ["open"]
    assert made.answers[0].said.startswith("1 of 6 runs are not done. So far: The difference is +10")


def test_without_figures_nothing_is_answered() -> None:
    runs = [make_run(name="a"), make_run(name="b", config=RunConfig(steps=9))]
    goals = (ReachesPlateauWith(arm="a", of="b", share=1), Beats(arm="a", of="b"), Grows(arm="a", factor=2))
    made = built(made_report(runs), *goals)
    assert verdicts(made) == ["open"] * 3
    assert made.evidence.metrics == []


def test_a_plateau_no_better_than_the_begin_is_nothing_to_get_to() -> None:
    runs = [learned(f"flat, seed {seed}", seed, top=0.1, noise=0.05) for seed in range(2)]
    made = built(made_report(runs), ReachesPlateauWith(arm="flat", of="flat", share=1))
    assert verdicts(made) == ["open"]
    assert "not every seed of it gained more than noise" in made.answers[0].said


def test_a_run_without_tokens_has_curves_over_steps_only() -> None:
    run = make_run(name="old")
    add_figures(run, {"heldout/pass_at_1": [0.1, 0.2, 0.3]})
    made = built(made_report([run]), ReachesPlateauWith(arm="old", of="old", share=1))
    assert len(made.evidence.curves("old", "heldout/pass_at_1", "step")[0].xs) == 3
    assert len(made.evidence.curves("old", "heldout/pass_at_1", "tokens")[0].xs) == 0
    assert verdicts(made) == ["open"]


def test_where_lower_is_better_the_arm_below_wins() -> None:
    runs = []
    for name, end in (("low", 0.2), ("high", 0.6)):
        for seed in range(2):
            run = make_run(name=f"{name}, seed {seed}", config=RunConfig(seed=seed, steps=99 if name == "low" else 100))
            at = np.arange(0, 101, 5)
            add_figures(run, {"heldout/loss": (end + np.exp(-at / 10) + seed * 1e-3).tolist()}, first=0, every=5)
            add_figures(run, {"tokens/total": [10.0 * step for step in range(1, 101)]})
            Run.objects.filter(pk=run.pk).update(step=100)
            runs.append(run)
    report = made_report(runs, baseline="high")
    made = built(
        report,
        Beats(arm="low", of="high"),
        ReachesPlateauWith(arm="low", of="high", share=1),
        metrics=("heldout/loss",),
    )
    assert verdicts(made) == ["yes", "yes"]
    best = made.results.of("low").best
    assert best is not None
    assert best.mean == pytest.approx(0.2, abs=0.01)


def test_a_run_of_another_config_does_not_count_and_is_replaced() -> None:
    arm = {"slug": "a", "title": "A", "config": {"steps": 5}}
    definition = Definition.model_validate({"name": "moved", "title": "Moved", "arms": [arm]})
    Report.objects.create(slug="moved", title="Moved", definition=definition.model_dump(mode="json"))
    first = launch_missing(Known(definition, None, True)).started[0]
    changed = Definition.model_validate({"name": "moved", "title": "Moved", "arms": [arm | {"config": {"steps": 6}}]})
    report = Report.objects.get()
    made = build(Known(changed, report, True))
    assert [(cell.outdated, cell.is_missing) for cell in made.cells] == [(True, True)]
    second = launch_missing(Known(changed, report, True)).started[0]
    assert second != first
    assert launch_missing(Known(definition, report, True)).started[0] == first  # the same config is the same run
    assert Run.objects.count() == 2


def test_runs_that_ended_early_are_resumed_but_not_those_a_user_chose() -> None:
    chosen = made_report([learned("chosen", 0, status=RunStatus.STOPPED)])
    known = Known(Definition.model_validate(chosen.definition), chosen, False)
    assert build(known).done == 1
    launched = launch_missing(known)
    assert (launched.started, launched.resumed) == ([], [])
    definition = Definition.model_validate({"name": "own", "title": "Own", "arms": [{"slug": "a", "title": "A"}]})
    run = launch_missing(Known(definition, None, True)).started[0]
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    report = Report.objects.get(slug="own")
    assert build(Known(definition, report, True)).state.startswith("0 of 1 runs done; 1 ended early")
    assert [each.pk for each in launch_missing(Known(definition, report, True)).resumed] == [run.pk]


def test_runs_of_an_arm_that_differ_in_more_than_their_seed_are_told() -> None:
    runs = [make_run(name=f"x, seed {seed}", config=RunConfig(seed=seed, steps=50 + seed)) for seed in range(2)]
    assert built(made_report(runs)).own_knobs == [("x", ["steps"])]
