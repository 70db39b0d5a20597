"""The engine over a decoder that stands in for vLLM: what it asks for, what it tells, and what it counts."""

import itertools
import math
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from training.distributed import Item, Processes
from training.sampling.decoder import EngineLostError, Facts, Order, Progress
from training.sampling.meeting import meet, sampling_shares
from training.sampling.types import Completion, SamplingParams, StreamingEngine
from training.sampling.vllm_engine import VllmEngine
from training.sampling.vllm_session import MOST_LOSSES
from training.sampling.vllm_together import MOST_GIVEN, VllmTogether

PARAMS = SamplingParams(n=2, max_tokens=3, temperature=1.0, stop_ids=(9,), seed=5)


class CountingDecoder:
    """Decodes a token a step for each order: its place in the sample, after its prompt's length."""

    facts = Facts(vocabulary=50, context=64, capacity_tokens=40, block=16)

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.live: dict[int, int] = {}
        self.aborted: list[int] = []
        self.loaded: list[int] = []
        self.most = 0
        self.ready = False
        self.lost_after = math.inf
        self.logprob = -1.0

    def prepare(self) -> bool:
        return self.ready

    def add(self, order: Order) -> None:
        self.orders.append(order)
        self.live[order.key] = 0
        self.most = max(self.most, len(self.live))

    def step(self) -> list[Progress]:
        if self.lost_after <= 0:
            self.live.clear()
            raise EngineLostError("http://there", "gone")
        self.lost_after -= 1
        return [self._next(order) for order in self.orders if order.key in self.live]

    def _next(self, order: Order) -> Progress:
        self.live[order.key] += 1
        done = self.live[order.key]
        ends = done == order.params.max_tokens
        if ends:
            del self.live[order.key]
        return Progress(order.key, [len(order.prompt) + done], [self.logprob], [0.5], "length" if ends else None, 1)

    def abort(self, keys: Sequence[int]) -> None:
        self.aborted += keys
        for key in keys:
            del self.live[key]

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        assert [name for name, _ in weights] == ["w"]
        self.loaded.append(version)
        self.ready = True

    def took(self, version: int) -> None:
        self.loaded.append(version)

    def rest(self) -> None:
        self.ready = False


def engine_of(decoder: CountingDecoder, max_rows: int = 3) -> VllmEngine:
    return VllmEngine(decoder, max_rows=max_rows, source=lambda: [("w", torch.zeros(1))])


def test_it_streams_and_takes_no_more_places_than_it_may() -> None:
    decoder = CountingDecoder()
    engine = engine_of(decoder)
    assert isinstance(engine, StreamingEngine)
    results = engine.sample([[1, 2], [3, 4, 5]], PARAMS)
    assert [[each.token_ids for each in of] for of in results] == [[[3, 4, 5]] * 2, [[4, 5, 6]] * 2]
    assert (decoder.most, decoder.live) == (3, {})
    assert len({order.seed for order in decoder.orders}) == 4
    assert len({order.key for order in decoder.orders}) == 4


def test_seeds_depend_on_stream_and_sample_alone() -> None:
    decoder = CountingDecoder()
    engine = engine_of(decoder)
    engine.sample([[1], [2]], PARAMS)
    with engine.stream([PARAMS], 8, 4) as stream:
        stream.add(1, [7], PARAMS, sample_index=1)
        stream.end()
    seeds = [order.seed for order in decoder.orders]
    assert len(seeds) == 4  # what ended before it began was never asked for
    with engine.stream([PARAMS], 8, 4) as stream:
        stream.add(1, [7], PARAMS, sample_index=1)
        stream.take()
    assert decoder.orders[-1].seed == seeds[3]


def test_counters_tell_what_the_decoder_found() -> None:
    engine = engine_of(CountingDecoder())
    engine.sample([[1, 2, 3, 4]], PARAMS)
    counters = engine.counters
    assert (counters.prefill_tokens_requested, counters.prefill_tokens_computed) == (8, 6)
    assert counters.prefill_tokens_recomputed == 3  # those that the second sample ran
    assert (counters.tokens_sampled, counters.decode_rows, counters.decode_steps) == (6, 4, 3)


