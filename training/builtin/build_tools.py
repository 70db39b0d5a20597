"""Build the shipped model for tools out of the other: `python -m training.builtin.build_tools --out DIR`.

It is what the preset Tool format makes, with its weights rounded to bfloat16, so that it takes half the room. Whoever
wants more of it, or has another model, runs the preset.
"""

import argparse
import logging
import shutil
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from training.builtin import MODEL_DIR
from training.builtin.tools_card import measure, write_card
from training.checkpoints import CheckpointFolder
from training.config import RunConfig
from training.config.presets import TOOL_FORMAT
from training.run import run

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Those of the other model, byte for byte: the vocabulary is the same."""
MEASURED = 100, 8
"""Held-out problems, and samples of each."""


def build(out: Path, config: RunConfig) -> None:
    """Train what the config says, and write the model folder `out` with what was measured."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run(config, Path(folder))
        checkpoints = CheckpointFolder(Path(folder) / "checkpoints")
        newest = checkpoints.newest()
        assert newest is not None, "the last step is always saved"
        model = AutoModelForCausalLM.from_pretrained(checkpoints.of(newest), dtype=torch.bfloat16)
        model.save_pretrained(out)
    for name in TOKENIZER_FILES:
        shutil.copyfile(MODEL_DIR / name, out / name)
    minutes = (time.monotonic() - began) / 60
    write_card(out / "README.md", config, measure(out, *MEASURED), MEASURED, minutes)


def main() -> None:
    """Command line of the build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder to write; made when missing")
    parser.add_argument("--threads", type=int, default=1, help="threads of the arithmetic; part of the recipe")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = TOOL_FORMAT.config
    changes = {
        "hardware": recipe.hardware.model_copy(update={"threads": arguments.threads, "device": "cpu"}),
        "evaluation": recipe.evaluation.model_copy(update={"every_steps": 0}),
    }
    build(arguments.out, recipe.model_copy(update=changes))


if __name__ == "__main__":
    main()
