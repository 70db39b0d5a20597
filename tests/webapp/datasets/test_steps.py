"""The splitter's page and its totals, without a browser."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.training.reading import shapes
from tests.webapp.datasets.conftest import problem
from training.config import SrlMethod, StepsConfig
from training.problems.types import DemonstratedTurn
from training.reading import Accepted
from training.srl.tasks import tasks_of
from webapp.accounts.models import User
from webapp.datasets import step_totals
from webapp.datasets.models import ProblemSet, StepTotals
from webapp.datasets.services import store_problem_set
from webapp.datasets.step_forms import StepsForm, likely_settings
from webapp.datasets.step_totals import further_totals, known_totals
from webapp.datasets.steps_page import HEAD, TAIL, Cut, bars_of, example_of
from webapp.datasets.trajectories import BuiltinTrajectories, ImportedTrajectories

pytestmark = pytest.mark.django_db
Store = Callable[[list[Accepted]], ImportedTrajectories]

HOSTILE = "<script>alert(1)</script>"


def settings(rule: str = "line", form: str = "continuation", **steps: object) -> SrlMethod:
    return SrlMethod(steps=StepsConfig.model_validate({"rule": rule, **steps}), format=form)  # type: ignore[arg-type]


LINES = settings()
ASKED = {"rule": "line", "format": "think_action"}
NUMBERED = "1. **Find the sum** 2 + 3 = 5.\n2. **Square it** 25.\n3. **Answer** 25."


def solved(number: int, solution: str, **changes: str) -> Accepted:
    return problem(number, solution=solution, **changes)


@pytest.fixture
def store(researcher: User) -> Store:
    def make(problems: list[Accepted]) -> ImportedTrajectories:
        made = store_problem_set(
            problems, name="Steps", description="", source="s", mapping={}, report={}, user=researcher
        )
        return ImportedTrajectories(made)

    return make


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("config", [LINES, settings(form="think_action")], ids=lambda config: config.format)
def test_totals_are_what_the_trainer_prepares(store: Store, config: SrlMethod) -> None:
    solutions = [NUMBERED, "a\nb", "one line", "", "c\nd\ne\nf", "<think>g\nh</think><answer>3</answer>"]
    trajectories = store([solved(number, each) for number, each in enumerate(solutions, 1)])
    tally = further_totals(trajectories, config)
    tasks, refused = tasks_of((each for _, each in trajectories.after(0)), config)
    assert tally.done
    assert (tally.instances, tally.refused) == (len(tasks), len(refused))
    assert tally.to_train == sum(task.problem.split == "train" for task in tasks)
    assert tally.steps == {"3": 2, "2": 1, "1": 1, "4": 1}
    lengths = [len(task.target) for task in tasks]
    assert (tally.shortest.characters, tally.longest.characters) == (min(lengths), max(lengths))
    assert (tally.longest.number, tally.longest.step) == (1, 1)
    assert tally.prompt.characters == max(len(task.prompt + task.given) for task in tasks)
    assert tally.prompt.number == 1


def test_reasons_are_counted_without_their_numbers_and_lead_to_examples(store: Store) -> None:
    bad = ["1. **Sum** 5\n3. **Square** 25", "1. **Sum** 5\n2. **Square** 25\n4. **Answer** 25", "x", NUMBERED]
    tally = further_totals(store([solved(number, each) for number, each in enumerate(bad, 1)]), settings("numbered"))
    assert {kind: (reason.count, reason.examples) for kind, reason in tally.reasons.items()} == {
        "step # is numbered #": (2, [(1, "step 2 is numbered 3"), (2, "step 3 is numbered 4")]),
        "no line begins like “#. **Title**”": (1, [(3, "no line begins like “1. **Title**”")]),
    }


def test_totals_are_counted_in_portions_and_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    trajectories = store([solved(number, "a\nb\nc") for number in range(1, 8)])
    clock = count()
    monkeypatch.setattr(step_totals.time, "monotonic", lambda: 0.3 * next(clock))
    read = [further_totals(trajectories, LINES).read for _ in range(4)]
    assert read == [3, 6, 7, 7]
    tally = known_totals(trajectories, LINES)
    assert (tally.done, tally.instances, tally.steps) == (True, 14, {"3": 7})
    assert known_totals(trajectories, settings("line", last=True)).read == 0


def test_a_pattern_that_takes_for_ever_ends_the_count(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.srl.steps.PATTERN_SECONDS", 0.05)
    trajectories = store([solved(1, "b;b"), solved(2, "a" * 60 + "!"), solved(3, "b;b")])
    tally = further_totals(trajectories, settings("regex", pattern="(a|aa)+$|(a|a)*c|;"))
    assert tally.done
    assert tally.fault.startswith("Problem 2: the pattern takes more than 0.05 s on one solution")
    assert tally.instances == 1


def test_a_set_that_takes_too_long_in_all_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr(step_totals.time, "monotonic", lambda: 40.0 * next(clock))
    trajectories = store([solved(number, "a\nb") for number in range(1, 5)])
    assert not further_totals(trajectories, LINES).done
    assert "Stopped after 120 s" in further_totals(trajectories, LINES).fault


def test_old_totals_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_totals, "MOST_KEPT", 2)
    trajectories = store([solved(1, "a\nb")])
    for pattern in "abc":
        further_totals(trajectories, settings("regex", pattern=pattern))
    assert StepTotals.objects.count() == 2
    assert known_totals(trajectories, settings("regex", pattern="c")).done


def test_bars_put_many_lengths_together() -> None:
    tally = step_totals.Tally(steps={"2": 4, "3": 8})
    assert [(bar.label, bar.count, bar.share) for bar in bars_of(tally)] == [("2", 4, 50.0), ("3", 8, 100.0)]
    tally = step_totals.Tally(steps={"1": 4, "40": 2})
    bars = bars_of(tally)
    assert (bars[0].label, bars[0].count, bars[-1].label, bars[-1].count) == ("1–3", 4, "40–42", 2)
    assert len(bars) == 14
    assert bars_of(step_totals.Tally()) == []


def test_only_the_ends_of_a_long_text_are_shown() -> None:
    assert Cut.of("x" * (HEAD + TAIL)) == Cut("x" * (HEAD + TAIL))
    cut = Cut.of("a" * HEAD + "b" * 5000 + "c" * TAIL)
    assert cut == Cut("a" * HEAD, 5000, "c" * TAIL)


def test_the_page_shows_pieces_instances_and_settings_for_a_run(researcher_client: Client, store: Store) -> None:
    store([solved(1, NUMBERED), solved(2, HOSTILE + "\nb")])
    page = text(researcher_client.get("/datasets/steps/steps/", {**ASKED, "rule": "numbered", "title": "on"}))
    assert re.findall(r'class="step (odd|even)( no-target)?"><b class="step-number">(\d)', page)[:3] == [
        ("odd", "", "1"), ("even", "", "2"), ("odd", " no-target", "3"),
    ]  # fmt: skip
    assert "2 instances" in page
    assert "Title of the next step:\n2. **Square it**" in page
    assert 'href="/runs/new/?problems=steps&amp;rule=numbered&amp;format=think_action&amp;title=on"' in page
    assert "&amp;problem=2" in page
    page = text(researcher_client.get("/datasets/steps/steps/", {**ASKED, "problem": "2"}))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_a_refused_problem_says_why_and_shows_its_solution(researcher_client: Client, store: Store) -> None:
    store([solved(1, "no steps here")])
    page = text(researcher_client.get("/datasets/steps/steps/", {"rule": "numbered"}))
    assert "This problem is left out: no line begins like" in page
    assert "no steps here" in page
    page = text(researcher_client.get("/datasets/steps/steps/", {"rule": "line"}))
    assert "it has one step only, and the last step is no target" in page


def test_a_transcript_shows_who_speaks(store: Store) -> None:
    turns = (
        DemonstratedTurn("model", "I look. <tool_call>a</tool_call>"),
        DemonstratedTurn("tool", "x"),
        DemonstratedTurn("tool", "y"),
        DemonstratedTurn("model", "<tool_call>b</tool_call>"),
    )
    trajectories = store([replace(problem(1), answer="", turns=turns)])
    asked = trajectories.at(1)
    assert asked
    example = example_of(1, asked, settings("tool_call", "think_action"))
    assert [(shown.piece.text, shown.speaker) for shown in example.pieces] == [
        ("I look. ", "model"),
        ("<tool_call>a</tool_call>", ""),
        ("x", "tool"),
        ("y", "tool"),
        ("<tool_call>b</tool_call>", "model"),
    ]
    assert likely_settings(trajectories) == {"rule": "tool_call", "format": "continuation"}
    going_on = example_of(1, asked, settings("tool_call", last=True))
    assert [(each.given.head, each.target.head) for each in going_on.instances] == [
        ("", "<tool_call>a</tool_call>"),
        ("[model] I look. <tool_call>a</tool_call>\n[tool] x\n[tool] y", "<tool_call>b</tool_call>"),
    ]
    assert "only its tool calls cut" in example_of(1, asked, LINES).refused


@pytest.mark.parametrize(
    ("solution", "rule"), [(NUMBERED, "numbered"), ("a\nb", "line"), ("<function=x></function>\n" * 2, "tool_call")]
)
def test_the_first_rule_is_the_one_that_fits(store: Store, solution: str, rule: str) -> None:
    assert likely_settings(store([solved(1, solution)])) == {"rule": rule, "format": "continuation"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rule": "regex", "format": "continuation"}, "Type the pattern"),
        ({**ASKED, "rule": "regex", "pattern": "("}, "is no regular expression"),
        ({**ASKED, "rule": "sentence"}, "Select a valid choice"),
    ],
)
def test_settings_that_make_no_sense_are_told(
    researcher_client: Client, store: Store, given: dict[str, str], message: str
) -> None:
    store([solved(1, "a\nb")])
    response = researcher_client.get("/datasets/steps/steps/", given)
    assert response.status_code == 422
    assert message in text(response)
    part = researcher_client.get("/datasets/steps/steps/", given, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in text(part)
    assert researcher_client.get("/datasets/steps/steps/totals/", given).status_code == 404


def test_the_page_outlives_a_pattern_that_takes_for_ever(
    researcher_client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.srl.steps.PATTERN_SECONDS", 0.05)
    store([solved(1, "a" * 60 + "!")])
    page = text(researcher_client.get("/datasets/steps/steps/", {**ASKED, "rule": "regex", "pattern": "(a|aa)+$"}))
    assert "The pattern takes more than 0.05 s on one solution" in page
    assert "The whole set" not in page


def test_only_what_counts_goes_into_the_settings() -> None:
    form = StepsForm({"rule": "line", "format": "continuation", "pattern": "((", "title": "on"})
    assert form.is_valid()
    assert form.config == LINES


def test_places_that_are_none_lead_to_the_nearest(researcher_client: Client, store: Store) -> None:
    store([solved(1, "a\nb"), solved(2, "c\nd")])
    for asked, shown in (("0", "1"), ("99", "2"), ("x", "1"), ("9" * 40, "1")):
        page = text(researcher_client.get("/datasets/steps/steps/", {**ASKED, "problem": asked}))
        assert f'value="{shown}"' in page


def test_built_in_levels_are_split_too(researcher_client: Client) -> None:
    page = text(researcher_client.get("/datasets/builtin/middle/steps/"))
    assert "4 steps" in page
    assert "preset=srl&amp;level=middle" in page
    assert "of 4,352" in page
    assert researcher_client.get("/datasets/builtin/none/steps/").status_code == 404
    assert likely_settings(BuiltinTrajectories("tools"))["rule"] == "tool_call"
    page = text(researcher_client.get("/datasets/builtin/repositories/steps/"))
    assert "preset=agents-srl&amp;level=repositories&amp;rule=tool_call" in page
    assert "of 608" in page
    tally = further_totals(BuiltinTrajectories("easy"), LINES)
    assert tally.instances == 2 * tally.read


def test_a_viewer_sees_the_steps_but_starts_no_run(client: Client, viewer: User, store: Store) -> None:
    store([solved(1, "a\nb")])
    client.force_login(viewer)
    page = text(client.get("/datasets/steps/steps/"))
    assert "1 instance" in page
    assert "Use in a run" not in page


def test_the_page_takes_few_queries(
    researcher_client: Client, store: Store, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    store([solved(number, "a\nb") for number in range(1, 60)])
    with django_assert_max_num_queries(8):
        researcher_client.get("/datasets/steps/steps/")
    with django_assert_max_num_queries(13):
        researcher_client.get("/datasets/steps/steps/totals/", ASKED)
    assert "Solutions as steps" in text(researcher_client.get("/datasets/steps/"))
    assert ProblemSet.objects.count() == 1


def test_an_empty_set_has_an_empty_page(researcher_client: Client, store: Store) -> None:
    store([])
    assert "has no problem" in text(researcher_client.get("/datasets/steps/steps/"))


def test_shapes_of_experts_are_split_by_the_rule_that_fits(store: Store) -> None:
    rows = [solved(number, shapes.stepped(number)["deepseek_attempt"]) for number in range(1, 4)]
    trajectories = store(rows)
    assert likely_settings(trajectories)["rule"] == "numbered"
    assert further_totals(trajectories, settings("numbered")).steps == {"2": 3}
