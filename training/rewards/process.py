"""The parent's side of one symbolic-algebra process: start, ask within a time limit, kill."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60.0


class WorkerDiedError(Exception):
    """The process ended, or could not start."""


class AnswerTimeoutError(Exception):
    """The process did not answer in time."""


class WorkerProcess:
    """One process of `training.rewards.worker`. Started anew by exec, so it inherits neither CUDA nor torch."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "training.rewards.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C belongs to the parent
        )
        try:
            self._read_line(START_TIMEOUT_S)
        except (WorkerDiedError, AnswerTimeoutError) as error:
            self.collect()
            raise WorkerDiedError("the verifier process could not start; is math-verify installed?") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, answer: str, reference: str, timeout_s: float) -> tuple[bool | None, str]:
        """The worker's judgement. After an exception the process is of no more use: collect it."""
        request = json.dumps({"answer": answer, "reference": reference}).encode() + b"\n"
        pipe = self._process.stdin
        try:
            assert pipe is not None
            pipe.write(request)
            pipe.flush()
        except OSError as error:
            raise WorkerDiedError from error
        correct, reason = json.loads(self._read_line(timeout_s))
        return correct, reason

    def kill(self) -> None:
        """End it at once; whoever waits for its answer gets a WorkerDiedError."""
        self._process.kill()

    def collect(self) -> None:
        """End it and free what it held; nobody may be waiting for an answer any more."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # a request that was never read
                    pass

    def _read_line(self, timeout_s: float) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise AnswerTimeoutError
            chunk = os.read(stdout.fileno(), 65536)
            if not chunk:
                raise WorkerDiedError
            line += chunk
        return line
