"""Arms that go on from a part count on from its end; arms that generate nothing are compared at theirs."""

import numpy as np
import pytest

from tests.webapp.reports.made import learned
from training.config import RunConfig, SftMethod
from webapp.reports.built import Built, build
from webapp.reports.catalogue import Known
from webapp.reports.definition import Arm, Definition
from webapp.reports.drawing import chart_of
from webapp.reports.models import Report, ReportRun
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
PASS = "heldout/pass_at_1"


def built(runs: dict[str, Run]) -> Built:
    arms = (
        Arm(slug="plain", title="Plain"),
        Arm(slug="on", title="On", after="half"),
        Arm(slug="sft", title="SFT", config={"method": SftMethod().model_dump()}),
    )
    goals = ({"kind": "beats", "arm": "on", "of": "sft", "at": "tokens"},)
    definition = Definition(
        name="r",
        title="R",
        parts=(Arm(slug="half", title="Half"),),
        arms=arms,
        metrics=(PASS, "reward/mean"),
        goals=goals,
    )
    report = Report.objects.create(slug="r", title="R", definition=definition.model_dump(mode="json"))
    for arm, run in runs.items():
        ReportRun.objects.create(report=report, arm=arm, seed=0, run=run, chosen=True)
    return build(Known(definition, report, False), every_point=True)


def four() -> dict[str, Run]:
    sft = RunConfig(method=SftMethod(), steps=10)
    return {
        "half": learned("half", 0, steps=40, tokens=500),
        "on": learned("on", 0, steps=20, tokens=2000),
        "plain": learned("plain", 0, steps=50, tokens=1000),
        "sft": learned("sft", 0, steps=10, tokens=7, config=sft),
    }


def test_a_curve_counts_on_from_where_the_part_ended() -> None:
    runs = four()
    made = built(runs)
    points = made.evidence.points[runs["on"].pk, PASS]
    part = made.evidence.points[runs["half"].pk, PASS]
    assert points.steps.tolist() == [*range(0, 45, 5), 45, 50, 55, 60], "its first measurement is the part's last"
    assert points.values[:9].tolist() == part.values.tolist()
    assert (points.tokens[8], points.tokens[-1]) == (20_000, 20_000 + 20 * 2000)
    assert points.seconds[-1] == pytest.approx(60 * 2.0)
    assert points.begin == 40
    [line] = next(lines for lines in chart_of(made.evidence, PASS, "step").arms if lines.arm.slug == "on").seeds
    behind = list(zip(line.runs, line.steps.tolist(), strict=True))
    assert behind[:2] == [(runs["half"].pk, 0), (runs["half"].pk, 5)]
    assert behind[7:10] == [(runs["half"].pk, 35), (runs["half"].pk, 40), (runs["on"].pk, 5)]
    assert behind[-1] == (runs["on"].pk, 20)
    assert [lines.arm.slug for lines in chart_of(made.evidence, PASS, "step").arms] == ["plain", "on", "sft"]


def test_what_generates_nothing_is_compared_at_its_end() -> None:
    runs = four()
    made = built(runs)
    assert made.results.equal["tokens"] == 50_000, "of the arms that generate"
    own = made.results.of("sft")
    assert own.at_equal["tokens"] == own.end
    [answer] = made.answers
    assert "The difference is +6.2 points" in answer.said
    assert len(made.cells) == 4


def test_what_goes_on_from_another_run_than_counts_is_outdated_and_waits() -> None:
    runs = four()
    made = built(runs)
    report = made.known.report
    ReportRun.objects.filter(arm__in=("half", "on")).update(chosen=False)
    [half, on] = [
        cell for cell in build(Known(made.definition, report, False)).cells if cell.arm.slug in ("half", "on")
    ]
    assert half.outdated, "its config is not the arm's"
    assert on.outdated
    assert on.is_waiting
    Run.objects.filter(pk=runs["half"].pk).update(config=made.definition.parts[0].run_config(0).model_dump(mode="json"))
    config = made.definition.arm("on").run_config(0).model_dump(mode="json")
    config["model"] = {"kind": "checkpoint", "run": runs["half"].pk, "step": 40}
    Run.objects.filter(pk=runs["on"].pk).update(config=config)
    [half, on] = [
        cell for cell in build(Known(made.definition, report, False)).cells if cell.arm.slug in ("half", "on")
    ]
    assert half.succeeded
    assert on.counts
    Run.objects.filter(pk=runs["half"].pk).update(status=RunStatus.STOPPED)
    assert np.isfinite(build(Known(made.definition, report, False)).evidence.points[runs["on"].pk, PASS].tokens).all()
