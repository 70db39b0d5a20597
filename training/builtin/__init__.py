"""The small models that ship with the product, and the scripts that made them.

A shipped model is an ordinary Hugging Face folder; nothing that loads it needs to know that it is small.
"""

from pathlib import Path

MODEL_DIR: Path = Path(__file__).parent / "model"
"""The model of arithmetic: weights, configs, tokenizer, model card."""

TOOLS_MODEL_DIR: Path = Path(__file__).parent / "tools_model"
"""The same model, fine-tuned on the form of tool calls."""

MODEL_DIRS = {"arithmetic": MODEL_DIR, "tools": TOOLS_MODEL_DIR}
"""By what a config calls them."""
