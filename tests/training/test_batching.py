"""What shares a forward pass, and how the work is split."""

import random

import numpy as np
import pytest
import torch

from training.batching import Example, micro_batches, pack, pad, share_of_work, work_of

CPU = torch.device("cpu")


def groups(count: int, siblings: int, seed: int = 0) -> list[Example]:
    rng = random.Random(seed)
    return [
        Example([100 + number] * (3 + number % 4), [number] * rng.randint(1, 40))
        for number in range(count)
        for _ in range(siblings)
    ]


def test_a_prompt_is_packed_once_for_all_its_responses() -> None:
    packed = pack([Example([5, 6, 7], [1, 2]), Example([5, 6, 7], [3, 4, 9]), Example([8], [3])], CPU)
    assert packed.token_ids.tolist() == [[5, 6, 7, 1, 3, 4, 8]]  # what predicts nothing is not run
    assert packed.positions.tolist() == [[0, 1, 2, 3, 3, 4, 0]]
    assert packed.predictors.tolist() == [2, 3, 2, 4, 5, 6]
    assert packed.targets.tolist() == [1, 2, 3, 4, 9, 3]


def test_padding_stands_on_the_right_and_predicts_nothing() -> None:
    padded = pad([Example([5, 6, 7], [1, 2]), Example([8], [3])], CPU)
    assert padded.token_ids.tolist() == [[5, 6, 7, 1], [8, 0, 0, 0]]  # what predicts nothing is not run
    assert padded.mask.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]
    assert padded.predictors.tolist() == [2, 3, 4]
    assert padded.targets.tolist() == [1, 2, 3]


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("budget", [1, 64, 300, 100_000])
def test_every_example_is_in_exactly_one_micro_batch_within_the_budget(padded: bool, budget: int) -> None:
    examples = groups(count=9, siblings=4)
    batches = micro_batches(examples, budget, padded)
    assert sorted(place for batch in batches for place in batch) == list(range(len(examples)))
    for batch in batches:
        chosen = [examples[place] for place in batch]
        if padded:
            cost = len(chosen) * max(map(len, chosen))
        else:
            cost = sum(len(e.response) for e in chosen) + sum(len(p) for p in {tuple(e.prompt) for e in chosen})
        assert cost <= budget or len(batch) == 1


def test_sequences_of_similar_length_are_padded_together() -> None:
    examples = [Example([0], [1] * length) for length in (39, 3, 38, 2, 40, 1)]
    assert micro_batches(examples, budget=130, padded=True) == [[5, 3, 1], [2, 0, 4]]


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_all_the_work_about_equally_and_keep_groups_whole(processes: int) -> None:
    examples = groups(count=21, siblings=4)
    shares = [share_of_work(examples, process, processes) for process in range(processes)]
    assert sorted(place for share in shares for place in share) == list(range(len(examples)))
    loads = [work_of([examples[place] for place in share]) for share in shares]
    units = [work_of(examples[start : start + 4]) for start in range(0, len(examples), 4)]
    assert max(loads) - min(loads) <= max(units)
    for share in shares:
        assert all((place // 4 * 4 + other) in share for place in share for other in range(4))


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_a_long_tail_leaves_no_process_a_twentieth_more_to_do_than_the_mean(processes: int) -> None:
    """512 lone sequences whose lengths are log-normal, up to 32k tokens, as natural stopping gives."""
    rng = random.Random(0)
    lengths = [min(int(rng.lognormvariate(7, 1.2)) + 1, 32_000) for _ in range(512)]
    examples = [Example([number], range(length)) for number, length in enumerate(lengths)]
    loads = [
        work_of([examples[place] for place in share_of_work(examples, process, processes)])
        for process in range(processes)
    ]
    assert max(loads) <= 1.05 * sum(loads) / processes


def test_what_attention_looks_at_is_work() -> None:
    """A response of 60k tokens costs more than ten of 6k, and a shared prompt is run once but seen by all."""
    long, short = Example([1], range(60_000)), [Example([2], range(6_000)) for _ in range(10)]
    assert work_of([long]) > 2 * work_of(short)
    shares = [share_of_work([long, *(Example([i], range(6_000)) for i in range(3, 13))], rank, 2) for rank in (0, 1)]
    assert shares == [[0], list(range(1, 11))]
    alone, together = work_of([Example([3] * 400, [1] * 10)]), work_of([Example([3] * 400, [1] * 10)] * 4)
    assert 400 + 4 * 10 < together < alone + 3 * 2 * 10


def test_nothing_predicts_tokens_that_the_model_did_not_draw() -> None:
    """They are run all the same, since later tokens see them."""
    said_by_a_tool = Example([5, 6, 7], [1, 2, 3, 4], np.array([True, False, False, True]))
    packed = pack([said_by_a_tool, Example([5, 6, 7], [8])], CPU)
    assert packed.token_ids.tolist() == [[5, 6, 7, 1, 2, 3]]
    assert packed.predictors.tolist() == [2, 5, 2]
    assert packed.targets.tolist() == [1, 4, 8]
    padded = pad([said_by_a_tool, Example([5], [8])], CPU)
    assert padded.predictors.tolist() == [2, 5, 6]
    assert padded.targets.tolist() == [1, 4, 8]