def test_weights_come_from_the_source_once_and_again_after_a_rest() -> None:
    decoder = CountingDecoder()
    engine = engine_of(decoder)
    engine.sample([[1]], PARAMS)
    engine.sample([[1]], PARAMS)
    assert decoder.loaded == [0]
    engine.update_weights(3)
    engine.update_weights(4)
    engine.rest()
    [[completion, _]] = engine.sample([[1]], PARAMS)
    engine.sample([[1]], PARAMS)
    assert decoder.loaded == [0, 4]
    assert completion.weights_version == 4
    salts = [order.salt for order in decoder.orders]
    assert len(set(salts)) == 2
    assert salts[0] == salts[3] != salts[4]
    with pytest.raises(ValueError, match="has to be given the new ones"):
        VllmEngine(decoder).update_weights(1)


class Returning(CountingDecoder):
    """Is lost after four steps as often as it may be `back`, without its weights; then it stays away."""

    def __init__(self, back: int) -> None:
        super().__init__()
        self.lost_after, self.back = 4, back

    def prepare(self) -> bool:
        if self.lost_after <= 0:
            if self.back == 0:
                raise EngineLostError("http://there", "not healthy for 1 s")
            self.back, self.lost_after, self.ready = self.back - 1, 4, False
        return super().prepare()


def test_an_engine_that_was_lost_draws_what_is_left_when_it_is_back() -> None:
    decoder, undisturbed = Returning(back=3), CountingDecoder()
    told: list[tuple[int, int]] = []
    results = engine_of(decoder, max_rows=1).sample(
        [[1], [2]], PARAMS, lambda prompt, sample, done: told.append((prompt, sample))
    )
    expected = engine_of(undisturbed, max_rows=1).sample([[1], [2]], PARAMS)
    assert [[each.token_ids for each in of] for of in results] == [[each.token_ids for each in of] for of in expected]
    assert sorted(told) == [(0, 0), (0, 1), (1, 0), (1, 1)]  # each once
    assert decoder.loaded == [0, 0, 0, 0]
    a, b, c, d = [order.seed for order in undisturbed.orders]
    assert [order.seed for order in decoder.orders] == [a, b, b, c, c, d, d]


def test_a_stream_goes_on_with_an_engine_that_was_lost_too() -> None:
    decoder = Returning(back=1)
    with engine_of(decoder).stream([PARAMS], 8, 2) as stream:
        for ticket in (1, 2, 3):
            stream.add(ticket, [ticket] * ticket, PARAMS)
        told = []
        while not stream.is_done:
            told += stream.take()
    assert {ticket: done.token_ids for ticket, done in told} == {1: [2, 3, 4], 2: [3, 4, 5], 3: [4, 5, 6]}
    assert len(told) == 3
    assert decoder.loaded == [0, 0]


@pytest.mark.parametrize("back", [0, 9])
def test_an_engine_that_stays_away_or_goes_again_and_again_is_lost(back: int) -> None:
    decoder = Returning(back)
    engine, told = engine_of(decoder, max_rows=1), dict[tuple[int, int], Completion]()
    with pytest.raises(EngineLostError):
        engine.sample([[1], [2], [3], [4]], PARAMS, lambda prompt, sample, done: told.update({(prompt, sample): done}))
    assert len(told) == (1 if back == 0 else 1 + MOST_LOSSES)
    decoder.lost_after = math.inf
    assert len(list(itertools.chain(*engine.sample([[1], [2]], PARAMS)))) == 4


class Echo(Processes):
    """Processes of which each says what the first does."""

    def gather(self, value: Item) -> list[Item]:
        return [value] * self.count


class Together(Processes):
    """Processes that are threads of this one, and take long to be told anything."""

    def __init__(self, rank: int, told: list[Any], here: threading.Barrier) -> None:
        super().__init__(rank, len(told))
        self._told, self._here = told, here

    def gather(self, value: Item) -> list[Item]:
        self._told[self.rank] = value
        self._here.wait(60)
        values = list(self._told)
        self._here.wait(60)
        return values


def together(decoders: Sequence[CountingDecoder]) -> list[list[list[int]] | BaseException]:
    """What processes of these decoders sample between two meetings, each one call more than the one before it."""
    count = len(decoders)
    told, here = [None] * count, threading.Barrier(count)

    def work(rank: int) -> list[list[int]] | BaseException:
        engine = VllmTogether(decoders[rank], Together(rank, told, here), max_rows=1)
        engine.update_weights(4, [("w", torch.zeros(1))])
        found: list[list[int]] = []
        try:
            with sampling_shares(engine):
                for _ in range(1 + rank):
                    found += [each.token_ids for each in engine.sample([[1]], PARAMS)[0]]
        except BaseException as error:
            return error
        return found

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


