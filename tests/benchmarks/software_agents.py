"""How many issues of small repositories are resolved: after SFT on an expert's ways, after SRL on its steps, after RL.

`python -m tests.benchmarks.software_agents --out FOLDER` runs the presets agents-sft, agents-srl and agents-rl one
after the other, each from the last checkpoint of the one before, and RL from SFT alone beside it. After each stage
held-out issues are worked on in the sandbox; a stage that has its checkpoints is not trained again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from training.config import RunConfig
from training.config.presets import AGENTS_RL, AGENTS_SFT, AGENTS_SRL, Preset
from training.history import EVENTS_FILE
from training.run import run

HELDOUT, SAMPLES, MAX_TOKENS, MAX_TURNS = 64, 4, 560, 8
STAGES: dict[str, tuple[Preset, str]] = {
    "sft": (AGENTS_SFT, ""),
    "srl": (AGENTS_SRL, "sft"),
    "srl-rl": (AGENTS_RL, "srl"),
    "rl": (AGENTS_RL, "sft"),
}
"""Name of each stage, with its preset and the stage it starts from."""


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a run; None while it has none."""
    found = sorted((folder / "checkpoints").glob("step_*"))
    return found[-1] if found else None


def train(name: str, folder: Path, seed: int, changes: dict[str, int]) -> dict[str, float]:
    """Train a stage, unless it is trained, and measure it on held-out issues."""
    preset, before = STAGES[name]
    config = preset.config.model_dump()
    own = folder / name
    done = own / "resolved.json"
    if done.exists():
        return dict(json.loads(done.read_text()))
    own.mkdir(parents=True, exist_ok=True)
    if before:
        config["model"] = {"kind": "local", "path": str(last_checkpoint(folder / before))}
    config |= {"seed": seed, "steps": changes.get(name, config["steps"])}
    config["evaluation"]["every_steps"] = 0
    config["hardware"] |= {"device": "cpu", "threads": 1}
    began = time.monotonic()
    run(RunConfig.model_validate(config), own)
    trained = time.monotonic() - began
    figures = measure(own, seed) | {"minutes": trained / 60}
    done.write_text(json.dumps(figures))
    return figures


def measure(stage: Path, seed: int) -> dict[str, float]:
    """Figures of a stage's last checkpoint on held-out issues."""
    folder = stage / "measured"
    folder.mkdir(exist_ok=True)
    problems = AGENTS_RL.config.problems.model_dump() | {"heldout_count": HELDOUT}
    config: dict[str, Any] = {
        "model": {"kind": "local", "path": str(last_checkpoint(stage))},
        "problems": problems,
        "prompt": AGENTS_RL.config.prompt.model_dump(),
        "seed": seed,
        "method": {
            "kind": "evaluate", "samples": SAMPLES, "max_tokens": MAX_TOKENS, "prompts_per_batch": HELDOUT,
            "agentic": {"enabled": True, "max_turns": MAX_TURNS},
        },
        "hardware": {"device": "cpu", "threads": 1},
    }  # fmt: skip
    run(RunConfig.model_validate(config), folder)
    lines = [json.loads(line) for line in (folder / EVENTS_FILE).read_text().splitlines()]
    values = [line["values"] for line in lines if line["kind"] == "metrics"][-1]
    names = ("heldout/pass_at_1", "heldout/greedy", "heldout/length_mean", "batch/calls_mean", "batch/failed_share")
    return {name: values[name] for name in names}


def main() -> None:
    """Command line of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs; goes on where it ended")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", nargs="*", default=[], metavar="STAGE=STEPS", help="other lengths than the presets'")
    arguments = parser.parse_args()
    changes = {name: int(steps) for name, steps in (each.split("=") for each in arguments.steps)}
    for seed in range(arguments.seeds):
        for name in STAGES:
            figures = train(name, arguments.out / f"seed{seed}", seed, changes)
            told = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
            print(f"seed {seed}, {name}: {told}", flush=True)


if __name__ == "__main__":
    main()
