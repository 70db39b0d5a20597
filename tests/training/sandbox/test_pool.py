"""The manager in the face of what seldom happens."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.training.sandbox.situations import TIERS, options, run_apart
from training.sandbox import pool as pools
from training.sandbox import worker as workers
from training.sandbox.pool import Pool
from training.sandbox.proof import descendants
from training.sandbox.running import Running
from training.sandbox.tiers import BY_NAME
from training.sandbox.types import Call, Limits

pytestmark = pytest.mark.processes

_HANG_S = 60.0


def _with_pool(use: Callable[[Pool], Awaitable[None]]) -> None:
    async def go() -> None:
        chosen = options(TIERS[-1])
        pool = Pool(
            zygotes=1,
            slots=3,
            tiers=[BY_NAME[name] for name in chosen["tiers"]],
            pythons=list(chosen["pythons"]) or None,
            become=chosen["become"],
        )
        try:
            await pool.start()
            await asyncio.wait_for(use(pool), _HANG_S)
        finally:
            await pool.close()

    run_apart(go())


def test_a_fork_server_that_hangs_is_replaced_and_little_memory_means_one_call_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_LATE_S", 0.3)

    async def use(pool: Pool) -> None:
        await _hang(pool)
        monkeypatch.setattr(pools, "free_memory_mb", lambda: 10)
        most = 0
        futures = [pool.submit(Call(f"short of memory {number}", "print(1)")) for number in range(5)]
        while not all(future.done() for future in futures):
            most = max(most, pool.status().in_flight)
            await asyncio.sleep(0.002)
        assert {future.result().status for future in futures} == {"ok"}
        assert most == 1

    _with_pool(use)


async def _hang(pool: Pool) -> None:
    (worker,) = pool._workers
    for pid in [worker.pid, *descendants(worker.pid)]:
        os.kill(pid, signal.SIGSTOP)
    result = await pool.submit(Call("hangs", "print(1)", limits=Limits(wall_s=0.5)))
    assert result.status in {"ok", "timeout"}  # on the next one
    assert pool.status().restarts == 1
    assert "hangs" in " ".join(failure.detail for failure in pool.status().failures)


def test_a_result_that_cannot_be_made_is_a_result_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("made up")

    async def use(pool: Pool) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(Running, "_status", fails)
            lost = await pool.submit(Call("broken", "print(1)"))
        assert (lost.status, lost.is_infrastructure) == ("sandbox_error", True)
        assert "made up" in lost.detail
        assert (await pool.submit(Call("right", "print(1)"))).status == "ok"

    _with_pool(use)
