"""Does the demo run learn? Held-out pass@1 of the built-in model before and after, on several seeds.

    python -m tests.benchmarks.demo_learning                       # the default config, seeds 0 1 2, 180 s each at most
    python -m tests.benchmarks.demo_learning --preset smoke --threads 1 --out learning.json

Each seed is a real run by the command line, stopped by SIGTERM after the time allowed; the clock is the wall clock, of
training with evaluation and saving, without loading. CPU seconds are of the whole process. Prints a Markdown table.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from training.config import RunConfig
from training.config.presets import PRESETS
from training.events import Metrics, Started, all_events

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=180.0, help="training time allowed")
    parser.add_argument("--preset", help="slug of a preset; the default config if left out")
    parser.add_argument("--config", type=Path, help="JSON file with a config to use instead")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    config = chosen_config(options.preset, options.config)
    results = []
    print("| seed | pass@1 before | after | factor | greedy | length | steps | seconds | CPU seconds |")
    print("| --- " * 9 + "|")
    for seed in options.seeds:
        found = run_seed(config, seed, options.threads, options.seconds)
        results.append(found)
        before, after = found["before"], found["after"]
        print(
            f"| {seed} | {before['heldout/pass_at_1']:.3f} | {after['heldout/pass_at_1']:.3f} "
            f"| {after['heldout/pass_at_1'] / max(before['heldout/pass_at_1'], 1e-9):.1f} "
            f"| {before['heldout/greedy']:.2f} → {after['heldout/greedy']:.2f} "
            f"| {before['heldout/length_mean']:.0f} → {after['heldout/length_mean']:.0f} "
            f"| {found['steps']} | {found['seconds']:.0f} | {found['cpu_seconds']:.0f} |",
            flush=True,
        )
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


def chosen_config(preset: str | None, path: Path | None) -> dict[str, Any]:
    """The config to run, as plain values."""
    if path:
        values: dict[str, Any] = json.loads(path.read_text())
        return values
    if preset:
        return PRESETS[preset].config.model_dump(mode="json")
    return RunConfig().model_dump(mode="json")


def run_seed(config: dict[str, Any], seed: int, threads: int, seconds: float) -> dict[str, Any]:
    """Train with one seed; returns the first and the last evaluation, steps and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        hardware = config.get("hardware", {}) | {"threads": threads}
        (run / "config.json").write_text(json.dumps(config | {"seed": seed, "hardware": hardware}))
        process = subprocess.Popen([sys.executable, "-m", "training", "run", folder], cwd=ROOT, stderr=subprocess.PIPE)
        used = os.times()
        started = wait_for_start(run / "events.jsonl", process)
        while process.poll() is None:
            if time.time() - started > seconds:
                process.send_signal(signal.SIGTERM)
                break
            time.sleep(0.5)
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(errors.decode())
        every = [event for event in all_events(run / "events.jsonl") if isinstance(event, Metrics)]
        evaluations = [event for event in every if "heldout/pass_at_1" in event.values]
        return {
            "seed": seed,
            "before": evaluations[0].values,
            "after": evaluations[-1].values,
            "curve": [(event.step, event.values["heldout/pass_at_1"]) for event in evaluations],
            "steps": every[-1].step,
            "seconds": evaluations[-1].at - started,
            "cpu_seconds": sum(os.times()[2:4]) - sum(used[2:4]),
        }


def wait_for_start(path: Path, process: subprocess.Popen[bytes]) -> float:
    """When training began, by the event file's own clock."""
    while True:
        for event in all_events(path):
            if isinstance(event, Started):
                return event.at
        if process.poll() is not None:
            sys.exit(process.communicate()[1].decode())
        time.sleep(0.1)


if __name__ == "__main__":
    main()
