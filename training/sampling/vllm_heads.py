"""Attention heads of sizes that vLLM cannot run on CPUs: the same model with wider heads, filled up with zeros.

What is added to queries, keys and values is zero and is not rotated, so attention and its output stay what they were;
queries are scaled, since vLLM divides by the root of the wider size. On GPUs no model needs this.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from training.sampling.decoder import Facts

SIZES_ON_CPUS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Sizes of heads for which vLLM 0.32 has kernels on CPUs."""

ALIKE = ("llama", "qwen2")
"""Kinds of models that differ in nothing but biases from what vLLM runs as Llama, whose heads may have any size."""

QUERIES, KEYS, VALUES, OUTPUT = "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"


def wide_heads(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says otherwise for vLLM on CPUs; empty for a model that it runs as it is, or not at all."""
    heads = int(config.get("num_attention_heads") or 0)
    if config.get("model_type") not in ALIKE or not heads:
        return {}
    size = int(config.get("head_dim") or config["hidden_size"] // heads)
    wider = next((known for known in SIZES_ON_CPUS if known >= size), size)
    if wider == size:
        return {}
    biased = config["model_type"] == "qwen2" or bool(config.get("attention_bias"))
    return {
        "architectures": ["LlamaForCausalLM"],
        "head_dim": wider,
        "partial_rotary_factor": size / wider,
        **({"qkv_bias": True} if biased else {}),
    }


def fitted(weights: Iterable[tuple[str, Tensor]], facts: Facts) -> Iterator[tuple[str, Tensor]]:
    """The weights with heads as wide as those of the model that `facts` tell of; mostly the weights as they are."""
    for name, value in weights:
        part = name.rpartition(".")[0]
        if not facts.head_size or not part.endswith((QUERIES, KEYS, VALUES, OUTPUT)):
            yield name, value
        elif part.endswith(OUTPUT):
            yield name, _wider(value.T, facts.heads, facts.head_size).T if name.endswith("weight") else value
        elif part.endswith(QUERIES):
            wider = _wider(value, facts.heads, facts.head_size)
            yield name, wider if wider is value else wider * (wider.shape[0] / value.shape[0]) ** 0.5
        else:
            yield name, _wider(value, facts.key_heads, facts.head_size)


def _wider(value: Tensor, heads: int, size: int) -> Tensor:
    """[heads * less, ...] -> [heads * size, ...]."""
    by_head = value.reshape(heads, -1, *value.shape[1:])
    missing = size - by_head.shape[1]
    if missing <= 0:
        return value
    after = [0, 0] * (value.dim() - 1)
    return nn.functional.pad(by_head, [*after, 0, missing]).flatten(0, 1)
