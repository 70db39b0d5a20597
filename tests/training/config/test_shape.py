"""A model's size is read off its folder without loading it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from training.builtin import MODEL_DIR
from training.config.shape import ShapeError, read_shape, stored_parameters

SMALL: dict[str, Any] = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128,
}  # fmt: skip


def test_the_built_in_model_is_counted_to_the_last_parameter() -> None:
    shape = read_shape(MODEL_DIR)
    assert shape.parameters == AutoModelForCausalLM.from_pretrained(MODEL_DIR).num_parameters()
    assert (shape.layers, shape.hidden, shape.query_size, shape.key_size) == (4, 160, 160, 80)
    assert (shape.vocabulary, shape.context) == (512, 2048)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("cls", [LlamaForCausalLM, Qwen3ForCausalLM])
def test_without_weights_it_counts_by_arithmetic(tmp_path: Path, cls: Any, tied: bool) -> None:
    config = {LlamaForCausalLM: LlamaConfig, Qwen3ForCausalLM: Qwen3Config}[cls]
    own = {"head_dim": 8} if config is Qwen3Config else {}
    model = cls(config(**SMALL, **own, tie_word_embeddings=tied))
    model.config.save_pretrained(tmp_path)
    assert stored_parameters(tmp_path) is None
    assert read_shape(tmp_path).parameters == pytest.approx(model.num_parameters(), rel=0.01)


def test_it_adds_up_the_shards_of_a_large_model(tmp_path: Path) -> None:
    model = LlamaForCausalLM(LlamaConfig(**SMALL))
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert read_shape(tmp_path).parameters == model.num_parameters()


def test_it_looks_into_the_text_part_of_a_model_that_sees(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"text_config": SMALL, "vision_config": {}}))
    assert read_shape(tmp_path).hidden == 32


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("other.json", b"{}", "no config.json"),
        ("config.json", b"{", "cannot be read"),
        ("config.json", b"[]", "must hold a JSON object"),
        ("config.json", b'{"hidden_size": 8}', "does not describe a transformer"),
    ],
)
def test_it_says_what_is_wrong_with_a_folder(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ShapeError, match=words):
        read_shape(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, b"\x02\x00\x00\x00\x00\x00\x00\x00{]"])
def test_a_broken_weight_file_is_an_error_not_a_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ShapeError, match=r"model\.safetensors"):
        read_shape(tmp_path)


def test_it_never_reads_the_weights(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}}).encode()
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert read_shape(tmp_path).parameters == 2**40
    assert torch.iinfo(torch.int64).max > 2**40
