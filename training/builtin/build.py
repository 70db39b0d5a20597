"""Build the shipped model from nothing: `python -m training.builtin.build --out DIR --seed 0`.

Tokenizer, random weights, training, measurement and model card; the same seed, number of threads and torch version give
the same weights.
"""

import argparse
import logging
import time
from pathlib import Path

import torch

from training.builtin.card import write_card
from training.builtin.measure import Measurement, measure
from training.builtin.pretrain import Plan, Stage, new_model, pretrain, training_problems
from training.builtin.styles import Mixture
from training.builtin.tokenizer import build_tokenizer
from training.problems.arithmetic import LEVELS, generate

logger = logging.getLogger(__name__)

PLAN = Plan(
    stages=(
        Stage(steps=1250, mixture=Mixture(guess=0.35, checked=0.13, guess_right=0.1)),
        Stage(steps=250, mixture=Mixture(guess=0.7, checked=0.08, guess_right=0.1)),
    ),
    pool={"single": 10_000, "easy": 12_000, "middle": 35_000, "bridge": 20_000, "long": 3_000},
)

MEASURED_PROBLEMS = 200
MEASURED_SAMPLES = 64
MAX_TOKENS = 128
TEXTS_FOR_TOKENIZER = 500


def build(out: Path, seed: int, plan: Plan = PLAN, measured_problems: int = MEASURED_PROBLEMS) -> list[Measurement]:
    """Write the model folder `out` and return what was measured on each level's held-out problems."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer([p.prompt for p in generate("middle", TEXTS_FOR_TOKENIZER, "train", seed)])
    model = new_model(tokenizer)
    started = time.monotonic()
    pretrain(model, tokenizer, training_problems(plan, seed), plan, seed)
    minutes = (time.monotonic() - started) / 60
    logger.info("trained for %.1f minutes, measuring", minutes)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    measurements = [
        measure(
            model,
            tokenizer,
            generate(level, measured_problems, "heldout", seed),
            samples=MEASURED_SAMPLES,
            max_tokens=MAX_TOKENS,
            seed=seed,
        )
        for level in LEVELS
    ]
    write_card(out / "README.md", model, tokenizer, plan, measurements, seed=seed, minutes=minutes)
    return measurements


def main() -> None:
    """Command line of the build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; made when missing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="threads of the arithmetic; part of the recipe")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for measurement in build(arguments.out, arguments.seed):
        logger.info("%s", measurement)


if __name__ == "__main__":
    main()
