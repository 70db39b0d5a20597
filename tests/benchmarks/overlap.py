"""Steps a second of GRPO with sampling ahead against strictly alternating, on two cores, one thread each.

    python -m tests.benchmarks.overlap [--repeats 5] [--out FILE]

Same model (the built-in one), same prompts, same number of responses and updates; staleness 1 with truncated importance
weights against staleness 0 without. Both sides run in this process, one after another, a few steps at a time, taking
turns, so that what else the machine does falls on both alike.

Beside the wall clock it tells the processor time that each thread took for a step. From it follows what devices of
their own would give, simulated with these assumptions: sampling a batch and learning from one take as long as here
and do not slow each other down; handing the weights over is not hidden; a step's evaluation and saving are left out.
Alternating takes the sum, sampling one step ahead the longer of both. And it tells how much the two threads of one
interpreter hinder each other: Python runs one of them at a time, and tiny models spend much of their time in Python.
"""

import argparse
import json
import os
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.assembly import Parts, build_method
from training.config import RunConfig
from training.distributed import Processes
from training.methods.types import Method
from training.recorder import Recorder
from training.sources import load_model, load_problems

STEPS, WARM_UP = 6, 2
SIDES = {"alternating": 0, "overlapping": 1}


@dataclass
class Side:
    """One of both, as it goes on."""

    method: Method
    step: int = 0
    wall: list[float] = field(default_factory=list)
    """Seconds a step, one figure a turn."""
    cpu: list[float] = field(default_factory=list)
    """Processor seconds a step of the whole process."""
    main_cpu: list[float] = field(default_factory=list)
    """Those of the thread that trains."""

    def turn(self, steps: int, counts: bool) -> None:
        """A few steps more."""
        wall, cpu, main = time.perf_counter(), time.process_time(), time.thread_time()
        for _ in range(steps):
            self.step += 1
            self.method.step(self.step)
        if counts:
            self.wall.append((time.perf_counter() - wall) / steps)
            self.cpu.append((time.process_time() - cpu) / steps)
            self.main_cpu.append((time.thread_time() - main) / steps)


def main() -> None:
    """Measure both sides in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sampling = {"prompts_per_step": options.prompts, "samples_per_prompt": options.samples,
                "max_tokens": options.max_tokens}  # fmt: skip
    with ExitStack() as stack:
        sides = {name: Side(build(stack, staleness, sampling)) for name, staleness in SIDES.items()}
        for side in sides.values():
            side.turn(WARM_UP, counts=False)
        for number in range(options.repeats):
            order = list(sides.values()) if number % 2 else list(reversed(sides.values()))
            for side in order:
                side.turn(STEPS, counts=True)
    figures = summary(sides["alternating"], sides["overlapping"])
    for name, value in figures.items():
        print(f"{name:34} {value:.3f}")
    if options.out:
        options.out.write_text(json.dumps({"sampling": sampling, "load": os.getloadavg()[0]} | figures, indent=2))


def build(stack: ExitStack, staleness: int, sampling: dict[str, int]) -> Method:
    """GRPO on the built-in model."""
    loss = {"importance": "token_truncate" if staleness else "none"}
    config = RunConfig.model_validate(
        {
            "steps": 10_000,
            "method": {
                "kind": "grpo",
                "staleness": staleness,
                "sampling": sampling,
                "loss": loss,
            },
            "optimisation": {"learning_rate": 1e-12},
            "evaluation": {"every_steps": 0},
            "hardware": {"device": "cpu", "threads": 1},
        }
    )
    model: Any = load_model(config, torch.device("cpu"))
    return build_method(Parts.of(config, load_problems(config, Path()), *model, Recorder(), Processes()), stack)


def summary(alternating: Side, overlapping: Side) -> dict[str, float]:
    """Medians over turns; gains are ratios of turns side by side."""
    gains = [a / o for a, o in zip(alternating.wall, overlapping.wall, strict=True)]
    learning = statistics.median(overlapping.main_cpu)
    sampling = statistics.median(overlapping.cpu) - learning
    whole = statistics.median(alternating.cpu)
    return {
        "load": os.getloadavg()[0],
        "alternating: seconds a step": statistics.median(alternating.wall),
        "overlapping: seconds a step": statistics.median(overlapping.wall),
        "gain in steps a second": statistics.median(gains),
        "gain, least": min(gains),
        "gain, most": max(gains),
        "alternating: CPU s a step": whole,
        "overlapping: CPU s, learning": learning,
        "overlapping: CPU s, sampling": sampling,
        "simulated gain, own devices": whole / max(learning, sampling),
    }


if __name__ == "__main__":
    main()
