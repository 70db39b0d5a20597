"""Shows a run on the terminal: one moving line when somebody looks, a log line now and then when it is a file."""

import logging
import sys
import time

from training.events import Alert, AnyEvent, EventSink, Finished, Metrics, PhaseChanged, Started

logger = logging.getLogger("training")

LOG_EVERY_S = 10.0
"""Seconds between two log lines when nobody watches the terminal."""

BAR_WIDTH = 24
SHOWN = {
    "reward/mean": "reward",
    "heldout/pass_at_1": "held-out",
    "heldout/loss": "held-out loss",
    "optim/loss": "loss",
}
"""Metrics that are shown, with a short name each."""


class ConsoleSink:
    """Passes every event on, and shows what it says."""

    def __init__(self, to: EventSink) -> None:
        self._to = to
        self._live = sys.stderr.isatty()
        self._total = 0
        self._first_step = 0
        self._figures: dict[str, float] = {}
        self._began = self._logged = time.monotonic()
        self._phase = ""

    def emit(self, event: AnyEvent) -> None:
        """Show and pass on."""
        self._to.emit(event)
        if isinstance(event, Started):
            self._total, self._first_step = event.total_steps, event.step
            after = f"resumed after step {event.resumed_step}" if event.resumed_step is not None else "started"
            logger.info("%s: %s parameters on %s", after, f"{event.parameters:,}", event.device)
        elif isinstance(event, PhaseChanged):
            self._phase = event.phase
        elif isinstance(event, Alert):
            self._clear()
            logger.warning("step %d: %s %s", event.step, event.message, event.advice)
        elif isinstance(event, Finished):
            self._clear()
            logger.info("%s at step %d", event.reason, event.step)
        elif isinstance(event, Metrics):
            self._figures |= {
                SHOWN[name]: value for name, value in event.values.items() if name in SHOWN and value is not None
            }
            self._log(event.step)
        if self._live:
            self._draw(event.step)

    def close(self) -> None:
        """Close what events are passed on to."""
        self._clear()
        self._to.close()

    def _log(self, step: int) -> None:
        now = time.monotonic()
        if not self._live and (now - self._logged >= LOG_EVERY_S or step in (self._first_step, self._total)):
            self._logged = now
            logger.info("step %d/%d %s", step, self._total, self._summary(step))

    def _draw(self, step: int) -> None:
        filled = BAR_WIDTH * step // max(self._total, 1)
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        sys.stderr.write(f"\r\x1b[K{bar} {step}/{self._total} {self._phase:10} {self._summary(step)}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")

    def _summary(self, step: int) -> str:
        figures = "  ".join(f"{name} {value:.3f}" for name, value in self._figures.items())
        done = step - self._first_step
        if done <= 0 or step >= self._total:
            return figures
        left = (time.monotonic() - self._began) / done * (self._total - step)
        return f"{figures}  {int(left) // 60}:{int(left) % 60:02d} left"
