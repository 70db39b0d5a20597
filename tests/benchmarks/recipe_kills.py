"""Recipes at the size of the built-in model from one click to the end, the worker killed in every stage.

    python -m tests.benchmarks.recipe_kills --recipes rstar2-agent deepseek-r1

Each recipe is launched once on a real stack, and then nobody touches it. In every stage SIGKILL goes to the worker
that trains, at a random step; the stack starts another one, and the recipe must go on by itself. Prints the stages
with their attempts and results. Exits with 1 when a recipe does not end well.
"""

import argparse
import random
import sys
import time
from dataclasses import dataclass

from tests.workers.stack import RealStack, real_stack, until
from training.config.recipes import RECIPES

LONGEST_S = 3600
MOVING = ("running", "stopping")


@dataclass(frozen=True, slots=True)
class StageEnd:
    """How a stage's run went."""

    stage: str
    run: int
    status: str
    steps: int
    attempts: int
    killed_at: int | None
    seconds: float
    figures: list[float]
    """Held-out pass@1 of sampled answers, the first before the stage; none where the method has no such figure."""


def main() -> int:
    """Print a table a recipe; 1 when one did not succeed."""
    options = _arguments()
    rng = random.Random(options.seed)
    succeeded = True
    with real_stack(MAINTENANCE_SECONDS="5", SANDBOX_WORKERS="1") as stack:
        for slug in options.recipes:
            began = time.monotonic()
            number = _launch(stack, slug, options.seed)
            killed = _kill_in_every_stage(stack, number, rng) if options.kills else {}
            state = _wait_for_end(stack, number)
            succeeded &= state == "succeeded"
            _print_table(slug, state, time.monotonic() - began, _stages(stack, number, killed))
    return 0 if succeeded else 1


def _launch(stack: RealStack, slug: str, seed: int) -> int:
    """As the button does; returns the recipe's number."""
    code = (
        "from training.config.recipes import RECIPES; from webapp.recipes import services; "
        f"made = services.create_recipe(RECIPES[{slug!r}].recipe('builtin'), seed={seed}); "
        "services.launch_recipe(made); print(made.pk)"
    )
    return int(stack.manage("shell", "--no-imports", "-c", code).split()[-1])


def _kill_in_every_stage(stack: RealStack, recipe: int, rng: random.Random) -> dict[int, int]:
    """SIGKILL to the worker once a run, at a random step of its first two thirds; run → step."""
    aims: dict[int, float] = {}
    killed: dict[int, int] = {}
    while _state(stack, recipe) in MOVING:
        for run, status, step, steps in stack.ask(
            "SELECT r.id, r.status, r.step, (r.config->>'steps')::int FROM runs_run r"
            " JOIN recipes_stagerun s ON s.run_id = r.id WHERE s.recipe_id = %s ORDER BY r.id DESC LIMIT 1",
            recipe,
        ):
            aim = aims.setdefault(run, rng.uniform(0, 0.66)) * steps
            if run not in killed and status == "running" and step >= aim:
                stack.kill(stack.worker)
                killed[run] = step
                print(f"recipe {recipe}, run {run}: the worker is killed at step {step} of {steps}", flush=True)
        time.sleep(0.3)
    return killed


def _state(stack: RealStack, recipe: int) -> str:
    return str(stack.ask("SELECT state FROM recipes_reciperun WHERE id = %s", recipe)[0][0])


def _wait_for_end(stack: RealStack, recipe: int) -> str:
    until(lambda: _state(stack, recipe) not in MOVING, LONGEST_S, lambda: f"recipe {recipe} is still under way")
    return _state(stack, recipe)


def _stages(stack: RealStack, recipe: int, killed: dict[int, int]) -> list[StageEnd]:
    rows = stack.ask(
        "SELECT s.stage, r.id, r.status, r.step, r.attempt, EXTRACT(EPOCH FROM r.ended_at - r.started_at)"
        " FROM recipes_stagerun s JOIN runs_run r ON r.id = s.run_id WHERE s.recipe_id = %s ORDER BY s.id",
        recipe,
    )
    return [
        StageEnd(stage, run, status, steps, attempt, killed.get(run), float(seconds or 0), _figures(stack, run))
        for stage, run, status, steps, attempt, seconds in rows
    ]


def _figures(stack: RealStack, run: int) -> list[float]:
    query = (
        "SELECT p.value FROM runs_metricpoint p JOIN runs_metricseries s ON s.id = p.series_id"
        " WHERE s.run_id = %s AND s.name = 'heldout/pass_at_1' ORDER BY p.step"
    )
    return [value for (value,) in stack.ask(query, run) if value is not None]


def _print_table(slug: str, state: str, seconds: float, stages: list[StageEnd]) -> None:
    print(f"\n{slug}: {state} after {seconds / 60:.1f} minutes\n", flush=True)
    print("| stage | run | killed at step | attempts | end | steps | seconds | held-out pass@1 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for stage in stages:
        ends = f"{stage.figures[0]:.3f} → {stage.figures[-1]:.3f}" if stage.figures else "–"
        killed = "–" if stage.killed_at is None else stage.killed_at
        print(
            f"| {stage.stage} | {stage.run} | {killed} | {stage.attempts} | {stage.status} | {stage.steps} "
            f"| {stage.seconds:.0f} | {ends} |"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--recipes", nargs="+", choices=list(RECIPES), default=["rstar2-agent", "deepseek-r1"], help="which"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the recipes and of the moments of the kills")
    parser.add_argument("--no-kills", dest="kills", action="store_false", help="leave them in peace")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
