"""Samples with vLLM in several processes, or beside training: all weights are given where all processes come together.

After such a meeting each samples its share by itself, however many calls that takes, and they part when all have. Who
loses its engine in between waits until the others have sampled theirs, or lost it too; then they meet again, which
waits for it and gives it weights, and whoever has something left goes on. Servers are given weights once, by the first
process; of a model that is shared out, all put together what it writes, one weight after the other.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from training.distributed import Processes
from training.sampling.decoder import Decoder, EngineLostError, SharedDecoder
from training.sampling.vllm_engine import MAX_ROWS, VllmEngine, Weights, with_head

logger = logging.getLogger("training")

Result = TypeVar("Result")

MOST_GIVEN = 3
"""Times that the same weights are given at one meeting: a server may be started anew meanwhile."""


class VllmTogether(VllmEngine):
    """A `VllmEngine` in each of the `processes`, over a `decoder` of its own.

    Where `server` is given, it is the decoder, and samples for all. Sampling goes on with the weights of the latest
    `meet`. A server that is lost is waited for between `meet` and `part` only; elsewhere, where nobody would come to
    meet a process that has lost it, that ends its call (EngineLostError).
    """

    def __init__(
        self,
        decoder: Decoder,
        processes: Processes,
        *,
        server: SharedDecoder | None = None,
        max_rows: int = MAX_ROWS,
        source: Callable[[], Weights] | None = None,
    ) -> None:
        super().__init__(decoder, max_rows=max_rows, source=source)
        self._processes = processes
        self._server = server
        self._sharing = False
        """Whether others that have sampled their shares wait for this one, to meet it again if need be."""

    def update_weights(self, version: int, weights: Weights | None = None) -> None:
        """See `Engine`. Without `weights`, those of the source are taken, as they are at the next `meet`."""
        if weights is not None:
            given = list(with_head(weights))
            self._source = lambda: given
        super().update_weights(version)

    def meet(self) -> None:
        """See `MeetingEngine`. Where one process cannot go on, an error is raised in each."""
        for given in range(MOST_GIVEN + 1):
            if all(self._all_try(self._is_ready)):
                self._sharing = True
                return
            if given < MOST_GIVEN:
                self._all_try(self._give)
                self._stale = False
        raise RuntimeError(f"weights were given {MOST_GIVEN} times, and were gone again each time")

    def part(self) -> None:
        """See `MeetingEngine`. Who is done meets those that have lost their engine amid their shares."""
        while self._meet_again(lost=False):
            pass
        self._sharing = False

    @property
    def _come_back(self) -> Callable[[], object] | None:
        if self._processes.count == 1:
            return self.meet
        return partial(self._meet_again, lost=True) if self._sharing else None

    def _meet_again(self, lost: bool) -> bool:
        """Meet if any process has lost its engine; returns whether it has. All come here, each amid or after its share.

        So what is told here is told in the same order by all, whoever has how much left to do.
        """
        if not self._processes.any(lost):
            return False
        self.meet()
        return True

    def _take_weights(self) -> None:
        if self._stale:
            raise RuntimeError("there are new weights, which are given where all processes meet")

    def _is_ready(self) -> bool:
        return self._decoder.prepare() and not self._stale

    def _give(self) -> None:
        weights = iter(self._weights())
        try:
            if self._server is None or self._processes.is_first:
                self._decoder.load(self._weights_version, weights)
        except EngineLostError as error:
            logger.warning("%s; it gets its weights once it is back", error)
        finally:
            for _ in weights:  # what is shared out is put together by all, though one of them may have failed
                pass
        if self._server is not None and not self._processes.is_first:
            self._server.took(self._weights_version)

    def _all_try(self, work: Callable[[], Result]) -> Sequence[Result | None]:
        """What each process's `work` returned. Raises where that of any has failed; all lose what one has lost."""
        found, error = None, None
        try:
            found = work()
        except (OSError, ValueError) as fault:
            error = fault
        lost = (error.engine, error.reason) if isinstance(error, EngineLostError) else None
        told = self._processes.gather((found, None if error is None else str(error), lost))
        if error is not None:
            raise error
        for rank, (_, words, of_other) in enumerate(told):
            if of_other is not None:
                raise EngineLostError(*of_other)
            if words is not None:
                raise RuntimeError(f"process {rank} cannot sample: {words}")
        return [each for each, *_ in told]
