"""The small model that ships with the product, and the scripts that made it.

`MODEL_DIR` is an ordinary Hugging Face folder; nothing that loads it needs to know that it is small.
"""

from pathlib import Path

MODEL_DIR: Path = Path(__file__).parent / "model"
"""Folder of the shipped checkpoint: weights, configs, tokenizer, model card."""
