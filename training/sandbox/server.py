"""sandboxd: the pool behind a Unix socket, in a process of its own that holds no secret of the product.

Clients write a line of JSON for each request and read a line for each answer, in the order in which calls end:

    {"run": call}     → {"result": result}
    {"status": 1}     → {"status": status}
    anything else     → {"error": why}, and the end of the connection

What a client has waiting is dropped when it goes.

The socket is its owner's alone. Whoever started the process holds its stdin open; when that ends, so does all of it.
"""

import asyncio
import json
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from training.sandbox.pool import Pool
from training.sandbox.types import MOST_PROGRAM_BYTES, MOST_STDIN_BYTES, Call, ExecutionResult, SandboxRefusedError

_MOST_LINE = 6 * (MOST_PROGRAM_BYTES + MOST_STDIN_BYTES)
"""A character may take six in JSON."""
_LOOK_AGAIN_S = 1.0
_MOST_WAITING = 2_000
"""Calls of one client in the queue; it is not read from until there are fewer."""


async def serve(pool: Pool, path: Path) -> None:
    """Prove, listen, say that it is ready on stdout, and go on until stdin ends. Raises SandboxRefusedError."""
    _allow_many_descriptors()
    owner = os.getppid()
    try:
        await pool.start()
        with suppress(FileNotFoundError):
            path.unlink()
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(lambda r, w: _Client(pool, r, w).serve(), path, limit=_MOST_LINE)
        finally:
            os.umask(mask)
        async with server:
            print(json.dumps({"ready": pool.tier}), flush=True)
            await _owner_gone(owner)
    finally:
        await pool.close()
        # The owner may have been killed, and its folder is of no use to others.
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()


def main(pool: Pool, path: Path) -> int:
    """`serve` as a process; its exit code."""
    try:
        asyncio.run(serve(pool, path))
    except SandboxRefusedError as refusal:
        print(json.dumps({"refused": str(refusal)}), flush=True)
        return 1
    return 0


class _Client:
    """One connection."""

    def __init__(self, pool: Pool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pool = pool
        self._reader = reader
        self._writer = writer
        self._room = asyncio.Semaphore(_MOST_WAITING)
        self._waiting: set[asyncio.Future[ExecutionResult]] = set()

    async def serve(self) -> None:
        """Until it closes its end."""
        try:
            while line := await self._reader.readline():
                await self._answer(json.loads(line))
        except (ConnectionError, asyncio.CancelledError):
            pass  # cancelled when the loop ends with clients connected, as it does at every orderly end
        except Exception as error:  # whatever a client sends, the others are served
            self._say({"error": f"{type(error).__name__}: {error}"})
        self._drop_all()
        self._writer.close()

    def _drop_all(self) -> None:
        for waiting in list(self._waiting):
            waiting.cancel()

    async def _answer(self, request: dict[str, object]) -> None:
        if "status" in request:
            self._say({"status": self._pool.status().as_dict()})
            return
        await self._room.acquire()
        call = Call.from_dict(request["run"])  # type: ignore[arg-type]  # checked there
        waiting = self._pool.submit(call)
        self._waiting.add(waiting)
        waiting.add_done_callback(self._tell)

    def _tell(self, done: "asyncio.Future[ExecutionResult]") -> None:
        self._waiting.discard(done)
        self._room.release()
        if not done.cancelled():
            self._say({"result": done.result().as_dict()})

    def _say(self, answer: dict[str, object]) -> None:
        if self._writer.is_closing():
            self._drop_all()  # the end of what it sends may lie behind much that is not read yet
        else:
            self._writer.write(json.dumps(answer).encode() + b"\n")


async def _owner_gone(owner: int) -> None:
    """Wait for the end of stdin, or of the process that started this one, or for a signal to end."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gone.set)
    os.set_blocking(0, False)

    def look() -> None:
        with suppress(BlockingIOError):
            if not os.read(0, 4096):
                gone.set()

    loop.add_reader(0, look)
    # A child that the owner has forked may hold our stdin open after it.
    while not gone.is_set() and os.getppid() == owner:
        with suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), _LOOK_AGAIN_S)
    loop.remove_reader(0)


def _allow_many_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
