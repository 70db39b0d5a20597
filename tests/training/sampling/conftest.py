"""Fixtures of the sampling tests: every engine under test in turn, and prompts of ragged length."""

import random

import pytest
import torch

from tests.training.sampling.cases import CASES, STREAMING_CASES, VOCABULARY, EngineCase


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny matrices are not worth a second thread."""
    torch.set_num_threads(1)


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> EngineCase:
    """An engine that has to keep the contract."""
    chosen: EngineCase = request.param
    return chosen


@pytest.fixture(params=STREAMING_CASES, ids=str)
def streaming_case(request: pytest.FixtureRequest) -> EngineCase:
    """An engine that has to keep the contract of streams."""
    chosen: EngineCase = request.param
    return chosen


@pytest.fixture
def prompts() -> list[list[int]]:
    """Seven prompts of 1 to 40 tokens, in no order of length."""
    rng = random.Random(1)
    return [[rng.randrange(VOCABULARY) for _ in range(length)] for length in (5, 40, 1, 17, 3, 33, 9)]
