"""The draw of one token: its random numbers, its distribution and what it reports."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.sampling.truth import processed_distribution
from training.sampling.draw import draw, kept_tokens, uniform_streams
from training.sampling.types import SamplingParams


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1), value)


def test_streams_are_uniform_and_uncorrelated() -> None:
    streams = uniform_streams([3] * 400, [i // 20 for i in range(400)], [i % 20 for i in range(400)], 250)
    count = streams.size
    assert streams.min() >= 0.0
    assert streams.max() < 1.0
    histogram = np.histogram(streams, bins=64, range=(0, 1))[0]
    chi_square = float(((histogram - count / 64) ** 2 / (count / 64)).sum())
    assert abs(chi_square - 63) < 4 * math.sqrt(2 * 63)
    centred = streams - streams.mean()
    for other in (np.roll(centred, 1, axis=0), np.roll(centred, 1, axis=1), np.roll(centred, 20, axis=0)):
        correlation = float((centred * other).mean() / centred.var())
        assert abs(correlation) < 4 / math.sqrt(count)


def test_a_stream_depends_on_its_own_three_numbers_only() -> None:
    together = uniform_streams([1, 2, 1], [0, 0, 1], [5, 5, 5], 10)
    for row, (seed, prompt) in enumerate([(1, 0), (2, 0), (1, 1)]):
        np.testing.assert_array_equal(uniform_streams([seed], [prompt], [5], 30)[0, :10], together[row])
    assert len(np.unique(together)) == together.size
    # Order matters: (seed 0, prompt 1) is not (seed 1, prompt 0).
    assert uniform_streams([0], [1], [0], 1) != uniform_streams([1], [0], [0], 1)


def test_the_largest_seed_has_a_stream() -> None:
    assert 0 <= uniform_streams([2**64 - 1], [0], [0], 1)[0, 0] < 1


@settings(max_examples=60, deadline=None)
@given(
    logits=st.lists(st.integers(-400, 400), min_size=2, max_size=30, unique=True),
    top_k=st.integers(0, 40),
    top_p=st.floats(0.01, 1.0),
)
def test_the_kept_tokens_are_those_of_the_slow_definition(logits: list[int], top_k: int, top_p: float) -> None:
    scores = torch.tensor([logits], dtype=torch.float64) / 50
    params = SamplingParams(n=1, max_tokens=1, temperature=1.0, top_k=top_k, top_p=top_p, stop_ids=(), seed=0)
    expected = processed_distribution(scores[0], params) > 0
    kept = kept_tokens(scores, torch.tensor([[top_k]]), torch.tensor([[top_p]], dtype=torch.float64))
    assert kept[0].tolist() == expected.tolist()


def test_a_draw_inverts_the_cumulative_distribution() -> None:
    probabilities = torch.tensor([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    for uniform, token in [(0.0, 1), (0.24, 1), (0.26, 3), (0.74, 3), (0.76, 4), (1 - 2**-53, 4)]:
        drawn = draw(probabilities.log()[None], torch.tensor([[uniform]], dtype=torch.float64), one(1.0))
        assert drawn.tokens.item() == token
        assert drawn.logprobs.item() == pytest.approx(math.log(float(probabilities[token])), abs=1e-6)
        assert drawn.entropies.item() == pytest.approx(1.5 * math.log(2), abs=1e-6)


def test_greedy_rows_take_the_argmax_beside_rows_that_draw() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
    uniforms = torch.tensor([[0.99], [0.99]], dtype=torch.float64)
    drawn = draw(logits, uniforms, torch.ones(2, 1), torch.tensor([[True], [False]]))
    assert drawn.tokens[:, 0].tolist() == [1, 2]
    assert torch.equal(drawn.logprobs[:, 0], torch.log_softmax(logits[0], -1)[[1, 2]])


def test_half_precision_logits_are_reported_in_single_precision() -> None:
    logits = torch.randn(4, 50).to(torch.bfloat16)
    drawn = draw(logits, torch.rand(4, 1, dtype=torch.float64), torch.ones(4, 1))
    expected = torch.log_softmax(logits.float(), -1).gather(1, drawn.tokens)
    assert drawn.logprobs.dtype == torch.float32
    assert torch.allclose(drawn.logprobs, expected, atol=1e-6)
