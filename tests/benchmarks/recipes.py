"""What does each stage of the published recipes add? All at the size of the built-in model, by the command line.

    python -m tests.benchmarks.recipes --out FOLDER [RECIPE ...]

Trains each recipe (all, if none is named) into FOLDER/RECIPE, going on where an earlier call ended, and prints one line
a stage: held-out figures before and after, problems kept, alarms, and processor minutes, which do not depend on what
else the machine is doing.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.config.recipes import RECIPES
from training.events import Alert, Metrics, ProblemsSelected, all_events
from training.overoptimisation.monitor import CODE

ROOT = Path(__file__).resolve().parents[2]
ACCURACY = ("heldout/pass_at_1", "heldout/preference_accuracy")
"""Of policies and of reward models."""


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"any of {', '.join(RECIPES)}")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for slug in options.recipes or RECIPES:
        folder = options.out / slug
        minutes = train(slug, folder)
        rows = [stage_of(stage.name, folder / stage.name) for stage in RECIPES[slug].recipe("builtin").stages]
        (folder / "results.json").write_text(json.dumps({"minutes": minutes, "stages": rows}, indent=1))
        print_table(slug, minutes, rows)


def train(slug: str, folder: Path) -> float:
    """Processor minutes that the stages took in this call, on one thread."""
    before = _processor_seconds()
    command = [sys.executable, "-m", "training", "recipe", slug, "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)
    return (_processor_seconds() - before) / 60


def stage_of(name: str, folder: Path) -> dict[str, Any]:
    """What the event file of a stage amounts to."""
    found: dict[str, Any] = {"stage": name}
    accuracy: list[tuple[int, float]] = []
    for event in all_events(folder / "events.jsonl"):
        if isinstance(event, Metrics):
            accuracy += [(event.step, value) for key in ACCURACY if (value := event.values.get(key)) is not None]
        elif isinstance(event, ProblemsSelected):
            found |= {"asked": event.asked, "kept": event.kept, "solutions": event.solutions}
        elif isinstance(event, Alert) and event.code.startswith(CODE):
            found.setdefault("alarm", event.step)
    if accuracy:
        best = max(accuracy, key=lambda each: each[1])
        found |= {"before": accuracy[0][1], "best": best[1], "best_step": best[0], "after": accuracy[-1][1]}
    return found


def print_table(slug: str, minutes: float, rows: Sequence[dict[str, Any]]) -> None:
    """As Markdown."""
    print(f"\n{RECIPES[slug].title}, {minutes:.1f} processor minutes\n")
    print("| stage | held out before → best (step) → after | problems kept | first alarm |\n| --- | --- | --- | --- |")
    for row in rows:
        known = "before" in row
        curve = f"{row['before']:.3f} → {row['best']:.3f} ({row['best_step']}) → {row['after']:.3f}" if known else ""
        kept = f"{row['kept']} of {row['asked']}" if "kept" in row else ""
        print(f"| {row['stage']} | {curve} | {kept} | {row.get('alarm', '')} |")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
