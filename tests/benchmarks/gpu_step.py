"""A step of GRPO on a GPU, part by part: seconds, tokens a second, MFU, peak memory.

    python -m tests.benchmarks.gpu_step             # on the first GPU; results/gpu_step.json; 8 minutes at most
    python -m tests.benchmarks.gpu_step --tiny      # the same code at a size for a CPU, in a minute; stores nothing

Random Qwen2-like models of 0.1 and 0.5 billion weights, vocabulary of 151,936. The step is the product's own: sampling
by the torch engine (float32), log-probabilities of the old policy, two updates; passes in bfloat16. Every response has
the same length and every reward is drawn by lot, so that each row does the same work. A row changes one thing: the head
all at once or in larger chunks, gradient checkpointing, torch.compile. Each runs in a process of its own, so that what
runs out of memory is a row that says so. The first step of a row is not counted. It needs torch, transformers and
pydantic, and no other part of the product's environment.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results" / "gpu_step.json"
ALL_S, ROW_S = 440.0, 120.0
"""Longest time for all rows, after which none is begun, and for one."""


@dataclass(frozen=True)
class Size:
    """Of a step, and how often it is measured."""

    prompts: int
    samples: int
    prompt: int
    response: int
    pass_tokens: int
    """In one micro-batch."""
    chunk: int
    """Logits held at once where the head is chunked."""
    matmul: int
    """Side of the matrices by which a chip's limit is measured where it is not listed."""
    measured: int = 2


GPU = Size(prompts=12, samples=16, prompt=128, response=256, pass_tokens=16_384, chunk=2**25, matmul=8192)
TINY = Size(prompts=2, samples=4, prompt=8, response=12, pass_tokens=128, chunk=2**22, matmul=1024, measured=1)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "head not chunked": {"chunk_times": 2**40},
    "compile": {"compiled": True},
    "gradient checkpointing": {"checkpointing": True},
    "head in larger chunks": {"chunk_times": 8},
}


def main() -> None:
    """Measure all rows, or (in a child process) one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="the same at a size for a CPU")
    parser.add_argument("--out", type=Path, help="write the figures there; by default only a GPU's are kept")
    parser.add_argument("--row", nargs=2, metavar=("MODEL", "VARIANT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = TINY if options.tiny else GPU
    if options.row:
        from tests.benchmarks.gpu_step_row import measured_or_failed

        print(json.dumps(measured_or_failed(options.row[0], size, **VARIANTS[options.row[1]])), flush=True)
        return
    names = [(model, variant) for variant in VARIANTS for model in (["tiny"] if options.tiny else ["0.1B", "0.5B"])]
    began, rows = time.monotonic(), []
    for model, variant in names:
        left = ALL_S - (time.monotonic() - began)
        found = row_apart(model, variant, options.tiny, min(left, ROW_S)) if left > 0 else {"failed": "no time left"}
        rows.append({"model": model, "variant": variant, **found})
        print(in_words(rows[-1]), flush=True)
        device = next((row["device"] for row in rows if "device" in row), "")
        if out := options.out or (None if options.tiny or not device or "CPU" in device else RESULTS):
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps({"device": device, "step": vars(size), "rows": rows}, indent=1) + "\n")


def row_apart(model: str, variant: str, tiny: bool, longest_s: float) -> dict[str, Any]:
    """Figures of one row, from a process of its own; `failed` says why there are none."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu_step", "--row", model, variant]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"} | ({"CUDA_VISIBLE_DEVICES": ""} if tiny else {})
    try:
        done = subprocess.run([*command, "--tiny"] if tiny else command, cwd=ROOT, env=environment, check=False,
                              capture_output=True, text=True, timeout=longest_s)  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"failed": f"not done within {longest_s:.0f} s"}
    said = done.stdout.strip().splitlines()
    if done.returncode or not said:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"failed": f"exit code {done.returncode}: {last[:300]}"}
    found: dict[str, Any] = json.loads(said[-1])
    return found


def in_words(row: dict[str, Any]) -> str:
    """A line of the table."""
    name = f"{row['model']:5}{row['variant']:24}"
    if row["variant"] == "compile" and row.get("compiled") is False:
        name += "(the compiler failed, and this is without)  "
    if "failed" in row:
        return f"{name}{row['failed']}"
    parts = "  ".join(f"{part} {of['seconds']:.2f} s (MFU {of['mfu']:.1%})" for part, of in row["parts"].items())
    peak = max(of["peak_bytes"] for of in row["parts"].values()) / 2**30
    return (
        f"{name}{parts}  step {row['seconds']:.2f} s (MFU {row['mfu']:.1%})  {row['tokens_per_second']:,.0f} tokens/s  "
        f"peak {peak:.2f} GiB  [{row['device']}, limit {row['limit'] / 1e12:,.1f} TFLOP/s: {row['limit_from']}]"
    )


if __name__ == "__main__":
    main()
