"""Many conversations at once: whoever has a turn to write decodes, whoever waits for a tool does not keep others.

The engine waits for a tool only while no conversation can go on. What a conversation draws depends on its own seed and
turns, not on when its tools answer.
"""

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from training.agent.conversation import Conversation
from training.agent.parser import CallRequest
from training.agent.results import ToolResult
from training.agent.tools import ToolRunner
from training.sampling.kv_scheduler import KvScheduler
from training.sampling.types import Completion, SamplingParams, Stream, StreamingEngine
from training.seeds import derive_seed


@dataclass(slots=True, eq=False)
class Seat:
    """A conversation, and how its turns are drawn."""

    talk: Conversation
    params: SamplingParams
    """`max_tokens` counts for nothing, and so does `n`."""
    sample: int = 0
    """Number among the siblings of one problem."""
    start: float = 0.0
    """`time.perf_counter` when it was admitted."""
    results: list[tuple[ToolResult, float] | None] = field(default_factory=list)
    """Of the calls under way, each with the time it ended at; None until then."""

    def now(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.start

    def turn_params(self) -> SamplingParams:
        """Of its next turn: each has random numbers of its own."""
        number = len(self.talk.trace.turns)
        seed = derive_seed(self.params.seed, "turn", number) if number else self.params.seed
        return replace(self.params, n=1, max_tokens=self.talk.room, seed=seed)


@dataclass(slots=True)
class LoopClock:
    """Where the time of loops went; add up several."""

    seconds: float = 0.0
    idle: float = 0.0
    """In which there was nothing to decode, since every conversation waited for its tools."""


Arrived = tuple[int, int, "Future[ToolResult]", float]
"""Number of the seat, number of the call in its turn, the finished future, when it finished."""


class AgentLoop:
    """Runs conversations to their ends. Each stays with one engine, which keeps its states between turns.

    Raises NeverFitsError when a conversation could outgrow every engine.
    """

    def __init__(
        self,
        engines: Sequence[StreamingEngine],
        tools: ToolRunner,
        oversubscription: float = 1.0,
        yields: bool = False,
    ) -> None:
        """With `yields`, a conversation that waits for its tools lets others have its room meanwhile."""
        self.clock = LoopClock()
        self._engines = list(engines)
        self._tools = tools
        self._oversubscription = oversubscription
        self._yields = yields

    def run(self, seats: Sequence[Seat], on_end: Callable[[int], None] = lambda _: None) -> None:
        """Until all have ended; `on_end` hears the number of each as it does."""
        if not seats:
            return
        began = time.perf_counter()
        with ExitStack() as stack:
            longest = max(len(seat.talk.prompt) + seat.talk.budget for seat in seats)
            kinds = [replace(seat.params, max_tokens=seat.talk.budget) for seat in seats]
            streams = [stack.enter_context(e.stream(kinds, longest, len(seats))) for e in self._engines]
            scheduler: KvScheduler[int] = KvScheduler(
                [engine.capacity_tokens for engine in self._engines], self._oversubscription
            )
            _Round(seats, streams, scheduler, self._tools, self.clock, on_end, self._yields).run()
        self.clock.seconds += time.perf_counter() - began


class _Round:
    """One run of the loop."""

    def __init__(
        self,
        seats: Sequence[Seat],
        streams: Sequence[Stream],
        scheduler: KvScheduler[int],
        tools: ToolRunner,
        clock: LoopClock,
        on_end: Callable[[int], None],
        yields: bool,
    ) -> None:
        self._seats = seats
        self._streams = streams
        self._scheduler = scheduler
        self._tools = tools
        self._clock = clock
        self._on_end = on_end
        self._yields = yields
        self._arrived: queue.SimpleQueue[Arrived] = queue.SimpleQueue()
        self._live = len(seats)

    def run(self) -> None:
        for number, seat in enumerate(self._seats):
            self._scheduler.submit(number, len(seat.talk.prompt) + seat.talk.budget)
        while self._live:
            for number, _ in self._scheduler.admit():
                self._begin(number)
            self._hear_tools()
            if not self._decode() and self._live and not self._scheduler.admissible:
                self._wait()

    def _begin(self, number: int) -> None:
        """It has room, for the first time or again."""
        seat = self._seats[number]
        seat.start = seat.start or time.perf_counter()
        if not seat.results:
            self._send(number)

    def _send(self, number: int) -> None:
        seat = self._seats[number]
        self._stream_of(number).add(number, seat.talk.ids, seat.turn_params(), seat.sample)

    def _decode(self) -> bool:
        """A piece of work of each engine that has any; False when none has."""
        busy = [stream for stream in self._streams if not stream.is_done]
        for stream in busy:
            for number, completion in stream.take():
                self._turn_ended(number, completion, stream)
        return bool(busy)

    def _turn_ended(self, number: int, completion: Completion, stream: Stream) -> None:
        seat = self._seats[number]
        requests = seat.talk.add_turn(completion, seat.now(), max(stream.entered_at(number) - seat.start, 0.0))
        if not requests:
            return self._end(number)
        seat.results = [None] * len(requests)
        if self._yields:
            self._scheduler.pause(number)
        for place, request in enumerate(requests):
            self._call(number, place, request)
        return None

    def _call(self, number: int, place: int, request: CallRequest) -> None:
        def heard(future: "Future[ToolResult]") -> None:
            self._arrived.put((number, place, future, time.perf_counter()))

        self._tools.start(request, self._seats[number].talk.workspace).add_done_callback(heard)

    def _wait(self) -> None:
        """Nothing can be decoded until a tool answers."""
        began = time.perf_counter()
        arrived = self._arrived.get()
        self._clock.idle += time.perf_counter() - began
        self._hear(*arrived)

    def _hear_tools(self) -> None:
        while not self._arrived.empty():
            self._hear(*self._arrived.get())

    def _hear(self, number: int, place: int, future: "Future[ToolResult]", at: float) -> None:
        seat = self._seats[number]
        seat.results[place] = (future.result(), at - seat.start)
        results = [result for result in seat.results if result is not None]
        if len(results) < len(seat.results):
            return
        seat.results = []
        if not seat.talk.add_results(results, seat.now()):
            self._end(number)
        elif self._yields:
            self._scheduler.resume(number)
        else:
            self._send(number)

    def _end(self, number: int) -> None:
        self._stream_of(number).drop(self._seats[number].talk.ids)
        self._scheduler.release(number)
        self._live -= 1
        self._on_end(number)

    def _stream_of(self, number: int) -> Stream:
        return self._streams[self._scheduler.engine_of(number)]