@pytest.mark.parametrize(("losses", "meetings"), [((0, 0), 1), ((1, 0), 2), ((0, 3), 4), ((1, 3), 4)])
def test_processes_that_lose_their_engine_meet_those_that_are_done_and_go_on(
    losses: tuple[int, int], meetings: int
) -> None:
    """The second has more to sample; whoever loses nothing waits for the other."""
    decoders = [Returning(each) if each else CountingDecoder() for each in losses]
    assert together(decoders) == [[[2, 3, 4]] * 2, [[2, 3, 4]] * 4]
    assert [decoder.loaded for decoder in decoders] == [[4] * meetings] * 2


def test_an_engine_that_stays_away_from_one_process_is_lost_to_all() -> None:
    assert [str(each) for each in together([CountingDecoder(), Returning(back=0)])] == [
        "the engine at http://there does not answer: not healthy for 1 s"
    ] * 2


def test_beside_training_a_single_process_goes_on_and_one_of_several_only_while_others_would_meet_it() -> None:
    for count in (1, 2):
        decoder = Returning(back=1)
        engine = VllmTogether(decoder, Echo(0, count), max_rows=1)
        engine.update_weights(4, [("w", torch.zeros(1))])
        with sampling_shares(engine):
            pass
        if count == 1:
            assert [each.token_ids for each in engine.sample([[1]], PARAMS)[0]] == [[2, 3, 4]] * 2
            assert decoder.loaded == [4, 4]
        else:
            with pytest.raises(EngineLostError):
                engine.sample([[1]], PARAMS)


def test_weights_that_are_lost_on_their_way_are_given_again_when_all_meet() -> None:
    decoder = DyingAtWeights(MOST_GIVEN - 1)
    engine = VllmTogether(decoder, Echo(0, 2))
    engine.update_weights(4, [("w", torch.zeros(1))])
    engine.meet()
    assert decoder.loaded == [4]
    decoder.times = MOST_GIVEN
    engine.update_weights(5, [("w", torch.zeros(1))])
    decoder.ready = False
    with pytest.raises(RuntimeError, match="given 3 times"):
        engine.meet()


@pytest.mark.parametrize("together", [False, True])
def test_weights_that_name_no_head_are_given_with_it(together: bool) -> None:
    class Keeping(CountingDecoder):
        def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
            found.append([name for name, _ in weights])
            self.ready = True

    found: list[list[str]] = []
    engine = VllmTogether(Keeping(), Processes()) if together else VllmEngine(Keeping())
    engine.update_weights(1, [("model.embed_tokens.weight", torch.zeros(1))])
    meet(engine)
    assert found == [["model.embed_tokens.weight", "lm_head.weight"]]


class DyingAtWeights(CountingDecoder):
    """Is lost so many times while it loads."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        if self.times > 0:
            self.times -= 1
            raise EngineLostError("http://there", "killed at its weights")
        super().load(version, weights)


def test_an_engine_that_is_lost_while_it_loads_gets_its_weights_when_it_is_back() -> None:
    decoder = DyingAtWeights(MOST_LOSSES)
    engine = engine_of(decoder)
    engine.update_weights(7)
    assert [done.weights_version for done in engine.sample([[1]], PARAMS)[0]] == [7, 7]
    assert decoder.loaded == [7]
    with pytest.raises(EngineLostError, match="killed at its weights"):
        engine_of(DyingAtWeights(MOST_LOSSES + 1)).sample([[1]], PARAMS)


def test_whatever_breaks_a_call_leaves_nothing_decoding() -> None:
    decoder = CountingDecoder()
    engine = engine_of(decoder)

    def fail(prompt: int, sample: int, completion: Completion) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        engine.sample([[1]], [PARAMS], on_finish=fail)
    with engine.stream([PARAMS], 8, 4) as stream:
        stream.add(0, [1], PARAMS)
        stream.take()
        with pytest.raises(RuntimeError, match="sampling already"):
            engine.sample([[1]], PARAMS)
    assert decoder.live == {}
    decoder.logprob = math.nan
    with pytest.raises(FloatingPointError, match="NaN"):
        engine.sample([[1]], PARAMS)
    assert decoder.live == {}


def test_a_sample_that_the_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 43 tokens, but the engine holds 40"):
        engine_of(CountingDecoder()).sample([[1] * 40], PARAMS)
    with pytest.raises(ValueError, match="max_rows"):
        VllmEngine(CountingDecoder(), max_rows=0)
