"""The best of n by a reward model: its figures, both ways, and the section that shows them."""

import itertools
import math
from collections.abc import Callable

import pytest
from django.test import Client

from tests.webapp.evals.made import make_evaluation
from webapp.accounts.models import User
from webapp.evals.best_of_n import best_of_n
from webapp.evals.drawing import draw_best_of_n
from webapp.evals.models import Evaluation
from webapp.evals.services import override
from webapp.evals.settling import settle
from webapp.inspection.models import Rollout

pytestmark = pytest.mark.django_db

SECTION = "Best of n by the reward model"


def scored_evaluation(reward: Callable[[Rollout], float]) -> Evaluation:
    """Four problems, four answers each, of which 0, 1, 2 and 4 are right; each with a learned reward."""
    made = make_evaluation(rights=(0, 1, 2, 4), near=None)
    run = made.run
    run.config["method"]["learned"] = {"model": {"kind": "local", "path": "/somewhere"}}
    run.save()
    for rollout in Rollout.objects.filter(run=run):
        rollout.parts |= {"learned": reward(rollout)}
        rollout.save()
    settle(run)
    return Evaluation.objects.select_related("run").get(pk=made.pk)


def test_it_is_the_mean_over_all_choices_of_n() -> None:
    scored = {"p0": [(0.1, True), (0.9, False), (0.5, True), (0.4, False)], "p1": [(float(i), i > 1) for i in range(4)]}
    found = {row["n"]: row for row in best_of_n(scored)}
    assert list(found) == [1, 2, 4]
    for n, row in found.items():
        best = [[max(chosen) for chosen in itertools.combinations(samples, n)] for samples in scored.values()]
        gold, proxy = (sum(sum(one[place] for one in of) / len(of) for of in best) / len(best) for place in (1, 0))
        assert (row["gold"][0], row["proxy"][0]) == (pytest.approx(gold), pytest.approx(proxy))
        assert row["gold"][1] <= row["gold"][0] <= row["gold"][2]
        assert row["kl"] == pytest.approx(math.log(n) - (n - 1) / n)


def test_as_many_as_every_problem_has_and_none_without_rewards() -> None:
    assert [row["n"] for row in best_of_n({"p": [(1.0, True)] * 3, "q": [(1.0, True)] * 5})] == [1, 2, 3]
    assert best_of_n({}) == []
    made = make_evaluation()
    assert "best_of_n" not in made.graded


def test_a_perfect_judge_reaches_pass_at_n_and_a_contrary_one_falls() -> None:
    good = scored_evaluation(lambda rollout: float(rollout.correct is True)).graded
    assert good["best_of_n"][-1]["gold"][0] == pytest.approx(good["pass"][0])
    bad = scored_evaluation(lambda rollout: -float(rollout.correct is True)).graded["best_of_n"]
    assert [row["gold"][0] for row in bad] == pytest.approx([7 / 16, (0 + 0 + 1 / 6 + 1) / 4, 1 / 4])
    assert bad[-1]["proxy"][0] > bad[0]["proxy"][0]


def test_an_override_changes_its_own_column_only(researcher: User) -> None:
    made = scored_evaluation(lambda rollout: float(rollout.index))
    wrong = Rollout.objects.select_related("run", "group__prompt").get(
        run=made.run, group__prompt__problem_id="p1", index=3
    )
    before = made.graded["best_of_n"]
    override(wrong, True, "it is right", researcher)
    made = Evaluation.objects.get(pk=made.pk)
    assert made.graded["best_of_n"] == before
    assert made.overridden is not None
    assert made.overridden["best_of_n"][-1]["gold"][0] == pytest.approx(before[-1]["gold"][0] + 1 / 4)


def test_the_page_shows_it_beside_pass_and_maj(researcher_client: Client) -> None:
    made = scored_evaluation(lambda rollout: float(rollout.index))
    html = researcher_client.get(f"/evals/{made.pk}/").content.decode()
    assert SECTION in html
    section = html.split(SECTION, 1)[1]
    for said in ("best of n", "pass@k", "maj@k", "n = 4: 3", "0.636"):
        assert said in section
    plain = make_evaluation()
    assert SECTION not in researcher_client.get(f"/evals/{plain.pk}/").content.decode()


def test_a_single_answer_is_no_curve() -> None:
    assert draw_best_of_n({"best_of_n": best_of_n({"p": [(1.0, True)]}), "curve": []}) is None
