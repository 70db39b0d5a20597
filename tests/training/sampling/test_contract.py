"""What every engine promises, checked on each engine of `cases`."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.sampling.cases import CONTEXT, VOCABULARY, EngineCase
from tests.training.sampling.truth import greedy_by_generate, logprobs_and_entropies, processed_distribution
from training.sampling.types import Completion, Engine, SamplingParams

Prompts = list[list[int]]

PLAIN = SamplingParams(n=4, max_tokens=24, temperature=1.0, stop_ids=(3, 11), seed=5)
GREEDY = SamplingParams(n=1, max_tokens=24, temperature=0.0, stop_ids=(3, 11), seed=0)


def ids_of(results: list[list[Completion]]) -> list[list[list[int]]]:
    return [[completion.token_ids for completion in of_prompt] for of_prompt in results]


def test_it_is_an_engine(case: EngineCase) -> None:
    assert isinstance(case.make(8, False), Engine)


def test_greedy_sampling_gives_the_tokens_of_generate(case: EngineCase, prompts: Prompts) -> None:
    results = case.make(64, False).sample(prompts, GREEDY)
    expected = [[greedy_by_generate(case.model(), prompt, 24, GREEDY.stop_ids)] for prompt in prompts]
    assert ids_of(results) == expected


@pytest.mark.parametrize(
    "params",
    [
        PLAIN,
        replace(PLAIN, temperature=0.6),
        replace(PLAIN, temperature=1.5, top_k=7),
        replace(PLAIN, temperature=0.8, top_p=0.7),
        replace(PLAIN, top_k=12, top_p=0.9),
        replace(GREEDY, top_k=2),
    ],
    ids=["plain", "cold", "hot top-k", "top-p", "top-k and top-p", "greedy"],
)
def test_logprobs_and_entropies_are_those_of_a_plain_forward(
    case: EngineCase, prompts: Prompts, params: SamplingParams
) -> None:
    results = case.make(16, False).sample(prompts, params)
    for prompt, of_prompt in zip(prompts, results, strict=True):
        for completion in of_prompt:
            logprobs, entropies = logprobs_and_entropies(case.model(), prompt, completion.token_ids, params)
            assert completion.logprobs.dtype == completion.entropies.dtype == np.float32
            np.testing.assert_allclose(completion.logprobs, logprobs.numpy(), atol=1e-4)
            np.testing.assert_allclose(completion.entropies, entropies.numpy(), atol=1e-4)


def test_a_sample_does_not_depend_on_the_batch_it_travels_in(case: EngineCase, prompts: Prompts) -> None:
    together = ids_of(case.make(64, False).sample(prompts, PLAIN))
    for max_rows in (1, 3, 6):
        assert ids_of(case.make(max_rows, False).sample(prompts, PLAIN)) == together
    fewer = ids_of(case.make(64, False).sample(prompts[:2], replace(PLAIN, n=2)))
    assert fewer == [of_prompt[:2] for of_prompt in together[:2]]


def test_a_part_of_a_batch_draws_what_the_whole_would(case: EngineCase, prompts: Prompts) -> None:
    whole = ids_of(case.make(64, False).sample(prompts, PLAIN))
    of_stream = [replace(PLAIN, stream=index) for index in range(len(prompts))]
    assert ids_of(case.make(64, False).sample(prompts[4:], of_stream[4:])) == whole[4:]


def test_samples_prompts_and_seeds_draw_from_different_streams(case: EngineCase) -> None:
    engine = case.make(64, False)
    params = replace(PLAIN, n=8, stop_ids=(), temperature=1.5)
    twice_the_same_prompt = ids_of(engine.sample([[1, 2, 3], [1, 2, 3]], params))
    another_seed = ids_of(engine.sample([[1, 2, 3]], replace(params, seed=6)))
    drawn = [tuple(ids) for ids in itertools.chain(*twice_the_same_prompt, *another_seed)]
    assert len(set(drawn)) == 24


def test_tokens_come_as_often_as_their_probability_says(case: EngineCase) -> None:
    params = SamplingParams(n=case.draws, max_tokens=1, temperature=0.9, top_p=0.95, stop_ids=(), seed=1)
    prompt = [4, 8, 15, 16, 23, 42]
    drawn = Counter(ids[0] for ids in ids_of(case.make(512, False).sample([prompt], params))[0])
    with torch.no_grad():
        expected = processed_distribution(case.model()(torch.tensor([prompt])).logits[0, -1], params) * params.n
    assert all(expected[token] > 0 for token in drawn)
    likely = [token for token in range(VOCABULARY) if expected[token] >= 5]
    statistic = sum((drawn[token] - float(expected[token])) ** 2 / float(expected[token]) for token in likely)
    # A chi-square of k degrees of freedom has mean k and standard deviation sqrt(2k).
    assert statistic < len(likely) + 3.5 * (2 * len(likely)) ** 0.5


def test_a_sample_ends_with_its_stop_id_or_its_budget(case: EngineCase, prompts: Prompts) -> None:
    reasons = Counter[str]()
    for completion in itertools.chain(*case.make(16, False).sample(prompts, replace(PLAIN, n=16))):
        stops = [place for place, token in enumerate(completion.token_ids) if token in PLAIN.stop_ids]
        if completion.finish_reason == "stop":
            assert stops == [len(completion.token_ids) - 1]
        else:
            assert (completion.finish_reason, len(completion.token_ids), stops) == ("length", PLAIN.max_tokens, [])
        assert len(completion.logprobs) == len(completion.entropies) == len(completion.token_ids)
        reasons[completion.finish_reason] += 1
    assert set(reasons) == {"stop", "length"}


def test_each_prompt_may_have_its_own_params(case: EngineCase, prompts: Prompts) -> None:
    params = [
        replace(PLAIN, n=3, max_tokens=4, stop_ids=()),
        replace(GREEDY, max_tokens=30, stop_ids=()),
        replace(PLAIN, n=2, temperature=0.5, top_k=3, max_tokens=9, stop_ids=(1,)),
    ]
    together = ids_of(case.make(4, False).sample(prompts[:3], params))
    assert [len(of_prompt) for of_prompt in together] == [3, 1, 2]
    assert {len(ids) for ids in together[0]} == {4}
    assert len(together[1][0]) == 30
    alone = [ids_of(case.make(4, False).sample(prompts[:3], each))[index] for index, each in enumerate(params)]
    assert together == alone


def test_on_finish_hears_of_each_sample_once(case: EngineCase, prompts: Prompts) -> None:
    heard: dict[tuple[int, int], Completion] = {}

    def on_finish(prompt_index: int, sample_index: int, completion: Completion) -> None:
        assert (prompt_index, sample_index) not in heard
        heard[prompt_index, sample_index] = completion

    results = case.make(5, False).sample(prompts, PLAIN, on_finish=on_finish)
    assert len(heard) == len(prompts) * PLAIN.n
    assert all(results[i][j] is completion for (i, j), completion in heard.items())


def test_an_aborted_call_returns_what_was_drawn_so_far(case: EngineCase, prompts: Prompts) -> None:
    whole = case.make(6, False).sample(prompts, PLAIN)
    finished: list[Completion] = []
    aborted = case.make(6, False).sample(
        prompts,
        PLAIN,
        on_finish=lambda i, j, completion: finished.append(completion),
        should_abort=lambda: len(finished) >= 9,
    )
    cut_short = 0
    for full, part in zip(itertools.chain(*whole), itertools.chain(*aborted), strict=True):
        assert part.token_ids == full.token_ids[: len(part.token_ids)]
        np.testing.assert_allclose(part.logprobs, full.logprobs[: len(part.token_ids)], atol=1e-4)
        if part.finish_reason == "abort":
            assert len(part.token_ids) < len(full.token_ids)
            cut_short += 1
    assert len(finished) == len(prompts) * PLAIN.n
    assert 9 <= len(finished) - cut_short < len(finished) - 6


def test_the_samples_of_a_prompt_share_its_prefill(case: EngineCase, prompts: Prompts) -> None:
    engine = case.make(3, False)
    engine.sample([*prompts, prompts[0]], PLAIN)
    prompt_tokens = sum(map(len, prompts))
    again = (PLAIN.n - 1) * sum(_run_again(case, prompt) for prompt in prompts)
    again += PLAIN.n * _run_again(case, prompts[0])
    assert engine.counters.prefill_tokens_computed == prompt_tokens + again
    assert engine.counters.prefill_tokens_recomputed >= again
    assert engine.counters.prefill_tokens_requested == PLAIN.n * (prompt_tokens + len(prompts[0]))


def _run_again(case: EngineCase, prompt: list[int]) -> int:
    """Tokens that another sample of a prompt runs, where prefixes are shared in blocks."""
    return len(prompt) - (len(prompt) - 1) // case.block * case.block if case.block else 0


def test_a_kept_prefix_saves_its_prefill_and_changes_nothing(case: EngineCase, prompts: Prompts) -> None:
    keeping, forgetting = case.make(16, True), case.make(16, False)
    params = replace(PLAIN, max_tokens=40, stop_ids=())
    first = keeping.sample(prompts, params)
    paths = [prompt + first[index][2].token_ids for index, prompt in enumerate(prompts)]
    computed = keeping.counters.prefill_tokens_computed
    continued = keeping.sample(paths, PLAIN)
    # Of each path all is kept but the last token, which was drawn and never run.
    expected_tokens = PLAIN.n * sum(_run_again(case, path) for path in paths) if case.block else len(paths)
    assert keeping.counters.prefill_tokens_computed - computed == expected_tokens
    expected = forgetting.sample(paths, PLAIN)
    assert ids_of(continued) == ids_of(expected)
    for got, wanted in zip(itertools.chain(*continued), itertools.chain(*expected), strict=True):
        np.testing.assert_allclose(got.logprobs, wanted.logprobs, atol=1e-5)


def test_new_weights_have_a_version_and_forget_the_prefixes(case: EngineCase, prompts: Prompts) -> None:
    engine = case.make(16, True)
    before = engine.sample(prompts, PLAIN)
    computed = engine.counters.prefill_tokens_computed
    engine.update_weights(7, case.model().named_parameters())
    after = engine.sample(prompts, PLAIN)
    assert {completion.weights_version for completion in itertools.chain(*before)} == {0}
    assert {completion.weights_version for completion in itertools.chain(*after)} == {engine.weights_version} == {7}
    assert engine.counters.prefill_tokens_computed == 2 * computed
    assert ids_of(before) == ids_of(after)


def test_new_weights_are_really_in_effect(case: EngineCase, prompts: Prompts) -> None:
    model = case.model()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    engine = case.make(16, True)
    engine.sample(prompts, GREEDY)
    generator = torch.Generator().manual_seed(3)
    changed = {name: value + 0.1 * torch.randn(value.shape, generator=generator) for name, value in before.items()}
    try:
        engine.update_weights(1, changed.items())
        results = engine.sample(prompts, GREEDY)
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(changed[name])
        expected = [[greedy_by_generate(model, prompt, 24, GREEDY.stop_ids)] for prompt in prompts]
    finally:
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(before[name])
    assert ids_of(results) == expected
    engine.update_weights(2, before.items())
    assert ids_of(engine.sample(prompts, GREEDY)) == ids_of(case.make(16, False).sample(prompts, GREEDY)) != expected


def test_weights_of_another_architecture_are_refused(case: EngineCase) -> None:
    engine = case.make(16, False)
    with pytest.raises(ValueError, match=r"another|no place|refuses"):
        engine.update_weights(1, [("model.nothing.weight", torch.zeros(2))])


def test_an_empty_call_returns_nothing(case: EngineCase) -> None:
    assert case.make(4, False).sample([], PLAIN) == []


@pytest.mark.parametrize(
    ("prompts_given", "params", "words"),
    [
        ([[1], []], PLAIN, "prompt 1 is empty"),
        ([[1, VOCABULARY]], PLAIN, f"the model's go from 0 to {VOCABULARY - 1}"),
        ([[1] * CONTEXT], PLAIN, f"context is {CONTEXT}"),
        ([[1], [2]], [PLAIN], "2 prompts came with 1 params"),
    ],
)
def test_an_impossible_request_is_refused_in_words(
    case: EngineCase, prompts_given: Prompts, params: SamplingParams | list[SamplingParams], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        case.make(4, False).sample(prompts_given, params)
