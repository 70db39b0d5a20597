"""Judges responses against reference answers, fast where it can and safely where it cannot.

Numbers and words are compared in this process; everything else by `math-verify` in a few processes that are killed and
replaced when an answer takes too long, so that no response can hang or crash a run.
"""

import queue
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from training.rewards.compare import Judgement, compare, shorten
from training.rewards.extract import Extraction, extract, why_nothing
from training.rewards.process import AnswerTimeoutError, WorkerDiedError, WorkerProcess

VERIFIER_VERSION = "1"
"""Raised whenever the same pair may get another verdict than before."""

MAX_SYMBOLIC_CHARS = 1000
"""Longer answers are compared as numbers and text only: no parser is to be fed a book."""

CACHE_ENTRIES = 16_384


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier says of one response.

    Attributes:
        correct: None when it cannot be said (time limit, broken reference, crash); such a response is never paid.
        extracted: the answer found in the response, or None.
        reason: why, in words.
    """

    correct: bool | None
    extracted: str | None
    reason: str


class Verifier:
    """Judges pairs of (response, reference answer).

    The processes start when the first answer needs them and end with `close`, with the context manager, or with this
    process, however it dies.

    Args:
        workers: processes for symbolic algebra.
        timeout_s: longest time one comparison may take before it is given up with ``correct=None``.
    """

    def __init__(self, workers: int = 2, timeout_s: float = 3.0) -> None:
        if workers < 1 or timeout_s <= 0:
            raise ValueError(f"workers must be at least 1 and timeout_s above 0, got {workers} and {timeout_s}")
        self.timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="verifier")
        self._idle: queue.LifoQueue[WorkerProcess] = queue.LifoQueue()
        self._alive: set[WorkerProcess] = set()
        self._known: dict[tuple[str, str, str], Future[Verdict]] = {}
        self._closed = False

    def verify(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """A verdict for each pair, in order."""
        return [future.result() for future in [self.start(pair) for pair in pairs]]

    def start(self, pair: tuple[str, str]) -> "Future[Verdict]":
        """Begin to judge one (response, reference answer); ``result()`` of the future is its verdict.

        Most futures are done when they are returned, so that a trainer can verify while it still samples.
        """
        response, reference = pair
        found = extract(response)
        if found is None:
            return _done(Verdict(None if not reference.strip() else False, None, why_nothing(response)))
        judgement = compare(found.text, reference) or _too_long(found.text, reference)
        if judgement:
            return _done(_verdict(found, judgement))
        key = (found.text, found.mark, reference)
        if key not in self._known:
            if len(self._known) >= CACHE_ENTRIES:
                self._known.clear()
            self._known[key] = self._threads.submit(self._judge, found, reference)
        return self._known[key]

    def worker_pids(self) -> list[int]:
        """Process ids of the living workers."""
        return sorted(worker.pid for worker in list(self._alive))

    def close(self) -> None:
        """Give up what is not yet judged and end every process."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._alive):
            worker.kill()
        self._threads.shutdown(wait=True)
        for worker in list(self._alive):
            self._discard(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _judge(self, found: Extraction, reference: str) -> Verdict:
        try:
            worker = self._take()
        except WorkerDiedError as error:
            return _verdict(found, Judgement(None, str(error)))
        try:
            judgement = Judgement(*worker.ask(found.text, reference, self.timeout_s))
        except AnswerTimeoutError:
            self._discard(worker)
            return _verdict(found, Judgement(None, f"the comparison took longer than {self.timeout_s:g} s"))
        except WorkerDiedError:
            self._discard(worker)
            return _verdict(found, Judgement(None, "the comparison crashed its process"))
        self._idle.put(worker)
        return _verdict(found, judgement)

    def _take(self) -> WorkerProcess:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        worker = WorkerProcess()
        self._alive.add(worker)
        if self._closed:
            raise WorkerDiedError("the verifier was closed")
        return worker

    def _discard(self, worker: WorkerProcess) -> None:
        worker.collect()
        self._alive.discard(worker)


def _verdict(found: Extraction, judgement: Judgement) -> Verdict:
    return Verdict(
        judgement.correct, found.text, f"extracted {shorten(found.text)} from {found.mark}; {judgement.reason}"
    )


def _too_long(answer: str, reference: str) -> Judgement | None:
    if len(reference) > MAX_SYMBOLIC_CHARS:
        return Judgement(None, f"the reference answer is longer than {MAX_SYMBOLIC_CHARS} characters")
    if len(answer) > MAX_SYMBOLIC_CHARS:
        return Judgement(False, f"the answer is longer than {MAX_SYMBOLIC_CHARS} characters")
    return None


def _done(verdict: Verdict) -> "Future[Verdict]":
    future: Future[Verdict] = Future()
    future.set_result(verdict)
    return future
