"""Says what the trainer does and how long it takes: phases, metrics, groups and alerts become events."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from training.events import AnyEvent, EventSink, Metrics, PhaseChanged
from training.events.types import Phase

PROGRESS_EVERY_S = 0.5
"""Shortest time between two reports of a phase's progress; each is a line in the event file."""


class Recorder:
    """Emits the events of the current step. Without a sink it is silent (all processes but the first)."""

    def __init__(self, sink: EventSink | None = None) -> None:
        self.step = 0
        self._sink = sink
        self.broken: Phase | None = None
        """The phase that an exception ended, if any."""
        self._phase: Phase | None = None
        self._total = 0
        self._own_total = 0
        self._before = 0
        self._reported = 0.0
        self._seconds: dict[str, float] = {}

    def emit(self, event: AnyEvent) -> None:
        """Pass any event on."""
        if self._sink is not None:
            self._sink.emit(event)

    def close(self) -> None:
        """Nothing more will be said."""
        if self._sink is not None:
            self._sink.close()

    @contextmanager
    def phase(self, phase: Phase, total: int = 0) -> Iterator[None]:
        """Announce a phase and count its time. One within another belongs to the outer one.

        Its total counts where the outer one gave none.
        """
        if self._phase is not None:
            self._total = self._own_total or total or self._total
            yield
            return
        self._phase, self._total, self._reported = phase, total, time.monotonic()
        self._own_total, self._before = total, 0
        self.broken = None
        self.emit(PhaseChanged(step=self.step, phase=phase, total=total))
        start = time.perf_counter()
        try:
            yield
        except BaseException:
            self.broken = phase
            raise
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - start
            self._phase = None

    def begin_part(self, before: int) -> None:
        """What follows is a part of the phase: `before` was done already, and progress counts on from there."""
        self._before = before

    def progress(self, done: int) -> None:
        """Report how far the phase is, not more often than `PROGRESS_EVERY_S`."""
        now = time.monotonic()
        if self._phase is not None and now - self._reported >= PROGRESS_EVERY_S:
            self._reported = now
            self.emit(PhaseChanged(step=self.step, phase=self._phase, done=self._before + done, total=self._total))

    def metrics(self, values: Mapping[str, float]) -> None:
        """Figures of the current step."""
        self.emit(Metrics(step=self.step, values=dict(values)))

    def take_seconds(self) -> dict[str, float]:
        """Seconds spent in each phase since this was last asked."""
        seconds, self._seconds = self._seconds, {}
        return seconds
