"""Samples with vLLM in several processes, or beside training: all weights are given where all processes come together.

Between two such meetings each samples its share by itself, however many calls that takes, so that nobody has to wait
for another in the midst of sampling. Servers are given weights once, by the first process; of a model that is shared
out, all put together what it writes, one weight after the other.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from training.distributed import Processes
from training.sampling.decoder import Decoder, EngineLostError, SharedDecoder
from training.sampling.vllm_engine import MAX_ROWS, VllmEngine, Weights

logger = logging.getLogger("training")

Result = TypeVar("Result")

MOST_GIVEN = 3
"""Times that the same weights are given at one meeting: a server may be started anew meanwhile."""


class VllmTogether(VllmEngine):
    """A `VllmEngine` in each of the `processes`, over a `decoder` of its own.

    Where `server` is given, it is the decoder, and samples for all. Sampling goes on with the weights of the latest
    `meet`; a server that was lost in between ends it (EngineLostError), unless others are left or there is but one
    process, which meets nobody.
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

    def update_weights(self, version: int, weights: Weights | None = None) -> None:
        """See `Engine`. Without `weights`, those of the source are taken, as they are at the next `meet`."""
        if weights is not None:
            given = list(weights)
            self._source = lambda: given
        super().update_weights(version)

    def meet(self) -> None:
        """See `MeetingEngine`. Where one process cannot go on, an error is raised in each."""
        for _ in range(MOST_GIVEN):
            if all(self._all_try(self._is_ready)):
                return
            self._all_try(self._give)
            self._stale = False
        raise RuntimeError(f"weights were given {MOST_GIVEN} times, and were gone again each time")

    @property
    def _come_back(self) -> Callable[[], None] | None:
        return self.meet if self._processes.count == 1 else None

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
        """What each process's `work` returned. Raises where that of any has failed."""
        found, error = None, None
        try:
            found = work()
        except (OSError, ValueError) as fault:
            error = fault
        told = self._processes.gather((found, None if error is None else str(error)))
        if error is not None:
            raise error
        for rank, (_, words) in enumerate(told):
            if words is not None:
                raise RuntimeError(f"process {rank} cannot sample: {words}")
        return [each for each, _ in told]
