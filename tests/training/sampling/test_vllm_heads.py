"""Heads wider than a model's own change nothing that its attention says."""

import json
import math

import pytest
import torch

from tests.training.sampling.cases import tiny_model
from training.builtin import MODEL_DIR
from training.sampling.decoder import Facts
from training.sampling.vllm_heads import fitted, wide_heads
from training.sampling.vllm_launch import parser, serve_arguments

WIDE = Facts(vocabulary=61, context=256, capacity_tokens=1000, block=32, heads=4, key_heads=2, head_size=32)


def test_the_built_in_model_gets_the_next_size() -> None:
    config = json.loads((MODEL_DIR / "config.json").read_text())
    assert wide_heads(config) == {
        "architectures": ["LlamaForCausalLM"],
        "head_dim": 64,
        "partial_rotary_factor": 40 / 64,
        "qkv_bias": True,
    }


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "qwen2", "hidden_size": 256, "num_attention_heads": 4},
        {"model_type": "llama", "hidden_size": 256, "num_attention_heads": 2, "head_dim": 80},
        {"model_type": "qwen3", "hidden_size": 160, "num_attention_heads": 4},  # norms over heads
        {"model_type": "llama", "hidden_size": 2048, "num_attention_heads": 2},  # larger than any
        {"model_type": "mamba"},
    ],
)
def test_other_models_stay_as_they_are(config: dict[str, object]) -> None:
    assert wide_heads(config) == {}


def test_biases_stay_where_a_model_has_them() -> None:
    plain = {"model_type": "llama", "hidden_size": 96, "num_attention_heads": 4}
    assert "qkv_bias" not in wide_heads(plain)
    assert wide_heads({**plain, "attention_bias": True})["qkv_bias"] is True


def test_scores_and_outputs_are_the_same() -> None:
    model = tiny_model("qwen2")  # heads of 8, four of queries and two of keys
    wide = dict(fitted(model.named_parameters(), WIDE))
    own = dict(model.named_parameters())
    layer, hidden = "model.layers.1.self_attn", torch.randn(5, 32)
    assert wide.keys() == own.keys()

    def heads(weights: dict[str, torch.Tensor], part: str, count: int) -> torch.Tensor:
        name = f"{layer}.{part}_proj"
        return (hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]).view(5, count, -1)

    for number in range(4):
        scores = [
            heads(weights, "q", 4)[:, number] @ heads(weights, "k", 2)[:, number // 2].T / math.sqrt(size)
            for weights, size in ((own, 8), (wide, 32))
        ]
        torch.testing.assert_close(*scores)
    values = [heads(weights, "v", 2).repeat_interleave(2, 1).flatten(1) for weights in (own, wide)]
    outputs = [of @ weights[f"{layer}.o_proj.weight"].T for of, weights in zip(values, (own, wide), strict=True)]
    torch.testing.assert_close(*outputs)


def test_weights_that_fit_are_not_copied() -> None:
    model = tiny_model("qwen2")
    facts = Facts(vocabulary=61, context=256, capacity_tokens=1000, block=32, heads=4, key_heads=2, head_size=8)
    for given, (name, value) in zip(fitted(model.named_parameters(), facts), model.named_parameters(), strict=True):
        assert given[0] == name
        assert torch.equal(given[1], value)
        assert given[1].data_ptr() == value.data_ptr()


@pytest.mark.parametrize(("on", "wider"), [(["--cpu"], 64), ([], None)])
def test_a_server_is_told_only_on_cpus(on: list[str], wider: int | None) -> None:
    said = serve_arguments(parser().parse_args([str(MODEL_DIR), *on]))
    other = json.loads(said[said.index("--hf-overrides") + 1])
    assert other.get("head_dim") == wider
    assert other["tie_word_embeddings"] is False
