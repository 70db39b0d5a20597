"""One PPO step, ours against TRL's experimental PPOTrainer: sample, score, four epochs; CPU seconds on one thread.

    python -m tests.benchmarks.grpo_vs_trl --setup      # once: an environment of its own for TRL, in .cache/trl-venv
    python -m tests.benchmarks.ppo_vs_trl --setup       # once: the last TRL that has PPO, beside it
    python -m tests.benchmarks.ppo_vs_trl               # three interleaved repeats, a line

Same policy and reward model (the built-in body), same prompts, one response to each, float32, KL paid in the reward,
four epochs of one mini-batch. Learning rates are next to nothing, so that both sides sample from the same policy at
every step. Both hold actor, critic, reference and reward model. Our figure includes verifying every answer and writing
every rollout with its token arrays as JSON; TRL's does neither.
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
LAST_WITH_PPO = ROOT / ".cache" / "trl-ppo"
REQUIREMENT = "trl==1.12.0"
JUDGE = ROOT / ".cache" / "ppo-vs-trl-judge"
PROMPTS, MAX_TOKENS, EPOCHS = 64, 96, 4
WARM_UP, MEASURED = 1, 3
RATE = 1e-12


def main() -> None:
    """Set up, or compare, or (in a child process) measure one side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", action="store_true", help="install the last TRL that has PPO")
    parser.add_argument("--model", type=Path, default=ROOT / "training" / "builtin" / "model")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--side", choices=["ours", "trl"], help=argparse.SUPPRESS)
    parser.add_argument("--problems", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.setup:
        pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--no-deps", "--target", LAST_WITH_PPO, REQUIREMENT]
        subprocess.run(pip, check=True)
    elif options.side:
        measure = measure_ours if options.side == "ours" else measure_trl
        print(json.dumps(measure(options.model, json.loads(options.problems.read_text()))))
    else:
        compare(options.model, options.repeats, options.out)


def compare(model: Path, repeats: int, out: Path | None) -> None:
    """Measure both sides in turn and print a line."""
    if not (LAST_WITH_PPO / "trl").is_dir():
        sys.exit("TRL's PPO is missing; install it with --setup, here and in grpo_vs_trl")
    make_judge(model)
    problems = ROOT / ".cache" / "ppo-vs-trl-problems.json"
    problems.write_text(json.dumps(make_problems()))
    sides: dict[str, list[dict[str, list[float]]]] = {"ours": [], "trl": []}
    load = os.getloadavg()[0]
    for _ in range(repeats):
        for side, runs in sides.items():
            runs.append(measure_apart(side, model, problems))
    seconds = {side: statistics.median(s for run in runs for s in run["seconds"]) for side, runs in sides.items()}
    tokens = {side: statistics.mean(t for run in runs for t in run["tokens"]) for side, runs in sides.items()}
    ratio = (seconds["trl"] / tokens["trl"]) / (seconds["ours"] / tokens["ours"])
    print(
        f"{PROMPTS} prompts, {EPOCHS} epochs, one thread, CPU seconds a step (tokens a step), load {load:.1f}:  "
        f"ours {seconds['ours']:.2f} s ({tokens['ours']:.0f})   TRL {seconds['trl']:.2f} s ({tokens['trl']:.0f})   "
        f"{ratio:.2f}x per token and CPU second"
    )
    if out:
        out.write_text(json.dumps({"seconds": seconds, "tokens": tokens, "ratio": ratio, "runs": sides}, indent=1))


def measure_apart(side: str, model: Path, problems: Path) -> dict[str, list[float]]:
    """Figures of one side, measured in a fresh process of its own environment."""
    python, path = (sys.executable, str(ROOT))
    if side == "trl":
        python, path = str(ENVIRONMENT / "bin" / "python"), f"{LAST_WITH_PPO}:{ROOT}"
    arguments = ["--side", side, "--model", str(model), "--problems", str(problems)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [python, str(Path(__file__).resolve()), *arguments],
        cwd=ROOT, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True,
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


def make_judge(model: Path) -> None:
    """A reward model of the policy's body with an untrained head."""
    import torch

    from training.reward_model import RewardModel
    from training.sources import load_folder

    policy, tokenizer = load_folder(model, torch.device("cpu"))
    RewardModel.from_policy(policy).save(JUDGE)
    tokenizer.save_pretrained(JUDGE)


def measure_ours(model: Path, problems: list[dict[str, str]]) -> dict[str, list[float]]:
    """CPU seconds and tokens of each measured step of ours."""
    from contextlib import ExitStack

    import torch

    from training.assembly import Parts, build_method
    from training.config import RunConfig
    from training.distributed import Processes
    from training.experience.records import group_event
    from training.problems import Problem
    from training.recorder import Recorder
    from training.sources import Problems, load_folder

    torch.set_num_threads(1)
    method = {
        "kind": "ppo",
        "sampling": {"prompts_per_step": PROMPTS, "samples_per_prompt": 1, "max_tokens": MAX_TOKENS},
        "reward": {"accuracy": 0.0, "learned": {"model": {"kind": "local", "path": str(JUDGE)}}},
        "epochs": EPOCHS,
        "critic": {"learning_rate": RATE},
    }
    config = RunConfig.model_validate(
        {"method": method, "optimisation": {"learning_rate": RATE}, "evaluation": {"every_steps": 0}}
    )
    train = [
        Problem(str(i), each["prompt"], each["answer"], None, "train", "middle") for i, each in enumerate(problems)
    ]
    seconds, tokens = [], []
    with ExitStack() as stack:
        parts = Parts.of(config, Problems(train, []), *load_folder(model, torch.device("cpu")), Recorder(), Processes())
        training = build_method(parts, stack)
        for step in range(1, WARM_UP + MEASURED + 1):
            began = time.process_time()
            outcome = training.step(step)
            for index, group in enumerate(outcome.groups):
                group_event(group, step, "train", index, parts.codec).model_dump_json()
            seconds.append(time.process_time() - began)
            tokens.append(outcome.metrics["tokens/step"])
    return {"seconds": seconds[WARM_UP:], "tokens": tokens[WARM_UP:]}


def measure_trl(model: Path, problems: list[dict[str, str]]) -> dict[str, list[float]]:
    """CPU seconds and tokens of each measured step of TRL's."""
    import torch
    import trl.experimental.ppo.ppo_trainer as ppo  # type: ignore[import-not-found]
    from datasets import Dataset  # type: ignore[import-not-found]
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    seconds: list[float] = []
    tokens: list[float] = []
    began = 0.0
    generate = ppo.batch_generation

    def counted(policy: Any, queries: Any, *others: Any) -> Any:
        found = generate(policy, queries, *others)
        tokens.append(int((found[0][:, queries.shape[1] :] != tokenizer.pad_token_id).sum()))
        return found

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            nonlocal began
            began = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            nonlocal began
            seconds.append(time.process_time() - began)
            began = time.process_time()

    ppo.batch_generation = counted
    rows = []
    for each in problems:
        chat = [{"role": "user", "content": each["prompt"]}]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        rows.append({"input_ids": tokenizer(text, add_special_tokens=False)["input_ids"]})
    trainer = ppo.PPOTrainer(
        args=_settings(ppo.PPOConfig),
        processing_class=tokenizer,
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        ref_model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        reward_model=AutoModelForSequenceClassification.from_pretrained(JUDGE, dtype=torch.float32),
        value_model=AutoModelForSequenceClassification.from_pretrained(JUDGE, dtype=torch.float32),
        train_dataset=Dataset.from_list(rows),
        callbacks=[Clock()],
    )
    trainer.train()
    return {"seconds": seconds[WARM_UP:], "tokens": tokens[WARM_UP:]}


def _settings(config: Any) -> Any:
    """TRL's, the same as ours."""
    return config(
        output_dir=str(ROOT / ".cache" / "trl-out"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=PROMPTS,
        gradient_accumulation_steps=1,
        num_mini_batches=1,
        num_ppo_epochs=EPOCHS,
        local_rollout_forward_batch_size=PROMPTS,
        response_length=MAX_TOKENS,
        stop_token="eos",
        temperature=1.0,
        kl_coef=0.05,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        total_episodes=PROMPTS * (WARM_UP + MEASURED),
        num_sample_generations=0,
        optim="adamw_torch_fused",
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )


if __name__ == "__main__":
    main()
