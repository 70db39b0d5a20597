"""SIGKILL to every part of a real stack, again and again at random moments: is anything lost, doubled or stuck?

    python -m tests.benchmarks.crash_matrix --kills 4 --seed 0

For each part a run is trained while that part is killed; a run that fails is resumed, as a user would. In the end its
rows are compared with those of a run of the same seed that nothing disturbed (all but clock times), and the weights
that both kept, bit for bit. Exits with 1 when anything differs.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tests.workers.stack import RealStack, real_stack
from training.config import RunConfig

STEPS = 150
LAST_KILL_STEP = 120
LONGEST_PAUSE_S = 6.0
CONFIG = RunConfig.model_validate(
    {
        "steps": STEPS,
        "method": {"kind": "grpo", "sampling": {"prompts_per_step": 8, "samples_per_prompt": 4, "max_tokens": 64}},
        "problems": {"kind": "builtin", "train_count": 128, "heldout_count": 16},
        "evaluation": {"every_steps": 10, "problems": 8, "samples": 2},
        "checkpoints": {"every_steps": 5},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)
Part = Callable[[], list[psutil.Process]]


@dataclass(frozen=True)
class Result:
    """How a part's run went."""

    part: str
    kills: int
    attempts: int
    resumed: int
    end: str
    differing: list[str]
    weights: str
    seconds: float

    @property
    def passed(self) -> bool:
        return self.end == "succeeded" and not self.differing and self.weights == "identical"


def main() -> int:
    """Print a table; 1 when something differs."""
    options = _arguments()
    rng = random.Random(options.seed)
    with real_stack(MAINTENANCE_SECONDS="5") as stack:
        calm = stack.launch(CONFIG, "calm")
        end = stack.wait_for_end(calm, 900)
        assert end["status"] == "succeeded", stack.describe(calm)
        expected = stack.rows(calm)
        print(f"undisturbed: {len(expected['points'])} points, {len(expected['rollouts'])} rollouts", flush=True)
        parts: list[Part] = [
            stack.trainer, stack.worker, stack.supervisor, stack.web, stack.redis, stack.postgres,
        ]  # fmt: skip
        results = [_beat(stack, part, options.kills, rng, calm, expected) for part in parts]
    _print_table(results)
    return 0 if all(result.passed for result in results) else 1


def _beat(
    stack: RealStack, part: Part, kills: int, rng: random.Random, calm: int, expected: dict[str, object]
) -> Result:
    began, done, resumed = time.monotonic(), 0, 0
    run = stack.launch(CONFIG, part.__name__)
    while done < kills:
        time.sleep(rng.uniform(0.2, LONGEST_PAUSE_S))
        now = stack.run(run)
        if now["status"] in {"failed", "lost"}:
            stack.resume(run)
            resumed += 1
        elif now["status"] == "succeeded" or now["step"] > LAST_KILL_STEP:
            break
        elif now["status"] == "running" and part():
            stack.kill(part)
            done += 1
    end = stack.wait_for_end(run, 900)
    while end["status"] in {"failed", "lost"}:
        stack.resume(run)
        resumed += 1
        end = stack.wait_for_end(run, 900)
    rows = stack.rows(run)
    differing = [table for table in expected if rows[table] != expected[table]]
    print(f"{part.__name__}: {done} kills, {end}", flush=True)
    return Result(
        part.__name__, done, end["attempt"], resumed, end["status"], differing, _weights(stack, calm, run),
        time.monotonic() - began,
    )  # fmt: skip


def _weights(stack: RealStack, calm: int, run: int) -> str:
    """Whether both runs kept the same checkpoints with the same bytes of weights."""
    folders = [stack.data / "runs" / str(number) / "checkpoints" for number in (calm, run)]
    kept = [{file.parent.name: file.read_bytes() for file in folder.glob("*/*.safetensors")} for folder in folders]
    return "identical" if kept[0] == kept[1] else "DIFFERENT"


def _print_table(results: list[Result]) -> None:
    print("\n| killed | kills | attempts | resumed by hand | end | rows | weights | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for r in results:
        rows = "equal" if not r.differing else f"DIFFER: {', '.join(r.differing)}"
        print(
            f"| {r.part} | {r.kills} | {r.attempts} | {r.resumed} | {r.end} | {rows} | {r.weights} | {r.seconds:.0f} |"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=4, help="kills of each part (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
