"""The scores by which a search chose, against numbers computed by hand."""

import pytest

from training.config import FrontierConfig, SearchConfig
from webapp.search.tree_terms import Candidate, Uct, depth_value, frontier_score, mean_value


def test_uct_has_no_bonus_while_a_count_is_zero() -> None:
    assert Uct(0.5, 2.0, visits=2, parent_visits=8).score == pytest.approx(2.539334, abs=1e-6)
    assert Uct(0.5, 2.0, visits=2, parent_visits=0).score == 0.5
    assert Uct(0.5, 2.0, visits=0, parent_visits=8).score == 0.5
    assert Uct(0.5, 2.0, visits=2, parent_visits=1).score == 0.5


@pytest.mark.parametrize(("form", "score"), [("sqrt", 0.189847), ("log", 0.213179), ("linear", 0.344847)])
def test_the_frontier_score_is_the_sum_of_its_terms(form: str, score: float) -> None:
    config = SearchConfig.model_validate({"max_depth": 64, "frontier": {"depth_form": form}})
    found = frontier_score(Candidate(parent_quality=0.5, surprise=1.3, depth=16, own_quality=0.2), config)
    assert found.score == pytest.approx(score, abs=1e-6)
    assert [term.symbol for term in found.shown] == ["λ1", "λ3"]


def test_the_entropy_swamps_the_quality_where_it_has_a_weight() -> None:
    config = SearchConfig(max_depth=64, frontier=FrontierConfig(entropy=0.4))
    found = frontier_score(Candidate(0.5, 1.3, 16, 0.0), config)
    assert found.score == pytest.approx(0.709847, abs=1e-6)
    assert [term.symbol for term in found.shown] == ["λ1", "λ2", "λ3"]


def test_depth_forms_and_means_at_their_edges() -> None:
    assert depth_value(5, 8, "none") == 0
    assert depth_value(0, 8, "log") == 0
    assert mean_value(0.7, 0) == 0
    assert mean_value(-0.75, 2) == -0.375
