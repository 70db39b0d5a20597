"""Runs on the same problems share verified solutions through PostgreSQL and a file each."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run
from tests.made_solutions import EPOCH, found, make_solution, right_text, searching_run
from tests.workers.conftest import Supervised
from training.config import RunConfig
from training.events import RejectedSolution, SolutionsFound
from training.solutions.file import InvalidLine, SolutionLine, read_new
from webapp.accounts.models import User
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search import solutions
from webapp.search.models import VerifiedSolution
from workers import sharing
from workers.ingest.solutions import store_solutions
from workers.sharing import SharedSolutions, shared_solutions

pytestmark = pytest.mark.django_db


def begin(run: Run) -> SharedSolutions:
    """A worker takes the run."""
    run.folder.mkdir(parents=True, exist_ok=True)
    shared = shared_solutions(run, RunConfig.model_validate(run.config))
    assert shared is not None
    return shared


def lines(run: Run) -> list[SolutionLine | InvalidLine]:
    return read_new(run.folder / "solutions.jsonl")[0]


def usable(run: Run) -> set[str]:
    """Texts that a trainer that reads the file from its start may use."""
    texts: dict[str, str | None] = {}
    for line in lines(run):
        texts[line.key] = line.text if isinstance(line, SolutionLine) else None
    return {text for text in texts.values() if text}


def test_what_one_run_finds_reaches_another_that_trains_at_the_same_time() -> None:
    finder, taker = searching_run("finder"), searching_run("taker")
    shared, own = begin(taker), begin(finder)
    assert lines(taker) == []
    made = make_solution(searching_run("elsewhere"), problem_set="builtin/other")
    event = SolutionsFound(step=3, found=[found(made, text=right_text(n), problem="p1") for n in (1, 2)], at=1.0)
    store_solutions(finder, event)
    shared.write()
    own.write()
    assert usable(taker) == {right_text(1), right_text(2)}
    [first, _] = lines(taker)
    assert isinstance(first, SolutionLine)
    assert (first.problem, first.verifier, first.tokenizer, first.token_ids[:3]) == (
        "p1",
        made.verifier,
        "made",
        [0, 1, 2],
    )
    assert first.logprobs == event.found[0].logprobs
    assert lines(finder) == [], "its own cache has them"


def test_a_run_starts_with_the_shortest_of_what_is_known_of_its_problems(tmp_path: Path) -> None:
    old = searching_run("old")
    for number in range(12):
        make_solution(old, number)
    make_solution(old, 13, problem=1)
    make_solution(old, 0, problem=2, problem_set="builtin/other")
    make_solution(old, 0, problem=3, invalid_at=EPOCH, invalid_reason="guessed")
    run = searching_run("new")
    begin(run)
    assert usable(run) == {right_text(number) for number in range(8)} | {right_text(13)}
    assert [line.reason for line in lines(run) if isinstance(line, InvalidLine)] == ["guessed"]


def test_a_worker_that_takes_over_writes_nothing_twice() -> None:
    finder, run = searching_run("finder"), searching_run("taker")
    make_solution(finder, 0)
    wrong = make_solution(finder, 1)
    shared = begin(run)
    solutions.withdraw(VerifiedSolution.objects.filter(pk=wrong.pk), "guessed", timezone.now())
    shared.write()
    before = lines(run)
    with (run.folder / "solutions.jsonl").open("ab") as file:
        file.write(b'{"kind": "solution", "probl')  # killed amid a line
    begin(run).write()
    assert lines(run) == before
    make_solution(finder, 2)
    begin(run)
    assert [type(line) for line in lines(run)] == [SolutionLine, SolutionLine, InvalidLine, SolutionLine]


def test_an_invalidation_reaches_a_running_run_and_so_does_its_end(researcher: User) -> None:
    solution = make_solution(searching_run("finder"))
    run = searching_run("taker")
    shared = begin(run)
    solutions.invalidate(solution, "the answer was guessed", researcher)
    shared.write()
    assert lines(run)[-1] == InvalidLine(problem=solution.problem, key=solution.key, reason="the answer was guessed")
    assert usable(run) == set()
    solutions.reinstate(solution)
    shared.write()
    assert usable(run) == {solution.text}
    assert len(lines(run)) == 3


def test_a_place_that_an_invalid_solution_leaves_is_filled_with_the_next_one(researcher: User) -> None:
    finder, run = searching_run("finder"), make_run(method={"kind": "deepsearch", "cache": {"per_problem": 1}})
    shortest, _ = make_solution(finder, 0), make_solution(finder, 1)
    shared = begin(run)
    assert usable(run) == {right_text(0)}
    solutions.invalidate(shortest, "guessed", researcher)
    shared.write()
    assert usable(run) == {right_text(1)}


def test_without_sharing_a_run_gets_and_gives_nothing_but_hears_of_invalid_ones(researcher: User) -> None:
    alone, other = searching_run("alone", share=False), searching_run("other")
    own, foreign = make_solution(alone, 0), make_solution(other, 1)
    shared, others = begin(alone), begin(other)
    assert usable(alone) == set()
    assert usable(other) == set()
    for solution in (own, foreign):
        solutions.invalidate(solution, "guessed", researcher)
    shared.write()
    others.write()
    assert {line.key for line in lines(alone)} == {line.key for line in lines(other)} == {own.key, foreign.key}
    solutions.reinstate(own)
    shared.write()
    others.write()
    assert usable(alone) == {own.text}, "it may use its own find again"
    assert usable(other) == set()


def test_a_solution_that_a_run_rejects_is_taken_from_all_others() -> None:
    solution, run = make_solution(searching_run("finder")), searching_run("taker")
    shared = begin(run)
    rejected = RejectedSolution(problem=solution.problem, key=solution.key, reason="reads 34, not 33\x00")
    store_solutions(searching_run("third"), SolutionsFound(step=9, rejected=[rejected], at=EPOCH.timestamp()))
    shared.write()
    assert usable(run) == set(), "though the trainer's clock dates it long ago"
    solution.refresh_from_db()
    assert "reads 34" in solution.invalid_reason


def test_what_is_stored_late_by_another_clock_is_not_missed() -> None:
    run = searching_run("taker")
    shared = begin(run)
    shared.write()
    late = make_solution(searching_run("finder"))
    VerifiedSolution.objects.filter(pk=late.pk).update(changed_at=timezone.now() - timedelta(seconds=90))
    shared.write()
    assert usable(run) == {late.text}


def test_a_look_costs_one_query_and_a_run_without_a_cache_none(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_solution(searching_run("finder"))
    shared = begin(searching_run("taker"))
    shared.write()
    with django_assert_num_queries(1):
        shared.write()
    off = make_run(method={"kind": "deepsearch", "cache": {"enabled": False}})
    plain = make_run()
    with django_assert_num_queries(0):
        assert shared_solutions(off, RunConfig.model_validate(off.config)) is None
        assert shared_solutions(plain, RunConfig()) is None


def test_a_full_disk_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run = searching_run("taker")
    shared = begin(run)
    make_solution(searching_run("finder"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(sharing, "append_lines", full)
        shared.write_due()
    assert "No space left" in caplog.text
    shared.write()
    assert len(usable(run)) == 1


@pytest.mark.processes
def test_a_supervised_run_hears_of_solutions_while_it_trains(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch, researcher: User
) -> None:
    monkeypatch.setattr(sharing, "EVERY_S", 0.05)
    run = supervised.new(wait_at=7)
    config = RunConfig.model_validate({"steps": 23, "method": {"kind": "deepsearch"}})
    Run.objects.filter(pk=run.pk).update(config=config.model_dump(mode="json"), method="deepsearch")
    finder = searching_run("finder")
    early = make_solution(finder, 0)
    supervised.begin(run)
    supervised.wait(run, lambda run: run.step == 7)
    assert usable(run) == {early.text}
    late = make_solution(finder, 1)
    solutions.invalidate(early, "guessed", researcher)
    deadline = time.monotonic() + 20
    while usable(run) != {late.text}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (run.folder / "go").touch()
    supervised.wait(run, lambda run: run.state == RunStatus.SUCCEEDED)
