"""Solutions are judged again, whatever their texts are, and by one worker."""

import pytest

from tests.made_solutions import make_solution, right_text, searching_run
from training.rewards import VERIFIER_VERSION
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.search.checks import CHECK_SILENCE, CheckState, SolutionCheck
from webapp.search.models import VerifiedSolution
from webapp.search.solutions import ask_for_check, latest_check
from workers import solutions as worker
from workers.solutions import verify_again

pytestmark = pytest.mark.django_db


def carried(check: SolutionCheck) -> SolutionCheck:
    verify_again(check.pk)
    check.refresh_from_db()
    return check


def test_right_ones_get_the_version_of_today_and_wrong_ones_are_invalidated_with_the_reason(researcher: User) -> None:
    run = searching_run()
    right = make_solution(run, 0, verifier="0")
    wrong = make_solution(run, 1, verifier="0", text="<answer>34</answer>")
    symbolic = make_solution(run, 0, problem=1, answer="\\frac{1}{2}", text="so \\boxed{\\frac{2}{4}}", verifier="0")
    check = carried(ask_for_check(researcher))
    assert (check.state, check.total, check.done, check.rejected) == (CheckState.DONE, 3, 3, 1)
    for solution in (right, wrong, symbolic):
        solution.refresh_from_db()
    assert right.verifier == symbolic.verifier == VERIFIER_VERSION
    assert right.is_valid
    assert symbolic.is_valid
    assert (wrong.is_valid, wrong.verifier, wrong.invalidated_by) == (False, "0", None)
    assert "34" in wrong.invalid_reason


def test_a_check_of_a_problem_or_of_one_solution_judges_no_other(researcher: User) -> None:
    run = searching_run()
    mine = [make_solution(run, number, verifier="0") for number in range(2)]
    other = make_solution(run, 0, problem=1, verifier="0")
    assert carried(ask_for_check(researcher, problem=mine[0].problem)).done == 2
    assert carried(ask_for_check(researcher, solution=mine[0])).done == 1
    other.refresh_from_db()
    assert other.verifier == "0"
    assert latest_check(solution=mine[0]) != latest_check(problem=mine[0].problem)


def test_one_that_cannot_be_judged_stays_as_it_was(researcher: User) -> None:
    odd = make_solution(searching_run(), verifier="0", answer="", text="no answer at all")
    check = carried(ask_for_check(researcher))
    odd.refresh_from_db()
    assert (check.undecided, check.rejected, odd.is_valid, odd.verifier) == (1, 0, True, "0")


def test_many_are_judged_in_parts_with_progress_between(researcher: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BATCH", 4)
    run = searching_run()
    for number in range(10):
        make_solution(run, number, verifier="0")
    told: list[int] = []
    tell = worker._tell
    monkeypatch.setattr(worker, "_tell", lambda check: (told.append(check.done), tell(check)))
    carried(ask_for_check(researcher))
    assert told == [4, 8, 10, 10]
    assert not VerifiedSolution.objects.exclude(verifier=VERIFIER_VERSION).exists()


def test_a_second_delivery_does_nothing_and_a_failure_is_told(
    researcher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_solution(searching_run(), verifier="0")
    check = ask_for_check(researcher)
    with monkeypatch.context() as broken:
        broken.setattr(worker, "judged_by", lambda _: 1 / 0)
        assert carried(check).state == CheckState.FAILED
    assert "ZeroDivisionError" in check.message
    assert carried(check).state == CheckState.FAILED


def test_the_same_is_not_asked_for_twice_unless_its_worker_is_lost(researcher: User) -> None:
    make_solution(searching_run(), verifier="0", text=right_text(3))
    check = ask_for_check(researcher)
    with pytest.raises(UserError, match="already"):
        ask_for_check(researcher)
    SolutionCheck.objects.filter(pk=check.pk).update(heartbeat_at=check.heartbeat_at - 2 * CHECK_SILENCE)
    assert ask_for_check(researcher).pk != check.pk
    VerifiedSolution.objects.update(verifier=VERIFIER_VERSION)
    with pytest.raises(UserError, match="left"):
        ask_for_check(researcher)
