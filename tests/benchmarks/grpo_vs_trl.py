"""One GRPO step, ours against TRL's GRPOTrainer: sample, score, update; CPU seconds on one thread.

    python -m tests.benchmarks.grpo_vs_trl --setup      # once: an environment of its own for TRL, in .cache/trl-venv
    python -m tests.benchmarks.grpo_vs_trl              # both cases, three interleaved repeats, a table
    python -m tests.benchmarks.grpo_vs_trl --out FILE.json      # and the figures

Same model (the built-in one), same prompts, same group size, float32, no KL, one update a step. The learning rate is
next to nothing, so that both sides sample from the same policy at every step. Two cases:

- *natural*: responses end by themselves, the reward is the right answer. What is won is work avoided: finished rows
  leave the batch, prompts are run once a group, nothing is padded, groups without signal are not run again.
- *equal*: every response has the same length and rewards are drawn by lot, so that every group has a signal. The
  arithmetic is the same on both sides.

Our figure includes verifying every answer and writing every rollout with its token arrays as JSON; TRL's does neither.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".cache" / "trl-venv"
REQUIREMENTS = ("torch==2.13.0", "trl==1.16.0")
PROMPTS, SAMPLES, MAX_TOKENS, EQUAL_TOKENS = 32, 8, 96, 48
WARM_UP, MEASURED = 1, 3
RATE = 1e-12


def main() -> None:
    """Set up, or compare, or (in a child process) measure one side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="create TRL's environment")
    parser.add_argument("--model", type=Path, default=ROOT / "training" / "builtin" / "model")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--side", choices=["ours", "trl"], help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=["natural", "equal"], default="natural", help=argparse.SUPPRESS)
    parser.add_argument("--problems", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.setup:
        set_up()
    elif options.side:
        problems = json.loads(options.problems.read_text())
        measure = measure_ours if options.side == "ours" else measure_trl
        print(json.dumps(measure(options.model, problems, options.case)))
    else:
        compare(options.model, options.repeats, options.out)


def set_up() -> None:
    """Create the environment that TRL runs in."""
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run([ENVIRONMENT / "bin" / "pip", "install", "--quiet", *REQUIREMENTS], check=True)


def compare(model: Path, repeats: int, out: Path | None) -> None:
    """Measure both sides in turn and print a table."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        sys.exit("TRL's environment is missing; create it with: python -m tests.benchmarks.grpo_vs_trl --setup")
    problems = ROOT / ".cache" / "grpo-vs-trl-problems.json"
    problems.write_text(json.dumps(make_problems()))
    results: dict[str, Any] = {}
    load = round(os.getloadavg()[0], 1)
    print(f"{PROMPTS} prompts x {SAMPLES} samples, one thread, CPU seconds a step (tokens a step), load {load}")
    for case in ("natural", "equal"):
        sides: dict[str, list[dict[str, list[float]]]] = {"ours": [], "trl": []}
        for _ in range(repeats):
            for side, runs in sides.items():
                runs.append(measure_apart(side, case, model, problems))
        seconds = {side: statistics.median(s for run in runs for s in run["seconds"]) for side, runs in sides.items()}
        tokens = {side: statistics.mean(t for run in runs for t in run["tokens"]) for side, runs in sides.items()}
        per_token = {side: seconds[side] / tokens[side] for side in sides}
        ratios = [spent_per_token(trl) / spent_per_token(ours) for ours, trl in zip(*sides.values(), strict=True)]
        results[case] = {
            "seconds": seconds,
            "tokens": tokens,
            "ratio": per_token["trl"] / per_token["ours"],
            "ratio a step": seconds["trl"] / seconds["ours"],
            "ratios of repeats": ratios,
            "runs": sides,
        }
        print(
            f"{case:8} ours {seconds['ours']:.2f} s ({tokens['ours']:.0f})   TRL {seconds['trl']:.2f} s "
            f"({tokens['trl']:.0f})   {results[case]['ratio']:.2f}x per token and CPU second "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"requirements": REQUIREMENTS, "load": load, "cases": results}, indent=1) + "\n")


def spent_per_token(run: dict[str, list[float]]) -> float:
    """CPU seconds a token of one run."""
    return statistics.median(run["seconds"]) / statistics.mean(run["tokens"])


def measure_apart(side: str, case: str, model: Path, problems: Path) -> dict[str, list[float]]:
    """Figures of one side, measured in a fresh process of its own environment."""
    python = sys.executable if side == "ours" else str(ENVIRONMENT / "bin" / "python")
    arguments = ["--side", side, "--case", case, "--model", str(model), "--problems", str(problems)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [python, str(Path(__file__).resolve()), *arguments],
        cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def make_problems() -> list[dict[str, str]]:
    """Prompts and answers for all steps of a measurement."""
    from training.problems.arithmetic import generate

    count = PROMPTS * (WARM_UP + MEASURED)
    return [{"prompt": each.prompt, "answer": each.answer} for each in generate("middle", count, "train", 0)]


def lot(text: str) -> float:
    """A reward that has nothing to do with the answer: it splits nearly every group."""
    return float(zlib.crc32(text.encode()) % 2)


def measure_ours(model: Path, problems: list[dict[str, str]], case: str) -> dict[str, list[float]]:
    """CPU seconds and tokens of each measured step of ours."""
    from contextlib import ExitStack

    import torch

    from training.assembly import Parts, build_method
    from training.config import RunConfig
    from training.distributed import Processes
    from training.experience.records import group_event
    from training.experience.scoring import Scorer
    from training.experience.types import Rollout
    from training.methods.grpo import GrpoTraining
    from training.problems import Problem
    from training.recorder import Recorder
    from training.sources import Problems, load_folder

    torch.set_num_threads(1)
    equal = case == "equal"
    sampling = {
        "prompts_per_step": PROMPTS,
        "samples_per_prompt": SAMPLES,
        "max_tokens": EQUAL_TOKENS if equal else MAX_TOKENS,
    }
    config = RunConfig.model_validate(
        {
            "method": {"kind": "grpo", "sampling": sampling},
            "optimisation": {"learning_rate": RATE},
            "evaluation": {"every_steps": 0},
        }
    )
    train = [
        Problem(str(i), each["prompt"], each["answer"], None, "train", "middle") for i, each in enumerate(problems)
    ]
    seconds, tokens = [], []
    with ExitStack() as stack:
        parts = Parts.of(config, Problems(train, []), *load_folder(model, torch.device("cpu")), Recorder(), Processes())
        method = build_method(parts, stack)
        assert isinstance(method, GrpoTraining)
        if equal:
            parts.codec.stop_ids = ()
            settle = Scorer.settle

            def by_lot(self: Scorer, rollout: Rollout, verdict: Any) -> None:
                settle(self, rollout, verdict)
                rollout.reward = lot(rollout.text)

            Scorer.settle = by_lot  # type: ignore[method-assign]
        for step in range(1, WARM_UP + MEASURED + 1):
            began = time.process_time()
            outcome = method.step(step)
            for index, group in enumerate(outcome.groups):
                group_event(group, step, "train", index, parts.codec).model_dump_json()
            seconds.append(time.process_time() - began)
            tokens.append(outcome.metrics["tokens/step"])
    return {"seconds": seconds[WARM_UP:], "tokens": tokens[WARM_UP:]}


def measure_trl(model: Path, problems: list[dict[str, str]], case: str) -> dict[str, list[float]]:
    """CPU seconds and tokens of each measured step of TRL's."""
    import re

    import torch
    from datasets import Dataset  # type: ignore[import-not-found]
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    equal = case == "equal"
    longest = EQUAL_TOKENS if equal else MAX_TOKENS
    tokenizer = AutoTokenizer.from_pretrained(model)
    seconds: list[float] = []
    tokens: list[float] = []
    began = 0.0

    def reward(completions: list[Any], answer: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        tokens.append(sum(map(len, completion_ids)))
        texts = [completion[0]["content"] for completion in completions]
        if equal:
            return [lot(text) for text in texts]
        found = [re.findall(r"<answer>(.*?)</answer>", text) for text in texts]
        return [float(bool(f) and f[-1].strip() == a) for f, a in zip(found, answer, strict=True)]

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            nonlocal began
            began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.process_time() - began)

    config = GRPOConfig(
        output_dir=str(ROOT / ".cache" / "trl-out"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=PROMPTS * SAMPLES,
        num_generations=SAMPLES,
        max_completion_length=longest,
        generation_kwargs={"min_new_tokens": longest} if equal else None,
        temperature=1.0,
        top_k=0,
        beta=0.0,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        max_steps=WARM_UP + MEASURED,
        shuffle_dataset=False,
        optim="adamw_torch_fused",
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    rows = [{"prompt": [{"role": "user", "content": p["prompt"]}], "answer": p["answer"]} for p in problems]
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        processing_class=tokenizer,
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_list(rows),
        callbacks=[Clock()],
    )
    trainer.train()
    return {"seconds": seconds[WARM_UP:], "tokens": tokens[WARM_UP:]}


if __name__ == "__main__":
    main()
