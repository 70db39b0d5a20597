"""The engines that have to keep the contract, each over a tiny model whose plain forward is the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from tests.training.sampling.vllm_cases import HAS_VLLM, server_process, vllm_engine, vllm_process, vllm_server
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import StreamingEngine
from training.sampling.vllm_settings import CPU_BLOCK

VOCABULARY = 61
CONTEXT = 256
PREFIX_BYTES = 1 << 24


@dataclass(frozen=True)
class EngineCase:
    """An engine under test. `make(max_rows, keep_prefixes)` gives a fresh one that samples from `model`."""

    name: str
    model: Callable[[], PreTrainedModel]
    make: Callable[[int, bool], StreamingEngine]
    block: int = 0
    """Prefixes are shared in pieces of so many tokens; 0: all of a prompt by its samples, all but its last token else.
    """
    draws: int = 4000
    """For a test of frequencies."""

    def __str__(self) -> str:
        return self.name


SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
    # Wide enough for a distribution with likely and unlikely tokens.
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
GROUPED = {**SHAPE, "num_key_value_heads": 2, "intermediate_size": 48}
LLAMA3_ROTARY = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

CONFIGS: dict[str, PreTrainedConfig] = {
    "qwen2": Qwen2Config(**GROUPED, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**GROUPED, head_dim=16),
    "llama": LlamaConfig(**GROUPED, attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3_ROTARY),
    "mistral-sliding": MistralConfig(**GROUPED, sliding_window=8),
    "gpt-neox": GPTNeoXConfig(**SHAPE, intermediate_size=48),
    "gpt2": GPT2Config(**SHAPE),
    "vllm": Qwen3Config(**GROUPED, head_dim=32, tie_word_embeddings=True),  # the smallest heads that vLLM runs on CPUs
}


@cache
def tiny_model(name: str) -> PreTrainedModel:
    """A random model of one architecture, float32, no parameter of it zero. Shared: do not change it."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def torch_case(name: str) -> EngineCase:
    """The torch engine over one architecture."""

    def make(max_rows: int, keep_prefixes: bool) -> StreamingEngine:
        return TorchEngine(tiny_model(name), max_rows=max_rows, prefix_bytes=PREFIX_BYTES if keep_prefixes else 0)

    return EngineCase(f"torch-{name}", lambda: tiny_model(name), make)


def vllm_model() -> PreTrainedModel:
    """What vLLM is tested with."""
    return tiny_model("vllm")


def process_case() -> EngineCase:
    """vLLM in this process."""

    def make(max_rows: int, keep_prefixes: bool) -> StreamingEngine:
        server_process(vllm_model)  # starts meanwhile
        return vllm_engine(vllm_process(vllm_model), vllm_model, max_rows)

    return EngineCase("vllm-process", vllm_model, make, block=CPU_BLOCK)


def server_case() -> EngineCase:
    """A vLLM server."""

    def make(max_rows: int, keep_prefixes: bool) -> StreamingEngine:
        return vllm_engine(vllm_server(vllm_model), vllm_model, max_rows)

    return EngineCase("vllm-server", vllm_model, make, block=CPU_BLOCK, draws=1000)


TORCH_CASES = [torch_case(name) for name in CONFIGS if name != "vllm"]
CASES = [process_case(), server_case()] if HAS_VLLM else TORCH_CASES
STREAMING_CASES = CASES if HAS_VLLM else [case for case in CASES if case.name in ("torch-qwen2", "torch-gpt2")]
