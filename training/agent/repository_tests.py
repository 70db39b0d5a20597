"""Runs the tests of a repository in the sandbox: what the tool `run_tests` says, and what a response is paid for."""

import itertools
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from training.agent import harness
from training.agent.workspace import Workspace
from training.events import CallStatus
from training.problems.repository import Files, is_test
from training.rewards.verifier import Verdict
from training.sandbox.types import Call, ExecutionResult, Executor, Limits

MOST_KEPT = 4096
"""Outcomes that are remembered: siblings often end in the same files, and often as they were last tested."""
MOST_FAILURES = 3
"""Failures that are told, of more."""

PROGRAM = Path(harness.__file__).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the tests of a repository."""

    passed: int = 0
    failures: tuple[str, ...] = ()
    status: CallStatus = "ok"
    """ok: the tests ran, whatever they said. infrastructure: the sandbox failed, so nothing is said of the files."""
    broken: str = ""
    """Why the tests did not run to their end; empty where they did."""
    queue_s: float = 0.0
    wall_s: float = 0.0

    @property
    def resolved(self) -> bool:
        """Whether there are tests, and all pass."""
        return self.status == "ok" and self.passed > 0 and not self.failures

    @property
    def counts(self) -> str:
        """In a few words."""
        if self.status != "ok":
            return "not run"
        return f"{self.passed} passed" + (f", {len(self.failures)} failed" if self.failures else "")

    @property
    def text(self) -> str:
        """As an agent is told."""
        more = len(self.failures) - MOST_FAILURES
        lines = [self.counts, *self.failures[:MOST_FAILURES], *([f"and {more} more"] if more > 0 else [])]
        return self.broken or "\n".join(lines)


class RepositoryTests:
    """Runs tests in an executor, those of equal files once. May be called from any thread."""

    def __init__(self, executor: Executor, limits: Limits) -> None:
        self._executor = executor
        self._limits = limits
        self._numbers = itertools.count()
        self._known: dict[str, Future[Outcome]] = {}

    def start(self, files: Files) -> "Future[Outcome]":
        """The outcome to come; the future is never failed."""
        stdin = json.dumps({"files": dict(files), "tests": sorted(filter(is_test, files))})
        known = self._known.get(stdin)
        if known is not None:
            return known
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        outcome: Future[Outcome] = Future()
        self._known[stdin] = outcome

        def ended(result: "Future[ExecutionResult]") -> None:
            read = self._read(result.result())
            if read.status == "infrastructure":
                self._known.pop(stdin, None)
            outcome.set_result(read)

        call = Call(f"tests-{next(self._numbers)}", PROGRAM, stdin, self._limits)
        self._executor.submit(call).add_done_callback(ended)
        return outcome

    def judge(self, workspace: Workspace) -> "Future[Verdict]":
        """Whether all tests pass, as they were found, on the files as they are now."""
        return _then(self.start(workspace.to_be_tested), _verdict)

    def _read(self, result: ExecutionResult) -> Outcome:
        if result.is_infrastructure:
            return Outcome(
                status="infrastructure", broken=f"Error when executing tool: {result.detail or result.status}",
                queue_s=result.queue_s, wall_s=result.wall_s,
            )  # fmt: skip
        try:
            told = json.loads(result.stdout.splitlines()[-1])
            passed, failures = int(told["passed"]), tuple(map(str, told["failures"]))
        except (ValueError, LookupError, TypeError):
            slow = result.status in ("timeout", "cpu_limit")
            broken = f"the tests ran longer than {self._limits.wall_s:g} s" if slow else "the tests were ended"
            status: CallStatus = "timeout" if slow else "error"
            return Outcome(status=status, broken=broken, queue_s=result.queue_s, wall_s=result.wall_s)
        return Outcome(passed, failures, queue_s=result.queue_s, wall_s=result.wall_s)


def _verdict(outcome: Outcome) -> Verdict:
    if outcome.status == "infrastructure":
        return Verdict(None, None, outcome.broken)
    return Verdict(outcome.resolved, outcome.counts, outcome.text)


def _then(future: "Future[Outcome]", read: Callable[[Outcome], Verdict]) -> "Future[Verdict]":
    verdict: Future[Verdict] = Future()
    future.add_done_callback(lambda done: verdict.set_result(read(done.result())))
    return verdict
