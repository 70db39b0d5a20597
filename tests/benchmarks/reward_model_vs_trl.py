"""One step of a reward model on rankings of eight, ours against TRL's RewardTrainer; CPU seconds on one thread.

    make trl-env                                        # once: an environment of its own for TRL
    python -m tests.benchmarks.reward_model_vs_trl      # interleaved repeats, a table

Both sides make the same update of the built-in model's body with a head of one output: the same prompts, the same 28
comparisons of each, float32. TRL takes pairs, so it reads each response seven times, with its prompt, padded. Ours
reads each response once, and a prompt once for all its responses. No centering, no ties, no margins.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".cache" / "trl-venv"
PROMPTS, RESPONSES = 4, 8
PAIRS = RESPONSES * (RESPONSES - 1) // 2
WARM_UP, MEASURED = 1, 3
RATE = 1e-12


def main() -> None:
    """Compare, or (in a child process) measure one side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "training" / "builtin" / "model")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=["ours", "trl"], help=argparse.SUPPRESS)
    parser.add_argument("--items", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        items = json.loads(options.items.read_text())
        print(json.dumps((measure_ours if options.side == "ours" else measure_trl)(options.model, items)))
    else:
        compare(options.model, options.repeats)


def compare(model: Path, repeats: int) -> None:
    """Measure both sides in turn and print a table."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        sys.exit("TRL's environment is missing; create it with: make trl-env")
    items = ROOT / ".cache" / "reward-model-vs-trl-items.json"
    items.write_text(json.dumps(make_items(model)))
    sides: dict[str, list[dict[str, list[float]]]] = {"ours": [], "trl": []}
    for _ in range(repeats):
        for side, runs in sides.items():
            runs.append(measure_apart(side, model, items))
    seconds = {side: statistics.median(s for run in runs for s in run["seconds"]) for side, runs in sides.items()}
    losses = {side: runs[0]["losses"][0] for side, runs in sides.items()}
    ratios = [
        statistics.median(theirs["seconds"]) / statistics.median(ours["seconds"])
        for ours, theirs in zip(sides["ours"], sides["trl"], strict=True)
    ]
    print(
        f"{PROMPTS} prompts x {RESPONSES} responses = {PROMPTS * PAIRS} pairs a step, one thread, "
        f"CPU seconds a step, load {os.getloadavg()[0]:.1f}"
    )
    print(f"ours {seconds['ours']:.2f} s   TRL {seconds['trl']:.2f} s   {seconds['trl'] / seconds['ours']:.1f}x "
          f"({min(ratios):.1f} to {max(ratios):.1f} over {repeats} repeats)")  # fmt: skip
    print(f"loss of the first step: ours {losses['ours']:.4f}, TRL {losses['trl']:.4f} (other heads, drawn anew)")


def measure_apart(side: str, model: Path, items: Path) -> dict[str, list[float]]:
    """Figures of one side, measured in a fresh process of its own environment."""
    python = sys.executable if side == "ours" else str(ENVIRONMENT / "bin" / "python")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [python, str(Path(__file__).resolve()), "--side", side, "--model", str(model), "--items", str(items)],
        cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def make_items(model: Path) -> list[dict[str, Any]]:
    """Prompts and responses for all steps, as token ids too; the first response is the best, and so on."""
    import random

    from transformers import AutoTokenizer

    from training.builtin.styles import Mixture, respond
    from training.codec import Codec
    from training.config import PromptConfig
    from training.problems.arithmetic import generate, parse

    tokenizer = AutoTokenizer.from_pretrained(model)
    codec = Codec(tokenizer, PromptConfig(), [tokenizer.eos_token_id])
    rng, mixture, made = random.Random(0), Mixture(guess=0.2, checked=0.4, guess_right=0.5), []
    for problem in generate("middle", 20 * PROMPTS * (WARM_UP + MEASURED), "train", 0):
        expression = parse(problem.meta["expression"])
        drawn = (respond(expression, mixture.draw(rng), mixture, rng) for _ in range(40))
        texts = list(dict.fromkeys(drawn))[:RESPONSES]
        if len(texts) == RESPONSES:
            ids = [codec.response_ids(text) for text in texts]
            made.append({"prompt": problem.prompt, "responses": texts, "ids": ids,
                         "prompt_ids": codec.prompt_ids(problem.prompt)})  # fmt: skip
    return made[: PROMPTS * (WARM_UP + MEASURED)]


def measure_ours(model: Path, items: list[dict[str, Any]]) -> dict[str, list[float]]:
    """CPU seconds and loss of each measured step of ours."""
    import tempfile

    import torch

    from training.assembly import RewardParts, build_reward_model
    from training.config import RunConfig
    from training.distributed import Processes
    from training.recorder import Recorder
    from training.sources import Problems
    from training.start import new_reward_model

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        labels = [
            {"prompt": item["prompt"], "responses": item["responses"], "ranks": list(range(RESPONSES))}
            for item in items
        ]
        (Path(folder) / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
        method = {"kind": "reward_model", "rankings": {"kind": "file", "path": "labels.jsonl"}, "heldout_share": 0,
                  "rankings_per_step": PROMPTS, "centering": 0, "shift": "none"}  # fmt: skip
        source = {"kind": "local", "path": str(model)}
        config = RunConfig.model_validate({"model": source, "method": method, "optimisation": {"learning_rate": RATE}})
        rewarding = new_reward_model(config, torch.device("cpu"))
        parts = RewardParts.of(config, Problems([], []), *rewarding, Recorder(), Processes(), Path(folder))
        training = build_reward_model(parts)
        seconds, losses = [], []
        for step in range(1, WARM_UP + MEASURED + 1):
            began = time.process_time()
            losses.append(training.step(step).metrics["optim/loss"])
            seconds.append(time.process_time() - began)
    return {"seconds": seconds[WARM_UP:], "losses": losses}


def measure_trl(model: Path, items: list[dict[str, Any]]) -> dict[str, list[float]]:
    """CPU seconds and loss of each measured step of TRL's."""
    import torch
    from datasets import Dataset  # type: ignore[import-not-found]
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
    from trl import RewardConfig, RewardTrainer  # type: ignore[import-not-found]

    torch.set_num_threads(1)
    seconds: list[float] = []
    losses: list[float] = []
    began = 0.0

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            nonlocal began
            began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.process_time() - began)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            losses.append((logs or {}).get("loss", float("nan")))

    rows = [
        {
            "chosen_ids": item["prompt_ids"] + item["ids"][better],
            "rejected_ids": item["prompt_ids"] + item["ids"][worse],
        }
        for item in items
        for better in range(RESPONSES)
        for worse in range(better + 1, RESPONSES)
    ]
    config = RewardConfig(
        output_dir=str(ROOT / ".cache" / "trl-out"), use_cpu=True, bf16=False, gradient_checkpointing=False,
        per_device_train_batch_size=PROMPTS * PAIRS, learning_rate=RATE, lr_scheduler_type="constant",
        max_steps=WARM_UP + MEASURED, optim="adamw_torch_fused", report_to="none", save_strategy="no",
        logging_strategy="steps", logging_steps=1, disable_tqdm=True, max_length=None,
    )  # fmt: skip
    classifier = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1, dtype=torch.float32)
    trainer = RewardTrainer(
        model=classifier, args=config, processing_class=AutoTokenizer.from_pretrained(model),
        train_dataset=Dataset.from_list(rows), callbacks=[Clock()],
    )  # fmt: skip
    trainer.train()
    return {"seconds": seconds[WARM_UP:], "losses": losses}


if __name__ == "__main__":
    main()
