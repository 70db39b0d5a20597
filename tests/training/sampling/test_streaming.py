"""Samples that enter, leave and come back while others decode."""

from dataclasses import replace

import pytest
import torch

from tests.training.sampling.cases import tiny_model
from tests.training.sampling.truth import logprobs_and_entropies
from training.sampling.session import bytes_per_token
from training.sampling.streaming import StreamingSession
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams, StreamingEngine

PARAMS = SamplingParams(n=1, max_tokens=24, temperature=1.0, stop_ids=(3,), seed=5)
Prompts = list[list[int]]


def engine(name: str = "qwen2", rows: int = 8, prefix_bytes: int = 1 << 24) -> TorchEngine:
    return TorchEngine(tiny_model(name), max_rows=rows, prefix_bytes=prefix_bytes)


def drain(session: StreamingSession) -> dict[int, Completion]:
    done: dict[int, Completion] = {}
    while not session.is_done:
        done |= dict(session.take())
    return done


def test_an_engine_that_streams_says_so() -> None:
    made = engine(prefix_bytes=1 << 20)
    assert isinstance(made, StreamingEngine)
    assert made.capacity_tokens == (1 << 20) // bytes_per_token(tiny_model("qwen2"))


def test_coming_back_computes_only_what_is_new_and_draws_as_from_the_whole(prompts: Prompts) -> None:
    made = engine()
    prompt = prompts[1]
    with made.stream([PARAMS], longest=200, most=8) as session:
        session.add(0, prompt, PARAMS)
        first = drain(session)[0].token_ids
        told = [7, 8, 9]
        before = made.counters.prefill_tokens_computed
        second = replace(PARAMS, seed=6)
        session.add(0, [*prompt, *first, *told], second)
        back = drain(session)[0]
    assert made.counters.prefill_tokens_computed - before == 1 + len(told)  # the last token drawn has no state yet
    longer = [*prompt, *first, *told]
    [[alone]] = engine().sample([longer], replace(second, stream=0))
    assert back.token_ids == alone.token_ids
    logprobs, entropies = logprobs_and_entropies(tiny_model("qwen2"), longer, back.token_ids, second)
    torch.testing.assert_close(torch.from_numpy(back.logprobs).double(), logprobs, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(torch.from_numpy(back.entropies).double(), entropies, atol=2e-5, rtol=1e-4)


def test_a_sequence_that_will_not_go_on_gives_its_memory_back_but_for_what_others_share() -> None:
    made = engine()
    shared = list(range(4, 24))
    with made.stream([PARAMS], longest=100, most=8) as session:
        for ticket in (0, 1):
            session.add(ticket, [*shared, ticket], replace(PARAMS, stream=ticket, stop_ids=()))
        done = drain(session)
        of_one = [*shared, 0, *done[0].token_ids]
        session.drop(of_one)
        before = made.counters.prefill_tokens_computed
        session.add(2, [*shared, 1, *done[1].token_ids], PARAMS)
        drain(session)
        assert made.counters.prefill_tokens_computed - before == 1
        for ticket in (0, 1):
            session.drop([*shared, ticket, *done[ticket].token_ids])
    assert made._prefixes.nbytes > 0  # sequence 2 lies after sequence 1


def test_dropping_every_sequence_leaves_no_state() -> None:
    made = engine()
    with made.stream([PARAMS], longest=100, most=8) as session:
        for ticket in range(4):
            session.add(ticket, [5, 6, 7, ticket], replace(PARAMS, stream=ticket))
        done = drain(session)
        for ticket, completion in done.items():
            session.drop([5, 6, 7, ticket, *completion.token_ids[:-1]])
    assert made._prefixes.nbytes == 0


def test_a_stream_that_outgrows_the_memory_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="longest sample needs"),
        TorchEngine(tiny_model("qwen2"), kv_bytes=1000).stream([PARAMS], 30, 8),
    ):
        pass
