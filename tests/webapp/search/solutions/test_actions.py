"""Solutions are invalidated, reinstated, judged again, and made into problem sets; by those who may."""

import json

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.made_solutions import EPOCH, make_solution, searching_run
from training.reading import Row, propose, sniff
from webapp.accounts.models import User
from webapp.datasets.models import Problem, ProblemSet
from webapp.search.checks import CHECK_SILENCE, SolutionCheck
from webapp.search.models import VerifiedSolution
from workers import queue
from workers.solutions import verify_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def solution(db: None) -> VerifiedSolution:
    return make_solution(searching_run(), verifier="0")


def test_it_is_invalidated_with_a_reason_and_reinstated(
    researcher_client: Client, researcher: User, solution: VerifiedSolution
) -> None:
    changed = VerifiedSolution.objects.get().changed_at
    address = f"/solutions/{solution.pk}/"
    assert "runs in full again" in researcher_client.get(address).content.decode()
    answer = researcher_client.post(f"{address}invalidate", {"reason": " guessed\x00 "}, follow=True)
    page = answer.content.decode()
    assert "by alice: guessed" in page
    assert 'class="whole-text invalid"' in page
    solution = VerifiedSolution.objects.get()
    assert (solution.invalid_reason, solution.invalidated_by) == ("guessed", researcher)
    assert solution.changed_at > changed
    assert researcher_client.post(f"{address}invalidate", {"reason": "again"}).status_code == 409
    assert researcher_client.post(f"{address}reinstate", follow=True).status_code == 200
    again = VerifiedSolution.objects.get()
    assert (again.is_valid, again.invalid_reason, again.invalidated_by) == (True, "", None)
    assert again.changed_at > solution.changed_at
    assert researcher_client.post(f"{address}reinstate").status_code == 409


def test_without_a_reason_nothing_is_invalidated(researcher_client: Client, solution: VerifiedSolution) -> None:
    answer = researcher_client.post(f"/solutions/{solution.pk}/invalidate", {"reason": "  "})
    assert answer.status_code == 400
    assert "Say why" in answer.content.decode()
    assert VerifiedSolution.objects.get().is_valid


def test_viewers_see_everything_and_change_nothing(client: Client, viewer: User, solution: VerifiedSolution) -> None:
    client.force_login(viewer)
    for address in ("/solutions/", f"/solutions/{solution.pk}/", f"/solutions/problem/{solution.problem}/"):
        page = client.get(address).content.decode()
        assert "Judge" not in page
        assert "Invalidate…" not in page
        assert "Make a problem set" not in page
    actions = (
        f"{solution.pk}/invalidate", f"{solution.pk}/reinstate", f"{solution.pk}/verify", "verify", "set",
        f"problem/{solution.problem}/verify",
    )  # fmt: skip
    for action in actions:
        assert client.post(f"/solutions/{action}", {"reason": "x", "name": "x"}).status_code == 403
        assert client.get(f"/solutions/{action}").status_code == 403
    assert VerifiedSolution.objects.get().is_valid
    assert not SolutionCheck.objects.exists()


