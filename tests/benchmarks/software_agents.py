"""How many issues of small repositories are resolved: by the base, after SFT on an expert's ways, after SRL, after RL.

    python -m tests.benchmarks.software_agents --seeds 0 1 2 --out FOLDER

Runs the presets agents-sft, agents-srl and agents-rl, each from the last checkpoint of the one before, and RL from SFT
alone beside it. After each stage the same held-out issues are worked on in the sandbox, whose tests are the judge; what
is in FOLDER is used again. Prints the share resolved, mean and standard deviation over seeds, and writes
FOLDER/table.md and FOLDER/results.csv.
"""

import argparse
import csv
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.checkpoints import CheckpointFolder
from training.config import RunConfig
from training.config.presets import AGENTS_RL, AGENTS_SFT, AGENTS_SRL, Preset
from training.events import Metrics, all_events
from training.run import run

HELDOUT, SAMPLES = 96, 2
STAGES: dict[str, tuple[Preset | None, str]] = {
    "base": (None, ""),
    "SFT": (AGENTS_SFT, ""),
    "SFT → RL": (AGENTS_RL, "SFT"),
    "SFT → SRL": (AGENTS_SRL, "SFT"),
    "SFT → SRL → RL": (AGENTS_RL, "SFT → SRL"),
}
"""Name of each stage, with its preset and the stage it starts from."""
FIGURES = {"heldout/pass_at_1": "sampled", "heldout/greedy": "greedy", "heldout/length_mean": "tokens"}


def main() -> None:
    """Command line of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs; goes on where it ended")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES), help="which")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        for name in options.stages:
            figures = stage(name, options.out / f"seed{seed}", seed)
            print(f"seed {seed}, {name}: {figures}", flush=True)
            rows.append({"seed": seed, "stage": name} | figures)
    report(rows, options.out)


def stage(name: str, folder: Path, seed: int) -> dict[str, float]:
    """Train a stage, unless it is trained, and measure it on held-out issues."""
    preset, before = STAGES[name]
    own = folder_of(folder, name)
    done = own / "resolved.json"
    if done.exists():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    own.mkdir(parents=True, exist_ok=True)
    minutes = 0.0
    model: dict[str, Any] = {"kind": "builtin", "variant": "tools"}
    if preset is not None:
        config = preset.config.model_dump() | {"seed": seed}
        if before:
            config["model"] = {"kind": "local", "path": str(last_checkpoint(folder_of(folder, before)))}
        config["evaluation"]["every_steps"] = 0
        config["hardware"] |= {"device": "cpu", "threads": 1}
        began = time.process_time()
        run(RunConfig.model_validate(config), own)
        minutes = (time.process_time() - began) / 60
        model = {"kind": "local", "path": str(last_checkpoint(own))}
    figures = measured(model, own / "measured", seed) | {"processor minutes": round(minutes, 1)}
    done.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def folder_of(folder: Path, name: str) -> Path:
    """Where a stage lies."""
    return folder / name.lower().replace(" → ", "-")


def last_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run."""
    checkpoints = CheckpointFolder(folder / "checkpoints")
    newest = checkpoints.newest()
    assert newest is not None, "the last step is always saved"
    return checkpoints.of(newest)


def measured(model: dict[str, Any], folder: Path, seed: int) -> dict[str, float]:
    """Figures of a model on held-out issues."""
    folder.mkdir(exist_ok=True)
    recipe = AGENTS_RL.config.model_dump()
    method = {name: recipe["method"]["sampling"][name] for name in ("max_tokens", "max_rows")}
    config = {
        "model": model,
        "problems": recipe["problems"] | {"heldout_count": HELDOUT},
        "prompt": recipe["prompt"],
        "seed": seed,
        "method": method
        | {
            "kind": "evaluate",
            "samples": SAMPLES,
            "prompts_per_batch": HELDOUT,
            "agentic": recipe["method"]["agentic"],
        },
        "hardware": {"device": "cpu", "threads": 1},
    }
    run(RunConfig.model_validate(config), folder)
    values = [event.values for event in all_events(folder / "events.jsonl") if isinstance(event, Metrics)][-1]
    return {told: round(values[name] or 0.0, 4) for name, told in FIGURES.items()}


def report(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write every figure, and print and write mean and standard deviation over seeds."""
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    told = [*FIGURES.values(), "processor minutes"]
    lines = [f"| {' | '.join(['stage', *told])} |", f"|{' --- |' * (1 + len(told))}"]
    for name in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == name]
        lines.append(f"| {' | '.join([name, *(spread([row[figure] for row in own]) for figure in told)])} |")
    table = "\n".join(lines)
    (folder / "table.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def spread(values: Sequence[float]) -> str:
    """Mean and, of several, standard deviation."""
    digits = 0 if max(values) > 20 else 3 if max(values) <= 1 else 1
    more = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{more}"


if __name__ == "__main__":
    main()
