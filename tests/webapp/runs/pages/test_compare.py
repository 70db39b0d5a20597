"""Comparing runs: changes from a baseline, differences of configs, eight at most."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.runs.pages.made import add_figures, make_run
from training.config import OptimisationConfig, RunConfig, SftMethod
from webapp.runs.comparison import change
from webapp.runs.config_table import MISSING, compare
from webapp.runs.models import Run

COMPARE = "/runs/compare/"


@pytest.fixture
def pair(db: None) -> list[Run]:
    runs = [
        make_run(config=RunConfig(seed=1), name="base"),
        make_run(config=RunConfig(seed=2, optimisation=OptimisationConfig(learning_rate=3e-4)), name="other"),
    ]
    add_figures(
        runs[0], {"reward/mean": [0.5, 0.8, 0.4], "optim/loss": [0.0, 0.0, 0.0], "time/step_s": [4.0, 2.0, 4.0]}
    )
    add_figures(runs[1], {"reward/mean": [0.5, 0.6, 0.5], "optim/loss": [1.0, 1.0, 1.0]})
    return runs


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [(0.5, 0.4, 0.25), (-3.0, -2.0, -0.5), (1.0, 0.0, None), (None, 1.0, None), (2.0, None, None), (3.0, 3.0, 0.0)],
)
def test_changes_are_relative_to_the_size_of_the_baseline(
    value: float | None, base: float | None, expected: float | None
) -> None:
    assert change(value, base) == (None if expected is None else pytest.approx(expected))


def test_last_and_best_figures_stand_beside_their_change(researcher_client: Client, pair: list[Run]) -> None:
    context = researcher_client.get(f"{COMPARE}?runs={pair[0].pk},{pair[1].pk}").context
    rows = {row.info.name: row.cells for row in [*context["shown"], *context["folded"]]}
    base, other = rows["reward/mean"]
    assert (base.last, base.best, other.last, other.best) == (0.4, 0.8, 0.5, 0.6)
    assert (other.last_change, other.best_change) == (pytest.approx(0.25), pytest.approx(-0.25))
    assert rows["optim/loss"][1].last_change is None  # the baseline's is 0
    assert rows["optim/loss"][1].best is None  # neither direction is better
    assert "time/step_s" not in rows  # an axis


def test_another_run_can_be_the_baseline(researcher_client: Client, pair: list[Run]) -> None:
    query = f"?runs={pair[0].pk},{pair[1].pk}&baseline={pair[1].pk}"
    context = researcher_client.get(COMPARE + query).context
    rows = {row.info.name: row.cells for row in context["shown"]}
    assert rows["reward/mean"][0].last_change == pytest.approx(-0.2)
    assert rows["reward/mean"][1].is_baseline


def test_only_differing_knobs_are_listed_and_any_can_be_ignored(researcher_client: Client, pair: list[Run]) -> None:
    def paths(query: str) -> list[str]:
        context = researcher_client.get(f"{COMPARE}?runs={pair[0].pk},{pair[1].pk}{query}").context
        return [row.path for row, _ in context["differences"]]

    assert paths("") == ["seed", "optimisation.learning_rate"]
    assert paths("&ignore=seed") == ["optimisation.learning_rate"]
    assert len(paths("&all=1")) > 40


def test_a_knob_that_a_method_lacks_is_shown_as_missing() -> None:
    rows = {row.path: row for row in compare([
        RunConfig().model_dump(mode="json"), RunConfig(method=SftMethod()).model_dump(mode="json"),
    ])}  # fmt: skip
    assert rows["method.sampling.temperature"].values == [1.0, MISSING]
    assert rows["method.packing"].values == [MISSING, True]
    assert rows["method.kind"].values == ["grpo", "sft"]
    assert not rows["seed"].differs


def test_eight_runs_are_compared_at_most(researcher_client: Client) -> None:
    runs = [make_run() for _ in range(9)]
    numbers = [str(run.pk) for run in runs]
    response = researcher_client.get(reverse("runs:compare"), {"runs": numbers})
    assert response["Location"] == f"{COMPARE}?runs={','.join(numbers[:8])}"
    page = researcher_client.get(response["Location"])
    assert len(page.context["runs"]) == 8
    assert "8 runs are compared at most" in page.content.decode()


def test_a_run_is_added_after_the_others(researcher_client: Client, pair: list[Run]) -> None:
    response = researcher_client.get(COMPARE, {"runs": pair[1].pk, "add": pair[0].pk, "x": "tokens"})
    assert response["Location"] == f"{COMPARE}?runs={pair[1].pk},{pair[0].pk}&x=tokens"


def test_runs_that_are_gone_are_left_out(researcher_client: Client, pair: list[Run]) -> None:
    page = researcher_client.get(f"{COMPARE}?runs=999999,{pair[1].pk}")
    assert [run.name for run in page.context["runs"]] == ["other"]
    assert "Add runs above" in researcher_client.get(COMPARE).content.decode()


def test_nonsense_is_answered_with_a_sentence(researcher_client: Client) -> None:
    response = researcher_client.get(f"{COMPARE}?runs=1,two")
    assert response.status_code == 400
    assert "Runs are named by their numbers" in response.content.decode()


def test_the_csv_has_a_line_for_each_run_and_step(researcher_client: Client, pair: list[Run]) -> None:
    numbers = f"{pair[0].pk},{pair[1].pk}"
    response = researcher_client.get(reverse("runs:compare_csv", args=["reward-mean"]), {"runs": numbers})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert lines[0] == "run,step,reward/mean"
    values = {pair[0].pk: (0.5, 0.8, 0.4), pair[1].pk: (0.5, 0.6, 0.5)}
    assert lines[1:] == [f"{run},{step},{value}" for run in values for step, value in enumerate(values[run], 1)]
