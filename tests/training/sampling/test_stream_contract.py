"""What every engine promises of streams, checked on each engine of `cases`."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.training.sampling.cases import CONTEXT, VOCABULARY, EngineCase
from tests.training.sampling.truth import logprobs_and_entropies
from training.sampling.types import Completion, SamplingParams, Stream, StreamingEngine

PARAMS = SamplingParams(n=1, max_tokens=24, temperature=1.0, stop_ids=(3,), seed=5)
Prompts = list[list[int]]


def drain(stream: Stream) -> dict[int, Completion]:
    done: dict[int, Completion] = {}
    while not stream.is_done:
        done |= dict(stream.take())
    return done


def test_it_streams(streaming_case: EngineCase) -> None:
    engine = streaming_case.make(8, True)
    assert isinstance(engine, StreamingEngine)
    assert engine.capacity_tokens > CONTEXT


def test_what_a_sample_draws_does_not_depend_on_when_it_entered(streaming_case: EngineCase, prompts: Prompts) -> None:
    """Against one ordinary call, over eight orders of entering."""
    streams = [replace(PARAMS, stream=place, max_tokens=8 + place) for place in range(len(prompts))]
    whole = streaming_case.make(8, True).sample(prompts, streams)
    expected = {place: found[0].token_ids for place, found in enumerate(whole)}
    for seed in range(8):
        rng = random.Random(seed)
        order = rng.sample(range(len(prompts)), len(prompts))
        with streaming_case.make(4, True).stream([PARAMS], longest=64, most=8) as stream:
            done: dict[int, Completion] = {}
            while order or not stream.is_done:
                if order and (stream.is_done or rng.random() < 0.3):
                    place = order.pop()
                    stream.add(place, prompts[place], streams[place])
                done |= dict(stream.take())
        assert {place: completion.token_ids for place, completion in done.items()} == expected


def test_coming_back_draws_as_from_the_whole_and_finds_its_states(streaming_case: EngineCase, prompts: Prompts) -> None:
    engine, second = streaming_case.make(8, True), replace(PARAMS, seed=6)
    with engine.stream([PARAMS], longest=200, most=8) as stream:
        stream.add(0, prompts[1], replace(PARAMS, stop_ids=()))
        longer = [*prompts[1], *drain(stream)[0].token_ids, 7, 8, 9]
        before = engine.counters.prefill_tokens_computed
        stream.add(0, longer, second)
        back = drain(stream)[0]
        assert stream.entered_at(0) > 0
    known = (len(longer) - 4) // (streaming_case.block or 1) * (streaming_case.block or 1)
    assert engine.counters.prefill_tokens_computed - before == len(longer) - known
    [[alone]] = streaming_case.make(8, False).sample([longer], replace(second, stream=0))
    assert back.token_ids == alone.token_ids
    logprobs, entropies = logprobs_and_entropies(streaming_case.model(), longer, back.token_ids, second)
    np.testing.assert_allclose(back.logprobs, logprobs.numpy(), atol=2e-5, rtol=1e-4)
    np.testing.assert_allclose(back.entropies, entropies.numpy(), atol=2e-5, rtol=1e-4)


def test_a_stream_that_ends_returns_what_there_is(streaming_case: EngineCase, prompts: Prompts) -> None:
    engine = streaming_case.make(2, True)
    with engine.stream([PARAMS], longest=250, most=8) as stream:
        for place, prompt in enumerate(prompts):
            stream.add(place, prompt, replace(PARAMS, stream=place, stop_ids=(), max_tokens=200))
        finished: dict[int, Completion] = {}  # of a fast server, which may be ahead of us
        while not engine.counters.decode_rows:
            finished |= dict(stream.take())
        ended = dict(stream.end())
        assert stream.is_done
        assert sorted([*ended, *finished]) == list(range(len(prompts)))
        assert {completion.finish_reason for completion in ended.values()} == {"abort"}
        assert max(len(completion.token_ids) for completion in (ended | finished).values()) > 0


def test_what_cannot_be_sampled_is_refused(streaming_case: EngineCase) -> None:
    with streaming_case.make(8, True).stream([PARAMS], longest=30, most=8) as stream:
        with pytest.raises(ValueError, match="context is 30"):
            stream.add(0, [1] * 10, PARAMS)
        with pytest.raises(ValueError, match="empty"):
            stream.add(0, [], PARAMS)
        with pytest.raises(ValueError, match="go from 0"):
            stream.add(0, [VOCABULARY], PARAMS)
