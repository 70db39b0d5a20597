"""The loop around every method: steps, evaluations, checkpoints, and a way back after a crash."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from training.assembly import Parts, RewardParts
from training.checkpoints import STATE_FILE, CheckpointFolder, sync
from training.config import OveroptimisationConfig, RlMethod
from training.events import CheckpointRemoved, CheckpointSaved, Finished, Started
from training.events.base import Split
from training.experience.records import group_event
from training.finishing import FinishMonitor
from training.health import HealthMonitor
from training.history import EVENTS_FILE, History
from training.methods.types import Method, Outcome
from training.overoptimisation.monitor import OveroptimisationMonitor, stop_alert
from training.reflection import AhaDetector
from training.stopping import Stopped, StopSignal
from training.system import SystemGauge


class Trainer:
    """Runs a method from its first step, or the one after its newest checkpoint, to the last."""

    def __init__(
        self,
        parts: Parts | RewardParts,
        folder: Path,
        build: Callable[[], Method],
        stop: StopSignal,
        save_model: Callable[[Path], None] | None = None,
    ) -> None:
        """`build` makes the method once the run has begun; it raises Stopped where it was asked to stop meanwhile.

        `save_model` writes the model into a folder where that takes more than its weights and config.
        """
        self._shards = parts.shards
        self._config = parts.config
        self._folder = folder
        self._build = build
        self._method: Method
        self._model = parts.model
        self._save_model = save_model or parts.save_model
        self._device = parts.device
        self._codec = parts.codec
        self._optimiser = parts.optimiser
        self._recorder = parts.recorder
        self._processes = parts.processes
        self._stop = stop
        self._checkpoints = CheckpointFolder(folder / "checkpoints")
        self._health = HealthMonitor()
        rl = self._config.method
        watched = rl.overoptimisation if isinstance(rl, RlMethod) else OveroptimisationConfig(enabled=False)
        self._gaming = OveroptimisationMonitor(watched)
        self._aha = AhaDetector(self._config.steps)
        self._gauge = SystemGauge(self._device)
        self._score: float | None = None
        self._best: tuple[float, int] | None = None
        self._finish = FinishMonitor(self._config.finish)
        self._gamed = False
        """Whether this attempt ends because the reward is being gamed."""

    def run(self, history: History) -> Literal["done", "stopped"]:
        """Train to the last step, or until asked to stop. Continues after the newest checkpoint if there is one."""
        try:
            step = self._start(history)
        except Stopped:
            self._recorder.emit(Finished(step=0, reason="stopped"))
            return "stopped"
        if step == 0 and self._config.evaluation.every_steps:
            self._evaluate(0)
        stopping, finished = self._stopping(), self._finish.ended
        while step < self._config.steps and not stopping and not finished:
            step += 1
            self._step(step)
            every = self._config.evaluation.every_steps
            if evaluated := bool(every) and self._due(step, every):
                self._evaluate(step)
            finished = self._finished(step)
            if finished and every and not evaluated:
                self._evaluate(step)
            stopping = self._stopping()
            if stopping or finished or self._due(step, self._config.checkpoints.every_steps):
                self._save(step)
        reason: Literal["done", "stopped"] = "done" if finished or step == self._config.steps else "stopped"
        self._recorder.emit(Finished(step=step, reason=reason, checkpoint=self._path(step) if step else ""))
        return reason

    def _step(self, step: int) -> None:
        self._recorder.step = step
        start = time.perf_counter()
        if isinstance(self._config.method, RlMethod):
            self._gather()
        outcome = self._method.step(step)
        elapsed = time.perf_counter() - start
        metrics = outcome.metrics | {"time/step_s": elapsed} | self._gauge.read()
        metrics["speed/tokens_per_s"] = outcome.metrics["tokens/step"] / elapsed
        seconds = self._recorder.take_seconds()
        metrics |= {f"time/{phase}_s": seconds.get(phase, 0.0) for phase in (*self._method.phases, "saving")}
        self._report(step, outcome, metrics, "train")
        if (rate := metrics.get("reflection/per_1k_tokens")) is not None and (alert := self._aha.observe(step, rate)):
            self._recorder.emit(alert)

    def _evaluate(self, step: int) -> None:
        self._recorder.step = step
        self._gather()
        outcome = self._method.evaluate()
        if outcome is None:
            return
        self._score = outcome.score
        seconds = self._recorder.take_seconds()
        metrics = outcome.metrics | {"time/evaluating_s": seconds["evaluating"]}
        self._report(step, outcome, metrics, "heldout")

    def _gather(self) -> None:
        """Have the model whole for whoever samples, where the processes share it and it has to be."""
        if self._shards is not None and self._config.samples_whole:
            self._shards.gather()

    def _report(self, step: int, outcome: Outcome, metrics: dict[str, float], split: Split) -> None:
        if self._processes.is_first:
            for index, group in enumerate(outcome.groups):
                self._recorder.emit(group_event(group, step, split, index, self._codec))
            for event in outcome.events:
                self._recorder.emit(event)
        self._recorder.metrics(metrics)
        self._finish.observe(metrics)
        for alert in (*self._health.observe(step, metrics), *self._gaming.observe(step, metrics)):
            self._recorder.emit(alert)
        if self._gaming.stops == step and not self._gamed:
            self._gamed = True
            self._recorder.emit(stop_alert(step, self._good, self._gaming.readings()))

    def _save(self, step: int) -> None:
        with self._recorder.phase("saving"):
            if self._score is not None and (self._best is None or self._score > self._best[0]):
                self._best = (self._score, step)
            if self._shards is not None:
                self._gather()
                self._shards.fetch()
            state = self._state_dict(step)  # all have a part in it where the model is shared out
            if self._processes.is_first:
                sync(self._folder / EVENTS_FILE)  # a checkpoint must not outlive what was said before it
                size = self._checkpoints.save(step, lambda folder: self._write(folder, state))
                self._announce(step, size)
                self._prune()
            self._processes.wait()

    def _announce(self, step: int, size: int) -> None:
        best = self._best is not None and self._best[1] == step
        self._recorder.emit(CheckpointSaved(step=step, path=self._path(step), size=size, score=self._score, best=best))

    def _prune(self) -> None:
        rule = self._config.checkpoints
        best = self._best[1] if self._best and rule.keep_best else None
        for removed in self._checkpoints.prune(rule.keep_last, best, self._good):
            self._recorder.emit(CheckpointRemoved(step=removed))

    @property
    def _good(self) -> int | None:
        """Step of the last checkpoint from before the first alarm."""
        alarm = self._gaming.alarm or 0
        return max((step for step in self._checkpoints.steps() if step < alarm), default=None)

    def _write(self, folder: Path, state: dict[str, Any]) -> None:
        self._save_model(folder)
        self._codec.tokenizer.save_pretrained(folder)
        torch.save(state, folder / STATE_FILE)

    def _state_dict(self, step: int) -> dict[str, Any]:
        return {
            "step": step,
            "optimiser": self._optimiser.state_dict(),
            "method": self._method.state_dict(),
            "score": self._score,
            "best": self._best,
            "health": self._health.state_dict(),
            "aha": self._aha.state_dict(),
            "gaming": self._gaming.state_dict(),
            "finish": self._finish.state_dict(),
            "random": torch.get_rng_state(),
        }

    def _start(self, history: History) -> int:
        """Say hello and take up the state of the newest checkpoint; returns the step it is of, 0 without one."""
        resumed = self._checkpoints.newest()
        self._recorder.step = resumed or 0
        self._recorder.emit(
            Started(
                step=resumed or 0,
                attempt=history.attempts + 1,
                total_steps=self._config.steps,
                resumed_step=resumed,
                parameters=self._model.num_parameters(),
                device=str(self._device),
                processes=self._processes.count,
            )
        )
        self._gather()
        self._method = self._build()
        if resumed is not None:
            self._load(self._checkpoints.of(resumed) / STATE_FILE)
            if self._processes.is_first:
                self._catch_up(history.checkpoints)
        return resumed or 0

    def _catch_up(self, announced: set[int]) -> None:
        """Say and do about checkpoints what a killed trainer could not any more."""
        there = set(self._checkpoints.steps())
        for step in sorted(there - announced):
            self._announce(step, self._checkpoints.size(step))
        for step in sorted(announced - there):
            self._recorder.emit(CheckpointRemoved(step=step))
        self._prune()

    def _load(self, path: Path) -> None:
        # It goes to the device piece by piece, whatever is there already; what is shared out is in no process's memory
        # before.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=self._shards is not None)
        self._optimiser.load_state_dict(state["optimiser"])
        self._method.load_state_dict(state["method"], state["step"])
        self._score, self._best = state["score"], state["best"]
        self._health.load_state_dict(state["health"])
        self._aha.load_state_dict(state["aha"])
        if "gaming" in state:  # a run of an earlier version had none
            self._gaming.load_state_dict(state["gaming"])
        if "finish" in state:
            self._finish.load_state_dict(state["finish"])
        torch.set_rng_state(state["random"].cpu())

    def _path(self, step: int) -> str:
        return str(self._checkpoints.of(step).relative_to(self._folder))

    def _finished(self, step: int) -> bool:
        """Whether the run has what it is for; says why. The same in all processes, which have the same figures."""
        alert = self._finish.end(step) if step < self._config.steps else None
        if alert is not None:
            self._recorder.emit(alert)
        return alert is not None

    def _stopping(self) -> bool:
        return self._processes.any(self._stop.requested or self._gamed)

    def _due(self, step: int, every: int) -> bool:
        """Every so many steps and at the last one."""
        return step == self._config.steps or (every > 0 and step % every == 0)
