"""What executors of tests have in common: results that are made up at once, where a sandbox would run programs."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from training.sandbox.types import Call, ExecutionResult, Executor, Percentiles, SandboxStatus


class FakeExecutor(Executor):
    """Its users say what `submit` gives."""

    def run(self, calls: Iterable[Call]) -> Iterator[ExecutionResult]:
        futures: list[Future[ExecutionResult]] = [self.submit(call) for call in calls]
        return (future.result() for future in futures)

    def status(self) -> SandboxStatus:
        idle = Percentiles()
        return SandboxStatus("none", "", 0, 1, 0, 0, 0.0, 0, time.time(), {}, idle, idle, [])

    def close(self) -> None:
        """Nothing runs."""
