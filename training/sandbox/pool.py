"""The manager: a queue of calls, a few slots in which they run, and the zygotes that run them.

More slots than a few for each core only make calls slow, until programs run into time limits that are not theirs; so
calls wait in the queue instead, and a program's clock starts when the program does.
"""

import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass, field, replace

from training.sandbox.measures import Tally, free_memory_mb
from training.sandbox.proof import prove
from training.sandbox.running import Running
from training.sandbox.tiers import Tier, candidates, interpreters, machine, setup_of
from training.sandbox.types import (
    Call,
    ExecutionResult,
    SandboxRefusedError,
    SandboxStatus,
    Status,
)
from training.sandbox.users import Users, lease_users
from training.sandbox.worker import StartError, Worker

MOST_TRIES = 3
_MOST_ERRORS = 8
"""Calls in a row that could not be confined, after which a zygote is replaced."""
_LEAST_FREE_MB = 384
_LOOK_AGAIN_S = 0.2
_TRY_AGAIN_S = (0.0, 0.5, 2.0, 10.0)


@dataclass(slots=True, eq=False)
class Waiting:
    """A call in the queue."""

    call: Call
    result: "asyncio.Future[ExecutionResult]"
    since: float = field(default_factory=time.perf_counter)
    tries: int = 0


class Pool:
    """Create and `start` it in a running event loop, on the main thread.

    `tiers`: those to try, strongest first; by default all that this user may. `become` makes root's zygotes those of an
    ordinary user, for tests.
    """

    def __init__(
        self,
        zygotes: int = 0,
        slots: int = 0,
        tiers: list[Tier] | None = None,
        pythons: list[str] | None = None,
        become: int = 0,
    ) -> None:
        cores = len(os.sched_getaffinity(0))
        self._wanted = zygotes or max(2, cores // 2)
        self._free = deque(range(slots or 3 * cores))
        self._slots = len(self._free)
        self._tiers = candidates() if tiers is None else tiers
        self._pythons = pythons or list(interpreters())
        self._become = become
        self._tier: Tier | None = None
        self._users: Users | None = None
        self.tier, self.python = "", ""
        self._workers: list[Worker] = []
        self._queue: deque[Waiting] = deque()
        self._number = 0
        self._restarts = 0
        self._started = time.time()
        self._tally = Tally()
        self._tasks: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None
        self._closed = False

    async def start(self) -> None:
        """Find the strongest isolation that proves itself. Raises SandboxRefusedError where none does."""
        found: list[str] = []
        for tier in self._tiers:
            for python in self._pythons:
                why = await self._try(tier, python, place=0)
                if why is None:
                    for place in range(1, self._wanted):
                        self._add(place)
                    return
                found.append(f"  {tier.name} with {python}: {why}. It needs {tier.needs}.")
        raise SandboxRefusedError(
            f"no isolation could be proven on this machine ({machine()}), so no program of a model is run here.\n"
            + "\n".join(found)
        )

    def submit(self, call: Call) -> "asyncio.Future[ExecutionResult]":
        """Queue a call. The future never fails; cancelled while it waits, the call does not run."""
        waiting = Waiting(call, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._dispatch()
        return waiting.result

    def status(self) -> SandboxStatus:
        """As it is now."""
        return SandboxStatus(
            tier=self.tier,
            python=self.python,
            zygotes=sum(worker.proven for worker in self._workers),
            slots=self._slots,
            in_flight=self._slots - len(self._free),
            queued=len(self._queue),
            oldest_queue_s=time.perf_counter() - self._queue[0].since if self._queue else 0.0,
            restarts=self._restarts,
            started=self._started,
            **self._tally.shown(),
        )

    async def close(self) -> None:
        """End all calls and zygotes."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        if self._users is not None:
            self._users.close()
        while self._queue:
            self._give(self._queue.popleft(), self._failure("sandbox_died", "the sandbox was closed"))

    async def run_on(self, worker: Worker, call: Call) -> ExecutionResult:
        """Run a call on one zygote, past the queue: how zygotes are proven."""
        self._number += 1
        running = Running(call, self._number, self._slots, self.tier, 0.0)
        worker.begin(running)
        return await running.result

    async def _try(self, tier: Tier, python: str, place: int) -> str | None:
        """Start and prove one zygote; None, or why it is not fit."""
        self._tier, self.tier, self.python = tier, tier.name, python
        worker = None
        try:
            setup = setup_of(tier, python, self._slots, self._users_of(tier, place), self._become)
            worker = Worker(python, setup, place, self._lost)
            await worker.ready()
            broken = await prove(self, worker)
        except (StartError, OSError) as error:
            broken = [str(error)]
        if not broken and worker is not None:
            self._admit(worker)
            return None
        if worker is not None:
            worker.close()
        return "; ".join(broken)

    def _users_of(self, tier: Tier, place: int) -> int:
        """First of the users that calls of the zygote at a place have to themselves. Raises OSError."""
        if tier.namespaces or not tier.privileged:
            return 0
        if self._users is None:
            self._users = lease_users()
        each = self._slots + 1  # the last is that of the proof
        if (place + 1) * each > self._users.count:
            raise OSError(f"{self._wanted} zygotes with {self._slots} slots need too many users")
        return self._users.first + place * each

    def _admit(self, worker: Worker) -> None:
        worker.proven = True
        self._workers.append(worker)
        self._dispatch()

    def _add(self, place: int) -> None:
        task = asyncio.get_running_loop().create_task(self._start_another(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_another(self, place: int) -> None:
        """Until there is one more zygote, proven like the first."""
        assert self._tier is not None
        for number in range(1_000_000):
            await asyncio.sleep(_TRY_AGAIN_S[min(number, len(_TRY_AGAIN_S) - 1)])
            why = await self._try(self._tier, self.python, place)
            if why is None:
                return
            self._tally.note("sandbox_error", f"a fork server is not fit: {why}")

    def _lost(self, worker: Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
            if not self._closed:
                self._restarts += 1
                self._tally.note("sandbox_died", "a fork server was lost")
                self._add(worker.place)

    def _dispatch(self) -> None:
        """Give waiting calls to free slots."""
        while self._queue and self._free and (worker := self._idlest()) is not None:
            if self._queue[0].result.done():  # nobody waits for it any more
                self._queue.popleft()
                continue
            if free_memory_mb() < _LEAST_FREE_MB and len(self._free) < self._slots:
                break  # what runs gives memory back; with nothing running, waiting would not help
            self._begin(self._queue.popleft(), worker)
        if self._queue and self._look is None and not self._closed:
            self._look = asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self._expire()
        self._dispatch()

    def _expire(self) -> None:
        """Give up calls that have waited too long."""
        now = time.perf_counter()
        late = {each for each in self._queue if now - each.since > each.call.limits.queue_s}
        if late:
            self._queue = deque(each for each in self._queue if each not in late)
        for waiting in late:
            self._give(waiting, self._failure("queue_timeout", f"waited {now - waiting.since:.0f} s for a free slot"))

    def _idlest(self) -> Worker | None:
        fit = [worker for worker in self._workers if worker.lives]
        return min(fit, key=lambda worker: len(worker.calls), default=None)

    def _begin(self, waiting: Waiting, worker: Worker) -> None:
        slot = self._free.popleft()
        self._number += 1
        waiting.tries += 1
        try:
            running = Running(waiting.call, self._number, slot, self.tier, time.perf_counter() - waiting.since)
        except OSError as error:  # no descriptors left
            self._free.append(slot)
            self._after(waiting, self._failure("sandbox_error", str(error)))
            return
        running.result.add_done_callback(lambda done: self._ended(waiting, slot, worker, done.result()))
        try:
            worker.begin(running)
        except OSError as error:
            running.failed("sandbox_error", str(error))

    def _ended(self, waiting: Waiting, slot: int, worker: Worker, result: ExecutionResult) -> None:
        self._free.append(slot)
        if worker.errors >= _MOST_ERRORS and worker.lives:
            worker.close()
            self._lost(worker)
        self._after(waiting, result)
        self._dispatch()

    def _after(self, waiting: Waiting, result: ExecutionResult) -> None:
        """Try again what the service lost, at the head of the queue; give what is known."""
        if result.is_infrastructure and waiting.tries < MOST_TRIES and not self._closed:
            self._tally.note(result.status, result.detail)
            self._queue.appendleft(waiting)
        else:
            self._give(waiting, result)

    def _give(self, waiting: Waiting, result: ExecutionResult) -> None:
        result = replace(result, id=waiting.call.id)
        self._tally.count(result, time.perf_counter() - waiting.since)
        if not waiting.result.done():
            waiting.result.set_result(result)

    def _failure(self, status: Status, detail: str) -> ExecutionResult:
        return ExecutionResult("", status, detail=detail, tier=self.tier)
