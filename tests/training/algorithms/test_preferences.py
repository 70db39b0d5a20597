"""Reward models' losses against the chances that the models of choice state, and against each other."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.algorithms.preferences import (
    PairBatch,
    Ranking,
    TieRule,
    best_first,
    outcome_logprobs,
    pair_accuracy,
    pair_losses,
    pairs_of,
    plackett_luce_loss,
    plackett_luce_nll,
    preference_loss,
    top_1_nll,
)

DROP, HALF = TieRule(), TieRule("half")
RAO_KUPPER, DAVIDSON = TieRule("rao_kupper", 1.5), TieRule("davidson", 1.0)
REWARDS = st.floats(-20, 20)


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def indices(pairs: PairBatch) -> list[tuple[int, int]]:
    return list(zip(pairs.chosen.tolist(), pairs.rejected.tolist(), strict=True))


@pytest.mark.parametrize(("responses", "count"), [(4, 6), (5, 10), (6, 15), (7, 21), (8, 28), (9, 36)])
def test_every_response_of_a_ranking_is_compared_with_every_other(responses: int, count: int) -> None:
    pairs = pairs_of([Ranking(range(responses))])
    assert indices(pairs) == list(itertools.combinations(range(responses), 2))
    assert len(pairs.chosen) == count
    assert torch.bincount(torch.cat([pairs.chosen, pairs.rejected])).tolist() == [responses - 1] * responses


def test_a_full_batch_of_instruct_gpt_has_2304_pairs_and_64_elements() -> None:
    pairs = pairs_of([Ranking(range(9))] * 64)
    assert len(pairs.chosen) == 2304
    assert pairs.weights.sum().item() == pytest.approx(64)


def test_ties_are_dropped_or_kept() -> None:
    ranking = Ranking([1, 2, 2, 3])
    dropped, kept = pairs_of([ranking]), pairs_of([ranking], "half")
    assert len(dropped.chosen) == 5
    assert dropped.weights.tolist() == pytest.approx([1 / 5] * 5)
    assert not dropped.ties.any()
    assert len(kept.chosen) == 6
    assert [pair for pair, tie in zip(indices(kept), kept.ties, strict=True) if tie] == [(1, 2)]


def test_rankings_are_packed_one_after_another_and_lower_ranks_are_better() -> None:
    rankings = [Ranking([2, 1]), Ranking([7]), Ranking([5, 5]), Ranking([3, 9, 1], {(2, 0): 0.5})]
    pairs = pairs_of(rankings)
    assert indices(pairs) == [(1, 0), (5, 6), (7, 5), (7, 6)]
    assert pairs.weights.tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])
    assert pairs.margins.tolist() == [0, 0, 0.5, 0]


@pytest.mark.parametrize("margins", [{(1, 0): 1.0}, {(0, 2): 1.0}, {(1, 2): 1.0}, {(0, 3): 1.0}, {(-3, 1): 1.0}])
def test_a_margin_needs_a_pair_that_stands_so(margins: dict[tuple[int, int], float]) -> None:
    Ranking([1, 2, 3], {(0, 2): 1.0})
    with pytest.raises(ValueError, match="goes against the ranks"):
        Ranking([1, 2, 1], margins)


def test_a_rank_is_a_number() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Ranking([1, math.nan])


@pytest.mark.parametrize(
    ("difference", "margin", "loss"),
    [(0, 0, 0.6931472), (1, 0, 0.3132617), (3, 0, 0.0485874), (1, 1, 0.6931472), (1, 1 / 3, 0.4143701),
     (1, 2 / 3, 0.5403056)],
)  # fmt: skip
def test_a_pair_costs_what_bradley_and_terry_say(difference: float, margin: float, loss: float) -> None:
    pairs = pairs_of([Ranking([1, 2], {(0, 1): margin})])
    rewards = doubles(difference, 0)
    assert preference_loss(rewards, pairs, DROP).item() == pytest.approx(loss, abs=5e-8)
    assert pair_losses(rewards, pairs, DROP).tolist() == pytest.approx([loss], abs=5e-8)


def test_a_difference_of_3_is_a_chance_of_95_percent() -> None:
    assert outcome_logprobs(doubles(3), DROP)[0].exp().item() == pytest.approx(0.9525741, abs=5e-8)


@pytest.mark.parametrize(
    ("rewards", "loss"), [((2, 1), 0.4032617), ((0.5, -0.5), 0.3132617), ((102, 101), 412.4032617)]
)
def test_centering_costs_the_distance_of_a_pair_from_zero(rewards: tuple[float, float], loss: float) -> None:
    pairs = pairs_of([Ranking([1, 2])])
    assert preference_loss(doubles(*rewards), pairs, DROP, centering=0.01).item() == pytest.approx(loss, abs=5e-8)
    assert preference_loss(doubles(*rewards), pairs, DROP).item() == pytest.approx(0.3132617, abs=5e-8)


def test_a_ranking_costs_the_mean_of_its_pairs() -> None:
    rewards, pairs = doubles(2, 1, 0, -1), pairs_of([Ranking([1, 2, 3, 4])])
    assert pair_losses(rewards, pairs, DROP).sum().item() == pytest.approx(1.2422284, abs=5e-8)
    assert preference_loss(rewards, pairs, DROP).item() == pytest.approx(0.2070381, abs=5e-8)


def test_a_long_ranking_counts_as_much_as_a_short_one_and_parts_add_up() -> None:
    rewards = doubles(2, 1, 0, -1, 3, 0)
    short, long = Ranking([1, 2]), Ranking([1, 2, 3, 4])
    together = preference_loss(rewards, pairs_of([long, short]), DROP, centering=0.1).item()
    parts = [
        preference_loss(rewards[:4], pairs_of([long]), DROP, centering=0.1, total=2).item(),
        preference_loss(rewards[4:], pairs_of([short]), DROP, centering=0.1, total=2).item(),
    ]
    assert together == pytest.approx(sum(parts))
    assert preference_loss(rewards, pairs_of([long, short]), DROP).item() == pytest.approx((0.2070381 + 0.0485874) / 2)


def test_a_batch_without_pairs_costs_nothing() -> None:
    rewards = doubles(1, 2).requires_grad_()
    loss = preference_loss(rewards, pairs_of([Ranking([1, 1])]), DROP)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert rewards.grad is not None
    assert rewards.grad.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rule", "ratio", "chances"),
    [
        (RAO_KUPPER, 1, (0.4, 0.4, 0.2)),
        (RAO_KUPPER, 2, (0.5714286, 0.25, 0.1785714)),
        (DAVIDSON, 1, (1 / 3, 1 / 3, 1 / 3)),
        (DAVIDSON, 4, (0.5714286, 0.1428571, 0.2857143)),
        (TieRule("davidson", 1e-12), 3, (0.75, 0.25, 0)),
        (HALF, 3, (0.75, 0.25, 0)),
    ],
)
def test_models_of_ties_give_the_textbook_chances(
    rule: TieRule, ratio: float, chances: tuple[float, float, float]
) -> None:
    found = [logprob.exp().item() for logprob in outcome_logprobs(doubles(math.log(ratio)), rule)]
    assert found == pytest.approx(chances, abs=5e-8)


@settings(deadline=None)
@given(difference=st.floats(-30, 30), model=st.sampled_from(["rao_kupper", "davidson"]), excess=st.floats(0.01, 5))
def test_win_loss_and_tie_are_all_that_can_happen(difference: float, model: str, excess: float) -> None:
    rule = TieRule(model, 1 + excess if model == "rao_kupper" else excess)  # type: ignore[arg-type]
    outcomes = outcome_logprobs(doubles(difference), rule)
    mirrored = outcome_logprobs(doubles(-difference), rule)
    assert sum(logprob.exp().item() for logprob in outcomes) == pytest.approx(1)
    assert [o.item() for o in outcomes] == pytest.approx([mirrored[i].item() for i in (1, 0, 2)])


def test_a_tie_is_half_a_win_each_way() -> None:
    rewards = doubles(1, 0)
    wins = [pair_losses(rewards, pairs_of([Ranking(ranks)]), DROP).item() for ranks in ([1, 2], [2, 1])]
    assert preference_loss(rewards, pairs_of([Ranking([1, 1])], "half"), HALF).item() == pytest.approx(sum(wins) / 2)


@pytest.mark.parametrize("rule", [HALF, RAO_KUPPER, DAVIDSON])
def test_a_tie_draws_rewards_together_and_is_cheapest_when_they_are_equal(rule: TieRule) -> None:
    pairs = pairs_of([Ranking([1, 1])], rule.model)
    rewards = doubles(1, -1).requires_grad_()
    preference_loss(rewards, pairs, rule).backward()  # type: ignore[no-untyped-call]
    assert rewards.grad is not None
    assert rewards.grad[0] > 0 > rewards.grad[1]
    costs = [preference_loss(doubles(d, 0), pairs, rule).item() for d in (-1, 0, 1)]
    assert costs[1] < costs[0] == pytest.approx(costs[2])


def test_margins_move_no_tie() -> None:
    ranking = Ranking([1, 1, 2], {(0, 2): 1.0})
    losses = pair_losses(doubles(1, 0, 0), pairs_of([ranking], "davidson"), DAVIDSON)
    plain = pair_losses(doubles(1, 0, 0), pairs_of([Ranking([1, 1, 2])], "davidson"), DAVIDSON)
    assert losses[[0, 2]].tolist() == plain[[0, 2]].tolist()
    assert losses[1] > plain[1]


def test_ties_that_were_to_be_dropped_are_refused() -> None:
    with pytest.raises(ValueError, match="to be dropped"):
        preference_loss(doubles(1, 0), pairs_of([Ranking([1, 1])], "half"), DROP)


@pytest.mark.parametrize(
    ("model", "parameter"),
    [("drop", 1.0), ("half", 0.5), ("rao_kupper", 1.0), ("rao_kupper", None), ("davidson", 0.0), ("davidson", math.nan),
     ("davidson", math.inf)],
)  # fmt: skip
def test_a_rule_for_ties_has_the_parameter_that_it_needs(model: str, parameter: float | None) -> None:
    with pytest.raises(ValueError, match="parameter"):
        TieRule(model, parameter)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(REWARDS, min_size=4, max_size=4), st.floats(-100, 100), st.sampled_from([HALF, RAO_KUPPER, DAVIDSON]))
def test_only_differences_of_rewards_count(rewards: list[float], shift: float, rule: TieRule) -> None:
    rankings = [Ranking([1, 2, 2, 3])]
    pairs, values = pairs_of(rankings, rule.model), doubles(*rewards)
    assert preference_loss(values + shift, pairs, rule).item() == pytest.approx(
        preference_loss(values, pairs, rule).item(), abs=1e-9
    )
    assert plackett_luce_nll(values + shift).item() == pytest.approx(plackett_luce_nll(values).item(), abs=1e-9)


@settings(deadline=None)
@given(REWARDS, REWARDS)
def test_two_responses_are_ranked_as_they_are_compared(first: float, second: float) -> None:
    rewards, ranking = doubles(first, second), Ranking([2, 1])
    compared = preference_loss(rewards, pairs_of([ranking]), DROP).item()
    assert plackett_luce_loss(rewards, [ranking]).item() == pytest.approx(compared, abs=1e-12)
    assert plackett_luce_loss(rewards, [ranking], top_1=True).item() == pytest.approx(compared, abs=1e-12)


def test_an_order_costs_what_plackett_and_luce_say() -> None:
    rewards = doubles(2, 1, 0, -1)
    assert plackett_luce_nll(rewards).item() == pytest.approx(1.1610574, abs=5e-8)
    assert plackett_luce_nll(rewards).neg().exp().item() == pytest.approx(0.3131549, abs=5e-8)
    assert plackett_luce_nll(rewards.flip(0)).item() == pytest.approx(7.1610574, abs=5e-8)
    assert top_1_nll(rewards).item() == pytest.approx(0.4401897, abs=5e-8)


@settings(deadline=None)
@given(st.lists(REWARDS, min_size=1, max_size=5))
def test_the_chances_of_all_orders_sum_to_one(rewards: list[float]) -> None:
    orders = torch.tensor(list(itertools.permutations(rewards)), dtype=torch.float64)
    assert plackett_luce_nll(orders).neg().exp().sum().item() == pytest.approx(1)


def test_rankings_of_different_lengths_share_one_tensor_of_rewards() -> None:
    rewards = doubles(0, 9, 2, -1, 1, 3, 5)
    rankings = [Ranking([3, 1, 4, 2][:1]), Ranking([1, 2]), Ranking([4, 3, 2, 1])]
    expected = [plackett_luce_nll(rewards[[1, 2]]), plackett_luce_nll(rewards[[6, 5, 4, 3]])]
    found = plackett_luce_loss(rewards, rankings)
    assert found.item() == pytest.approx(torch.stack(expected).mean().item())
    assert plackett_luce_loss(rewards, rankings, total=4).item() == pytest.approx(found.item() / 2)
    with pytest.raises(ValueError, match="7 rewards for 6 ranked responses"):
        plackett_luce_loss(rewards, rankings[1:])


def test_a_tie_leaves_an_order_open_but_not_who_is_best() -> None:
    ranking = Ranking([2, 1, 2])
    with pytest.raises(ValueError, match="ties leave the order open"):
        best_first(ranking)
    assert best_first(ranking, top_1=True)[0] == 1
    with pytest.raises(ValueError, match="ties leave the order open"):
        best_first(Ranking([1, 1, 2]), top_1=True)


@pytest.mark.parametrize("rule", [HALF, RAO_KUPPER, DAVIDSON])
def test_an_ensemble_costs_the_mean_of_its_heads(rule: TieRule) -> None:
    rewards = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ranking = Ranking([1, 2, 2, 3], {(0, 3): 0.5})
    pairs = pairs_of([ranking], rule.model)
    heads = [preference_loss(head, pairs, rule, centering=0.1).item() for head in rewards.unbind(1)]
    assert preference_loss(rewards, pairs, rule, centering=0.1).item() == pytest.approx(sum(heads) / 3)
    strict = [Ranking([1, 3, 2, 4])]
    orders = [plackett_luce_loss(head, strict).item() for head in rewards.unbind(1)]
    assert plackett_luce_loss(rewards, strict).item() == pytest.approx(sum(orders) / 3)


def test_accuracy_counts_strictly_better_rewards_of_decided_pairs() -> None:
    pairs = pairs_of([Ranking([1, 2, 2]), Ranking([1, 2])], "half")
    assert pair_accuracy(doubles(1, 1, 0, 0, 5), pairs) == pytest.approx(1 / 3)
    assert pair_accuracy(torch.stack([doubles(1, 1, 0, 9, 5), doubles(1, 0, 1, 9, 5)], dim=1), pairs) == 1
    assert pair_accuracy(doubles(1, 1), pairs_of([Ranking([1, 1])], "half")) is None


@pytest.mark.parametrize("rule", [HALF, RAO_KUPPER, DAVIDSON])
def test_gradients_are_those_of_the_losses(rule: TieRule) -> None:
    rewards = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    pairs = pairs_of([Ranking([1, 2, 2, 3]), Ranking([2, 1])], rule.model)
    strict = [Ranking([1, 4, 2, 3]), Ranking([2, 1])]
    assert torch.autograd.gradcheck(lambda r: preference_loss(r, pairs, rule, centering=0.1), rewards)
    assert torch.autograd.gradcheck(lambda r: plackett_luce_loss(r, strict), rewards)


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_gradients_stay_finite_however_far_rewards_are_apart(values: list[float]) -> None:
    for rule in (HALF, RAO_KUPPER, DAVIDSON):
        rewards = torch.tensor(values, requires_grad=True)
        loss = preference_loss(rewards, pairs_of([Ranking([1, 2, 2, 3])], rule.model), rule)
        (loss + plackett_luce_loss(rewards, [Ranking([1, 2, 3, 4])])).backward()  # type: ignore[no-untyped-call]
        assert rewards.grad is not None
        assert rewards.grad.isfinite().all()
