"""Resample-on-Correct: penalties, quotas and the selection, by the paper's rule and by the released one."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from training.algorithms.advantages import group_advantages
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.algorithms.roc import (
    RolloutFacts,
    cleanest,
    draw_clean,
    error_penalty,
    error_ratio_of_right,
    format_penalty,
    paper_quotas,
    penalty,
    released_quotas,
    select,
    selection_figures,
)
from training.config import LossConfig
from training.config.roc import RocConfig

PAPER = RocConfig(enabled=True)
RELEASED = RocConfig(enabled=True, rule="released")
RIGHT = RolloutFacts(reward=1.0, right=True, calls=2)
WRONG = RolloutFacts(reward=0.0, right=False)

RELEASED_TABLE = {
    1: (15, 1), 2: (14, 2), 3: (14, 2), 4: (14, 2), 5: (14, 2), 6: (13, 3), 7: (12, 4), 8: (12, 4), 9: (12, 4),
    10: (11, 5), 11: (10, 6), 12: (10, 6), 13: (10, 6), 14: (9, 7), 15: (8, 8), 16: (8, 8), 17: (8, 8), 18: (7, 9),
    19: (6, 10), 20: (6, 10), 21: (6, 10), 22: (5, 11), 23: (4, 12), 24: (4, 12), 25: (4, 12), 26: (3, 13),
    27: (2, 14), 28: (2, 14), 29: (2, 14), 30: (2, 14), 31: (1, 15),
}  # fmt: skip
"""(right, wrong) that stay of 32 with so many wrong ones, as the release computes them."""


def group_of(right: int, wrong: int) -> list[RolloutFacts]:
    """Right ones first, no two equally clean."""
    return [replace(RIGHT, calls=50, failed_calls=place) for place in range(right)] + [WRONG] * wrong


@pytest.mark.parametrize(
    ("calls", "failed", "expected"), [(0, 0, 0.5), (2, 1, 0.5), (3, 0, 0.0), (1, 1, 1.0), (4, 1, 0.25)]
)
def test_the_error_penalty_is_the_share_of_failed_calls_and_half_without_any(
    calls: int, failed: int, expected: float
) -> None:
    assert error_penalty(replace(RIGHT, calls=calls, failed_calls=failed)) == expected


@pytest.mark.parametrize(
    ("answers", "turns", "expected"), [(0, 3, 1.0), (1, 1, 0.0), (1, 4, 0.0), (3, 4, 0.5), (2, 2, 0.5), (6, 2, 1.0)]
)
def test_the_format_penalty_counts_answers_beyond_the_first_per_turn(answers: int, turns: int, expected: float) -> None:
    assert format_penalty(replace(RIGHT, answers=answers, turns=turns)) == expected


def test_an_answer_right_away_costs_half_and_switches_leave_their_part_out() -> None:
    at_once = replace(RIGHT, calls=0)
    assert penalty(at_once, PAPER) == 0.5
    clumsy = replace(RIGHT, calls=2, failed_calls=1, answers=0)
    assert penalty(clumsy, PAPER) == 1.5
    assert penalty(clumsy, PAPER.model_copy(update={"error_ratio": False})) == 1.0
    assert penalty(clumsy, PAPER.model_copy(update={"answer_format": False})) == 0.5


@pytest.mark.parametrize("wrong", range(1, 32))
def test_quotas_of_thirty_two_are_those_of_the_table(wrong: int) -> None:
    assert released_quotas(32 - wrong, wrong, 16, 2, 2) == RELEASED_TABLE[wrong]
    assert paper_quotas(32 - wrong, wrong, 16) == (16 - wrong // 2, wrong // 2)


@pytest.mark.parametrize("keep", [3, 8, 16])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_quotas_fill_the_group_and_never_ask_for_more_than_there_is(keep: int, factor: int) -> None:
    drawn = keep * factor
    for wrong in range(1, drawn):
        for right_kept, wrong_kept in (
            paper_quotas(drawn - wrong, wrong, keep),
            released_quotas(drawn - wrong, wrong, keep, 1, 1),
        ):
            assert right_kept + wrong_kept == keep
            assert 0 <= right_kept <= drawn - wrong
            assert 0 <= wrong_kept <= wrong


@pytest.mark.parametrize("config", [PAPER, RELEASED])
def test_groups_of_equal_rewards_are_rejected(config: RocConfig) -> None:
    for group in ([WRONG] * 32, [RIGHT] * 32):
        assert select(group, 16, config, 0) == []


@pytest.mark.parametrize("config", [PAPER, RELEASED])
@pytest.mark.parametrize("wrong", [1, 7, 16, 29, 31])
def test_a_kept_group_has_as_many_as_asked_for_each_once_in_order(config: RocConfig, wrong: int) -> None:
    kept = select(group_of(32 - wrong, wrong), 16, config, 5)
    assert len(kept) == 16
    assert list(kept) == sorted(set(kept))


def test_a_group_that_was_not_oversampled_stays_whole() -> None:
    assert select(group_of(3, 5), 8, PAPER, 0) == list(range(8))


def test_the_released_rule_keeps_the_cleanest_and_of_equal_ones_the_earlier() -> None:
    assert cleanest([0.5, 0.0, 0.5, 0.2, 0.0], 3) == [1, 4, 3]
    assert cleanest([0.5, 0.5, 0.5], 2) == [0, 1]
    kept = select(group_of(24, 8), 16, RELEASED, 3)
    assert [place for place in kept if place < 24] == list(range(12))


def test_how_unclean_failures_are_changes_nothing() -> None:
    spotless = group_of(20, 12)
    stumbling = spotless[:20] + [replace(WRONG, calls=3, failed_calls=3, answers=0)] * 12
    for config in (PAPER, RELEASED):
        assert select(spotless, 16, config, 9) == select(stumbling, 16, config, 9)


def test_failures_are_drawn_evenly() -> None:
    counts: Counter[int] = Counter()
    for seed in range(600):
        counts.update(place for place in select(group_of(24, 8), 16, PAPER, seed) if place >= 24)
    assert all(count == pytest.approx(300, abs=60) for count in (counts[place] for place in range(24, 32)))


def test_clean_successes_are_drawn_in_inverse_proportion_to_their_penalty() -> None:
    """Ten of penalty 0.1 against ten of 1.5: 15 to 1 for whoever is drawn first, and on from there."""
    penalties, tiny, rng = [0.1] * 10 + [1.5] * 10, 1e-9, np.random.default_rng(0)
    first = sum(draw_clean(penalties, 5, tiny, rng)[0] < 10 for _ in range(2000)) / 2000
    assert first == pytest.approx(15 / 16, abs=0.02)
    spotless = draw_clean([0.0, 1.0, 0.0, 2.0], 2, tiny, rng)
    assert sorted(spotless) == [0, 2]


def test_the_seed_decides_who_is_drawn() -> None:
    group = group_of(20, 12)
    assert select(group, 16, PAPER, 1) == select(group, 16, PAPER, 1)
    assert len({tuple(select(group, 16, PAPER, seed)) for seed in range(8)}) > 1


def test_the_paper_prefers_clean_successes_without_excluding_the_others() -> None:
    group = [replace(RIGHT, failed_calls=1)] * 12 + [RIGHT] * 12 + [WRONG] * 8
    kept = [sum(place < 12 for place in select(group, 16, PAPER, seed)) for seed in range(50)]
    assert np.mean(kept) < 2
    assert max(kept) > 0


@pytest.mark.parametrize(
    ("right", "wrong", "high", "low"),
    [(1, 15, 3.75, -0.25), (2, 14, 2.5617, -0.3660), (4, 12, 1.6770, -0.5590), (7, 9, 1.0979, -0.8539)],
)
def test_advantages_are_those_of_the_kept_rollouts(right: int, wrong: int, high: float, low: float) -> None:
    advantages = group_advantages(torch.tensor([1.0] * right + [0.0] * wrong), "sample")
    assert advantages[0].item() == pytest.approx(high, abs=1e-4)
    assert advantages[-1].item() == pytest.approx(low, abs=1e-4)
    assert advantages.sum().item() == pytest.approx(0, abs=1e-9)


LOSS = LossConfig(clip_low=0.2, clip_high=0.28, dual_clip=3.0, advantage_scale="sample")


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [(1.5, 1.0, -1.28), (0.5, 1.0, -0.5), (0.5, -1.0, 0.8), (2.0, -1.0, 2.0), (5.0, -1.0, 3.0)],
)
def test_the_clip_caps_gains_above_and_losses_below(ratio: float, advantage: float, loss: float) -> None:
    logprobs = torch.tensor([ratio]).log()
    one = torch.ones(1)
    inputs = LossInputs(logprobs, torch.zeros(1), advantage * one, torch.zeros(1, dtype=torch.long), one)
    assert policy_loss(inputs, LOSS).loss.item() == pytest.approx(loss, abs=1e-6)


def test_the_loss_divides_by_all_tokens_however_they_are_split() -> None:
    lengths, generator = [3, 5, 2], torch.Generator().manual_seed(0)
    logprobs, advantages = (torch.randn(10, generator=generator) for _ in range(2))
    sequences = torch.tensor([0] * 3 + [1] * 5 + [2] * 2)
    weights = torch.tensor(token_weights(lengths, "token_mean", 16)).repeat_interleave(torch.tensor(lengths))

    def part(tokens: slice) -> float:
        return policy_loss(
            LossInputs(
                logprobs[tokens], logprobs[tokens], advantages[tokens], sequences[tokens] - sequences[tokens][0],
                weights[tokens],
            ),
            LOSS,
        ).loss.item()  # fmt: skip

    assert part(slice(0, 10)) == pytest.approx(-advantages.mean().item(), abs=1e-6)
    assert part(slice(0, 3)) + part(slice(3, 10)) == pytest.approx(part(slice(0, 10)), abs=1e-6)


def test_without_a_kl_term_the_reference_changes_nothing() -> None:
    losses = []
    for reference in (None, torch.full((4,), -3.0)):
        logprobs = torch.zeros(4, requires_grad=True)
        inputs = LossInputs(
            logprobs, torch.zeros(4), torch.ones(4), torch.zeros(4, dtype=torch.long), torch.full((4,), 0.25), reference
        )
        policy_loss(inputs, LOSS).loss.backward()  # type: ignore[no-untyped-call]
        losses.append(logprobs.grad)
    assert losses[0] is not None
    assert torch.equal(losses[0], losses[1])  # type: ignore[arg-type]


def test_figures_tell_what_was_drawn_kept_and_rejected() -> None:
    stumbling = replace(RIGHT, calls=2, failed_calls=1)
    groups = [[RIGHT, stumbling, WRONG, WRONG], [WRONG] * 4, [RIGHT] * 4]
    assert selection_figures(groups, [[0, 2], [], []], PAPER) == {
        "roc/rollouts_drawn": 12,
        "roc/rollouts_kept": 2,
        "roc/groups_all_wrong": 1,
        "roc/groups_all_right": 1,
        "roc/answers_mean": 1,
        "roc/penalty_drawn": pytest.approx(0.5 / 6),
        "roc/penalty_kept": 0,
        "roc/error_ratio_kept": 0,
    }
    drawn = [facts for group in groups for facts in group]
    assert error_ratio_of_right(drawn) == pytest.approx(1 / 12)


def test_figures_of_steps_without_calls_or_successes_leave_ratios_out() -> None:
    figures = selection_figures([[WRONG] * 2], [[]], PAPER)
    assert figures["roc/groups_all_wrong"] == 1
    assert not {"roc/penalty_drawn", "roc/penalty_kept", "roc/error_ratio_kept"} & set(figures)
    assert error_ratio_of_right([WRONG]) is None


def test_a_selection_by_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="no success is cleaner"):
        RocConfig(enabled=True, error_ratio=False, answer_format=False)
