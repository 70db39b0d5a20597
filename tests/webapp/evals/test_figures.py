"""Figures follow from the rows, both ways, and an override changes only its own column."""

import pytest

from tests.factories import make_group, make_run
from tests.webapp.evals.made import make_evaluation
from training.algorithms.estimators import pass_at_k
from training.algorithms.tallies import Tally
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.evals.figures import histogram, paired
from webapp.evals.models import Evaluation, Override
from webapp.evals.services import override, withdraw
from webapp.evals.tallying import read_answers
from webapp.inspection.models import Rollout

pytestmark = pytest.mark.django_db


def wrong_one(made: Evaluation) -> Rollout:
    """The answer that looks equal, to the problem that one sample solves."""
    return Rollout.objects.select_related("run", "group__prompt").get(
        run=made.run, group__prompt__problem_id="p1", index=3
    )


def test_figures_are_those_of_the_rows() -> None:
    made = make_evaluation(rights=(0, 1, 2, 4))
    graded = made.graded
    assert (graded["problems"], graded["samples"], graded["answers"]) == (4, 4, 16)
    assert graded["avg"][0] == made.avg == pytest.approx(7 / 16)
    assert made.pass_k == pytest.approx(3 / 4)
    assert [point[1] for point in graded["curve"]] == pytest.approx(
        [sum(pass_at_k(4, c, k) for c in (0, 1, 2, 4)) / 4 for k in (1, 2, 3, 4)]
    )
    assert made.maj == pytest.approx((0 + 1 / 4 + 1 + 1) / 4)
    assert [point[0] for point in graded["maj_curve"]] == [1, 2, 4]
    assert [graded["maj_curve"][place][1] for place in (0, -1)] == pytest.approx([made.avg, made.maj])
    assert [(level["level"], level["problems"]) for level in graded["levels"]] == [("easy", 2), ("hard", 2)]
    assert [bar["count"] for bar in graded["histogram"]] == [1, 1, 1, 0, 1]
    assert made.overridden is None


def test_an_override_is_shown_beside_the_figures_and_never_in_their_place(researcher: User) -> None:
    made = make_evaluation()
    override(wrong_one(made), True, "units are fine", researcher)
    after = Evaluation.objects.get(pk=made.pk)
    assert after.graded == made.graded
    assert after.avg == made.avg
    assert after.overrides == 1
    assert after.overridden is not None
    assert after.overridden["avg"][0] == pytest.approx(8 / 16)
    assert wrong_one(made).correct is False
    withdraw(wrong_one(made), researcher)
    back = Evaluation.objects.get(pk=made.pk)
    assert back.figures == made.figures
    assert back.overrides == 0
    assert Override.objects.get().withdrawn_by == researcher


def test_a_second_verdict_takes_the_place_of_the_first_and_both_stay_on_record(researcher: User, admin: User) -> None:
    made = make_evaluation()
    override(wrong_one(made), True, "", researcher)
    override(wrong_one(made), True, "looked again", admin)
    assert Override.objects.count() == 2
    assert Override.objects.get(withdrawn_at=None).user == admin


def test_what_is_no_override_is_refused(researcher: User) -> None:
    made = make_evaluation()
    with pytest.raises(UserError, match="says so already"):
        override(wrong_one(made), False, "", researcher)
    with pytest.raises(UserError, match="no override"):
        withdraw(wrong_one(made), researcher)
    training = make_group(make_run(), split="heldout").rollouts.select_related("run", "group__prompt")[0]
    with pytest.raises(UserError, match="Only answers of evaluations"):
        override(training, False, "", researcher)


def test_an_override_of_an_answer_that_is_another_one_now_does_not_count(researcher: User) -> None:
    made = make_evaluation()
    override(wrong_one(made), True, "", researcher)
    Rollout.objects.filter(pk=wrong_one(made).pk).update(extracted="something else")
    assert read_answers(made.run).overridden is None


def test_pairs_are_compared_problem_by_problem() -> None:
    first = {name: tally(right) for name, right in (("a", 0), ("b", 1), ("c", 4), ("only", 4))}
    second = {name: tally(right) for name, right in (("a", 4), ("b", 4), ("c", 4))}
    found = paired(first, second)
    assert found is not None
    assert found["problems"] == 3
    assert found["avg"][0] == pytest.approx((1 + 0.75 + 0) / 3)
    assert (found["only_first"], found["only_second"]) == (0, 2)
    assert found["mcnemar"] == pytest.approx(0.5)
    assert paired(first, {"other": tally(1)}) is None


def test_a_histogram_counts_every_problem_once() -> None:
    many = [tally(right, samples=64) for right in range(65)]
    bars = histogram(many)
    assert sum(bar["count"] for bar in bars) == 65
    assert len(bars) == 10
    assert bars[-1]["count"] == 7


def tally(right: int, samples: int = 4) -> Tally:
    made = Tally()
    made.add_samples("57", True, right, right, 0)
    made.add_samples("1", False, samples - right, samples - right, 0)
    return made