@pytest.mark.parametrize("scope", ["one", "problem", "older"])
def test_judging_again_is_sent_to_a_worker_and_its_progress_shown(
    researcher_client: Client, solution: VerifiedSolution, scope: str, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(queue, "_send", lambda *message: sent.append(message))
    page = {"one": f"{solution.pk}/", "problem": f"problem/{solution.problem}/", "older": ""}[scope]
    with django_capture_on_commit_callbacks(execute=True):
        answer = researcher_client.post(f"/solutions/{page}verify")
    assert answer["Location"] == f"/solutions/{page}"
    check = SolutionCheck.objects.get()
    assert sent == [("workers.solutions.verify_again", "cpu", check.pk)]
    waiting = researcher_client.get(f"/solutions/{page}").content.decode()
    assert "Waiting for a worker to judge 1 solution again" in waiting
    assert f'hx-get="/solutions/checks/{check.pk}/"' in waiting
    assert researcher_client.post(f"/solutions/{page}verify").status_code == 409
    verify_again(check.pk)
    done = researcher_client.get(f"/solutions/checks/{check.pk}/").content.decode()
    assert "all still right" in done
    assert "hx-get" not in done
    told = json.loads(researcher_client.get(f"/solutions/checks/{check.pk}/?format=json").content)
    assert (told["state"], told["done"], told["lost"]) == ("done", 1, False)


def test_a_check_whose_worker_is_gone_says_so(researcher_client: Client, solution: VerifiedSolution) -> None:
    check = SolutionCheck.objects.create(solution=solution, total=1)
    SolutionCheck.objects.update(heartbeat_at=check.heartbeat_at - 2 * CHECK_SILENCE)
    page = researcher_client.get(f"/solutions/{solution.pk}/").content.decode()
    assert "no worker has been heard of" in page
    assert "Judge again" in page


def made(client: Client, query: str = "", **asked: object) -> ProblemSet:
    answer = client.post(f"/solutions/set{query}", {"name": "Worked", "take": "all", "heldout": 0} | asked)
    assert answer.status_code == 302, answer.content.decode()
    return ProblemSet.objects.get(slug=answer["Location"].split("/")[-2])


def test_a_problem_set_is_made_of_what_the_list_shows(researcher_client: Client) -> None:
    run = searching_run()
    rows = [make_solution(run, number, problem=problem) for problem in range(3) for number in (0, 1)]
    make_solution(run, 9, problem=9, invalid_at=EPOCH)
    make_solution(run, 0, problem=7, problem_set="builtin/other")
    whole = made(researcher_client, f"?problem_set={rows[0].problem_set}")
    assert (whole.train_count, whole.heldout_count, whole.solution_count) == (6, 0, 6)
    stored = Problem.objects.filter(problem_set=whole).values_list("solution", flat=True)
    assert sorted(stored) == sorted(row.text for row in rows)
    shortest = made(researcher_client, take="shortest")
    assert shortest.train_count == 4
    page = researcher_client.get(f"/datasets/{shortest.slug}/").content.decode()
    assert "Configure a run on this set" in page


def test_all_solutions_of_a_problem_are_held_out_together(researcher_client: Client) -> None:
    run = searching_run()
    for problem in range(30):
        for number in range(3):
            make_solution(run, number, problem=problem)
    both = made(researcher_client, heldout=40)
    splits = dict.fromkeys(Problem.objects.filter(problem_set=both).values_list("prompt", "split"))
    assert len(splits) == 30, "each prompt stands on one side"
    assert 0 < both.heldout_count < 90


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"take": "best"}, {"heldout": 95}, {"heldout": "x"}, {"query": "?run=999"}]
)
def test_a_set_of_nothing_or_by_mistake_is_refused(
    researcher_client: Client, solution: VerifiedSolution, wrong: dict[str, object]
) -> None:
    asked = {"name": "Worked", "take": "all", "heldout": 0} | wrong
    answer = researcher_client.post(f"/solutions/set{asked.pop('query', '')}", asked)
    assert answer.status_code == 400
    assert not ProblemSet.objects.exists()


def test_an_exported_set_is_recognised_when_it_is_imported_again(researcher_client: Client) -> None:
    run = searching_run()
    for number in range(3):
        make_solution(run, number, problem=number % 2)
    make_solution(run, 5, problem=5, invalid_at=EPOCH)
    answer = researcher_client.get("/solutions/export/sft?take=all")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    records = [json.loads(line) for line in lines]
    assert len(records) == 3
    assert set(records[0]) >= {"prompt", "solution", "answer", "source"}
    plan = propose(sniff(Row(number, record) for number, record in enumerate(records, 1)))
    assert (plan.prompt, plan.answer, plan.solution) == ("prompt", "answer", "solution")
    assert researcher_client.get("/solutions/export/sft?take=none").status_code == 400
