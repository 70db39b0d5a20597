"""Prefixes are not computed twice: what the torch engine runs, and counts, when prompts continue earlier samples."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.sampling.cases import VOCABULARY, tiny_model
from tests.training.sampling.truth import logprobs_and_entropies
from training.sampling.kv_cache import Part
from training.sampling.prefill import MOST_TIMES, PREFILL_POSITIONS, Lookup, next_pass
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams

PARAMS = SamplingParams(n=3, max_tokens=9, temperature=1.0, stop_ids=(3,), seed=5)
BUDGET = 1 << 24


@pytest.fixture
def prompts(prompts: list[list[int]]) -> list[list[int]]:
    """Prompts no two of which begin alike, so that the first pass has nothing to share."""
    return [[10 + index, *prompt] for index, prompt in enumerate(prompts)]


def engine(name: str = "qwen2", budget: int = BUDGET) -> TorchEngine:
    return TorchEngine(tiny_model(name), prefix_bytes=budget, max_rows=8)


def counts(of: TorchEngine) -> tuple[int, int]:
    """Prompt tokens run, and those of them run again."""
    return of.counters.prefill_tokens_computed, of.counters.prefill_tokens_recomputed


@pytest.mark.parametrize("name", ["qwen2", "mistral-sliding", "gpt2"])
def test_a_search_runs_the_last_token_of_each_step_and_nothing_else(name: str, prompts: list[list[int]]) -> None:
    searching, paths, computed = engine(name), prompts, 0
    for depth in range(4):
        params = replace(PARAMS, seed=depth)
        results = searching.sample(paths, params)
        computed += sum(map(len, paths)) if depth == 0 else len(paths)
        assert counts(searching) == (computed, 0)
        for path, of_path in zip(paths, results, strict=True):
            for child in of_path:
                logprobs, _ = logprobs_and_entropies(tiny_model(name), path, child.token_ids, params)
                np.testing.assert_allclose(child.logprobs, logprobs.numpy(), atol=1e-5)
        paths = [[*path, *child.token_ids] for path, of in zip(paths, results, strict=True) for child in of][::2]
        # Two children alike are one prompt.
        paths = [list(path) for path in dict.fromkeys(map(tuple, paths))]


def test_greedy_paths_are_the_same_with_and_without_memory(prompts: list[list[int]]) -> None:
    greedy = replace(PARAMS, n=1, temperature=0.0, stop_ids=())
    results = []
    for budget in (0, 3000, BUDGET):
        searching, paths = engine(budget=budget), prompts
        for _ in range(3):
            sampled = searching.sample(paths, greedy)
            paths = [path + of[0].token_ids for path, of in zip(paths, sampled, strict=True)]
        results.append(paths)
    assert results[0] == results[1] == results[2]


def test_fresh_and_warm_prompts_do_not_share_a_pass(prompts: list[list[int]]) -> None:
    searching = engine()
    results = searching.sample(prompts, PARAMS)
    before = searching.counters.prefill_tokens_computed
    rng = random.Random(9)
    fresh = [[60 - index, *(rng.randrange(VOCABULARY) for _ in range(39))] for index in range(3)]
    warm = [path + of[0].token_ids for path, of in zip(prompts, results, strict=True)]
    mixed = [warm[0], fresh[0], *warm[1:4], fresh[1], *warm[4:], fresh[2]]
    got = searching.sample(mixed, PARAMS)
    assert counts(searching) == (before + 3 * 40 + len(warm), 0)
    for one, other in zip(got, engine(budget=0).sample(mixed, PARAMS), strict=True):
        assert [each.token_ids for each in one] == [each.token_ids for each in other]


def test_what_is_run_again_is_counted() -> None:
    prompt, once = list(range(4, 24)), replace(PARAMS, max_tokens=1)
    forgetting, keeping = engine(budget=0), engine()
    for each in (forgetting, keeping):
        each.sample([prompt], once)
        assert counts(each) == (20, 0)
        each.sample([[*prompt, 1, 2]], once)
    # Without memory all that was seen; with it only what is new.
    assert counts(forgetting) == (42, 20)
    assert counts(keeping) == (22, 0)
    # A prompt seen in full runs its last token, whose logits are not kept.
    keeping.sample([prompt], once)
    assert counts(keeping) == (23, 1)
    # Two rows of a pass that begin alike run their beginning twice.
    keeping.sample([[30, 31, 32, 33], [30, 31, 32, 34]], once)
    assert counts(keeping) == (31, 4)
    keeping.update_weights(1)
    keeping.sample([prompt], once)
    assert counts(keeping) == (51, 4)


def test_states_that_were_driven_out_are_counted_when_they_are_run_again() -> None:
    token_bytes = 2 * 2 * 2 * 8 * 4
    small, once = engine(budget=30 * token_bytes), replace(PARAMS, max_tokens=1)
    for prompt in ([4] * 20, [5] * 20):
        small.sample([prompt], once)
    assert counts(small) == (40, 0)
    small.sample([[4] * 20], once)
    assert counts(small) == (60, 20)


@given(shapes=st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 3000)), min_size=1, max_size=60))
def test_a_pass_runs_little_again_fits_its_memory_and_leaves_none_out(shapes: Sequence[tuple[int, int]]) -> None:
    waiting = [Lookup((1,) * (known + lacking), [Part([], known)]) for lacking, known in shapes]
    waiting.sort(key=lambda each: (each.lacking, len(each.prompt)), reverse=True)
    while waiting:
        together = next_pass(waiting)
        new, longest = together[0].lacking, max(len(each.prompt) for each in together)
        assert all(min(new, len(each.prompt)) <= MOST_TIMES * each.lacking for each in together)
        assert len(together) == 1 or len(together) * longest <= PREFILL_POSITIONS
        waiting = waiting[len(together) :]
        if waiting:
            positions = (len(together) + 1) * max(longest, len(waiting[0].prompt))
            assert positions > PREFILL_POSITIONS or waiting[0].lacking * MOST_TIMES < new
