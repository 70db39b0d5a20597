"""Reads the size of a model off its folder: ``config.json`` and the headers of its weight files, never the weights."""

import json
import struct
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

LARGEST_HEADER = 100 * 2**20
"""Bytes; a safetensors file that claims a longer header is broken."""


class ShapeError(ValueError):
    """A folder whose model cannot be sized; the message says why."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The numbers that decide how much memory a transformer takes."""

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    """Width of the MLP."""
    query_size: int
    """Attention heads × head size."""
    key_size: int
    """Key/value heads × head size."""
    vocabulary: int
    context: int | None
    """Most tokens in a sequence; None when the config does not say."""


def read_shape(folder: Path) -> ModelShape:
    """Raises ShapeError when ``config.json`` is missing, is not JSON, or lacks what a transformer has."""
    config = _read_config(folder)
    try:
        heads = int(config["num_attention_heads"])
        head_size = int(config.get("head_dim") or config["hidden_size"] // heads)
        shape = ModelShape(
            parameters=0,
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            query_size=heads * head_size,
            key_size=int(config.get("num_key_value_heads") or heads) * head_size,
            vocabulary=int(config["vocab_size"]),
            context=config.get("max_position_embeddings"),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ShapeError(f"{folder / 'config.json'} does not describe a transformer (see {error})") from error
    tied = bool(config.get("tie_word_embeddings", False))
    return replace(shape, parameters=stored_parameters(folder) or counted_parameters(shape, tied))


def counted_parameters(shape: ModelShape, tied: bool) -> int:
    """Parameters of a dense decoder of this shape with a gated MLP, biases left out (well under 1 %)."""
    attention = 2 * shape.hidden * (shape.query_size + shape.key_size)
    layer = attention + 3 * shape.hidden * shape.intermediate + 2 * shape.hidden
    embeddings = shape.vocabulary * shape.hidden * (1 if tied else 2)
    return embeddings + shape.layers * layer + shape.hidden


def stored_parameters(folder: Path) -> int | None:
    """Numbers in the folder's safetensors files, from their headers; None without such files."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return None
    return sum(_parameters_in(path) for path in files)


def _parameters_in(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER:
                raise ShapeError(f"{path} is no safetensors file: its header would be {length:,} bytes long")
            header = json.loads(file.read(length))
        return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
        raise ShapeError(f"{path} is no readable safetensors file ({error}); download it again") from error


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ShapeError(f"{folder} has no config.json, so it is no Hugging Face model folder") from error
    except (OSError, ValueError) as error:
        raise ShapeError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ShapeError(f"{path} must hold a JSON object")
    text = config.get("text_config", config)  # models that see images keep their language part in here
    return text if isinstance(text, dict) else config
