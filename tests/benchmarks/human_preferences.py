"""From rankings to a better policy: label, train a reward model, optimise against it, and measure what it was for.

    python -m tests.benchmarks.human_preferences                          # three seeds, about an hour on two cores
    python -m tests.benchmarks.human_preferences --seeds 0 --rankings 200

On a real stack the built-in model writes four responses to each prompt, and programs that stand for labelers (there
are no people here; `simulated_labels` says what they like and how they err) rank them over HTTP at the labeling page.
The noise ceiling is how often their taste itself, without noise, orders a held-out pair as its label does.

For each seed a reward model learns the labels. Then PPO and GRPO are paid by it alone and DPO learns the labels
directly, all from the built-in model; and the best of n of the built-in model's answers is picked by the reward model.
Gold is what no method is paid for: whether the verifier finds sampled held-out answers right.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.simulated_labels import PROBLEMS, PROJECT, RESPONSES, Taste, generate_items, rank_all
from tests.workers.stack import RealStack, real_stack
from training.algorithms.overoptimisation import best_of_n_kl, expected_best_of_n
from training.config import RunConfig
from training.config.preferences import PROJECT_RANKINGS
from training.events import Metrics, RolloutGroup, all_events
from training.rankings import load_rankings
from training.rewards.verifier import Verifier

HELDOUT_SHARE = 0.2
BEST_OF = (1, 2, 4, 8, 16)


def main() -> int:
    """Print a table for each stage."""
    options = _arguments()
    with Verifier(workers=1) as verifier, real_stack() as stack:
        taste, began = Taste(verifier), time.monotonic()
        generate_items(stack, options.rankings)
        labels = rank_all(stack, taste)
        assert labels == options.rankings, f"{labels} of {options.rankings} labeled"
        print(f"{labels} rankings of {RESPONSES} generated and labeled in {time.monotonic() - began:.0f} s", flush=True)
        found = [_of_seed(stack, seed, options, taste) for seed in options.seeds]
    _report(found)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1))
    return 0


def _of_seed(stack: RealStack, seed: int, options: argparse.Namespace, taste: Taste) -> dict[str, Any]:
    """All methods with one seed."""
    number, folder = _run(stack, f"reward-model-{seed}", _reward_model(seed))
    last = _metrics(folder)[-1]
    ceiling = taste.ceiling(load_rankings(folder / PROJECT_RANKINGS, HELDOUT_SHARE, seed).heldout)
    found: dict[str, Any] = {"seed": seed, "accuracy": last["heldout/preference_accuracy"], "ceiling": ceiling}
    step = max(int(each.name.split("_")[1]) for each in (folder / "checkpoints").glob("step_*"))
    learned = {"model": {"kind": "checkpoint", "run": number, "step": step}}
    print(f"seed {seed}: held-out accuracy {found['accuracy']:.3f}, noise ceiling {ceiling:.3f}", flush=True)
    for name, config in _policies(seed, learned, options.steps).items():
        began = time.monotonic()
        _, of_policy = _run(stack, f"{name}-{seed}", config)
        found[name] = _gold(of_policy) | {"seconds": time.monotonic() - began}
        print(f"seed {seed}, {name}: {found[name]}", flush=True)
    _, of_evaluation = _run(stack, f"best-of-n-{seed}", _evaluation(seed, learned))
    found["best_of_n"] = _best_of_n(of_evaluation)
    print(f"seed {seed}, best of n: {found['best_of_n']}", flush=True)
    return found


def _reward_model(seed: int) -> dict[str, Any]:
    method = {
        "kind": "reward_model",
        "rankings": {"kind": "project", "slug": PROJECT},
        "rankings_per_step": 32,
        "max_length": 256,
        "heldout_share": HELDOUT_SHARE,
    }
    optimisation = {"learning_rate": 3e-4, "schedule": "linear"}
    return {
        "method": method,
        "steps": 26,
        "optimisation": optimisation,
        "evaluation": {"every_steps": 13},
        "seed": seed,
    }


def _policies(seed: int, learned: Mapping[str, Any], steps: int) -> dict[str, dict[str, Any]]:
    """Configs of the methods that are compared, by name."""
    reward = {"accuracy": 0.0, "learned": learned, "missing_end": 1.0}
    common = {"problems": PROBLEMS, "seed": seed, "evaluation": {"every_steps": 10, "problems": 128, "samples": 4}}
    ppo = {
        "kind": "ppo",
        "sampling": {"prompts_per_step": 128, "samples_per_prompt": 1, "max_tokens": 96},
        "reward": reward,
        "kl": {"coefficient": 0.02},
        "critic": {"learning_rate": 3e-4},
    }
    grpo = {
        "kind": "grpo",
        "sampling": {"prompts_per_step": 16, "samples_per_prompt": 8, "max_tokens": 96},
        "reward": reward | {"learned": {**learned, "transform": "sigmoid_of_difference"}},
        "loss": {"kl_coefficient": 0.02, "advantage_scale": "none"},
        "updates_per_step": 4,
    }
    dpo = {
        "kind": "dpo",
        "rankings": {"kind": "project", "slug": PROJECT},
        "rankings_per_step": 32,
        "max_length": 256,
        "heldout_share": HELDOUT_SHARE,
    }
    return {
        "ppo": common | {"method": ppo, "steps": steps},
        "grpo": common | {"method": grpo, "steps": steps},
        "dpo": common | {"method": dpo, "steps": 120, "optimisation": {"learning_rate": 2e-4}},
    }


def _evaluation(seed: int, learned: Mapping[str, Any]) -> dict[str, Any]:
    method = {"kind": "evaluate", "problems": 128, "samples": max(BEST_OF), "learned": {**learned}}
    return {"problems": PROBLEMS, "method": method, "seed": seed}


def _run(stack: RealStack, name: str, values: dict[str, Any]) -> tuple[int, Path]:
    """Queue a run on the stack and wait for its end; its number and folder."""
    number = stack.launch(RunConfig.model_validate(values), name)
    end = stack.wait_for_end(number, 3600)
    assert end["status"] == "succeeded", stack.describe(number)
    return number, stack.data / "runs" / str(number)


def _metrics(folder: Path) -> list[dict[str, float]]:
    """Figures of all evaluations of a run, in order."""
    events = [event for event in all_events(folder / "events.jsonl") if isinstance(event, Metrics)]
    kept = [{k: v for k, v in event.values.items() if v is not None} for event in events]
    return [values for values in kept if any(name.startswith("heldout/") for name in values)]


def _gold(folder: Path) -> dict[str, float]:
    """Gold before, after and at its best; proxy and KL at the end."""
    events = [event.values for event in all_events(folder / "events.jsonl") if isinstance(event, Metrics)]
    gold = [v for values in events if (v := values.get("heldout/pass_at_1")) is not None]
    kl = [v for values in events if (v := values.get("kl/sequence")) is not None]
    proxy = [v for values in events if (v := values.get("heldout/learned")) is not None]
    found = {"before": gold[0], "after": gold[-1], "best": max(gold)}
    if proxy:
        found |= {"proxy_before": proxy[0], "proxy_after": proxy[-1]}
    return found | ({"kl": statistics.mean(kl[-5:]), "kl_most": max(kl)} if kl else {})


def _best_of_n(folder: Path) -> dict[int, float]:
    """Expected gold of the best of n of each problem's sampled answers, by n."""
    groups = [event for event in all_events(folder / "events.jsonl") if isinstance(event, RolloutGroup)]
    curves = []
    for group in groups:
        sampled = [each for each in group.rollouts if "learned" in each.parts][: max(BEST_OF)]
        golds = [float(each.correct is True) for each in sampled]
        curves.append(expected_best_of_n([each.parts["learned"] for each in sampled], golds))
    mean = np.mean(curves, axis=0)
    return {n: float(mean[n - 1]) for n in BEST_OF}


def _report(found: Sequence[dict[str, Any]]) -> None:
    print("\n| | " + " | ".join(f"seed {each['seed']}" for each in found) + " |")
    print("| --- " * (len(found) + 1) + "|")
    rows = {"reward model: held-out accuracy / noise ceiling": lambda e: f"{e['accuracy']:.3f} / {e['ceiling']:.3f}"}
    for name in ("ppo", "grpo", "dpo"):
        rows[f"{name}: gold before → after (best)"] = lambda e, n=name: (
            f"{e[n]['before']:.2f} → {e[n]['after']:.2f} ({e[n]['best']:.2f})"
        )
    for name in ("ppo", "grpo"):
        rows[f"{name}: KL at the end, nats a response"] = lambda e, n=name: f"{e[n]['kl']:.1f}"
    for n in BEST_OF:
        rows[f"best of {n} (KL {best_of_n_kl(n):.2f}): gold"] = lambda e, n=n: f"{e['best_of_n'][n]:.2f}"
    for name, show in rows.items():
        print(f"| {name} | " + " | ".join(show(each) for each in found) + " |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rankings", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50, help="of PPO and GRPO")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
