"""How vLLM is started and asked, here and as a server alike, so that both keep the same contract."""

import copy
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from training.sampling.decoder import Order
from training.sampling.types import FinishReason

CPU_BLOCK = 32
"""Smallest block of vLLM's attention on CPUs."""
BATCHED_TOKENS = 8192
"""Most prompt tokens of one pass, or one sequence of the whole context where that is longer."""

ENVIRONMENT = {
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # the one into whose sampler `vllm_worker` reaches
    "VLLM_NO_USAGE_STATS": "1",
}

SAMPLING = {
    "skip_tokenizer_init": True,
    "logprobs_mode": "processed_logprobs",
    "enable_prefix_caching": True,
    # A prompt that runs in pieces makes vLLM turn back the random numbers of its sample, which it can on GPUs only.
    "enable_chunked_prefill": False,
}
"""What every vLLM is started with, here and as a server."""


def save_config(model: PreTrainedModel, folder: Path) -> None:
    """Write what vLLM builds the model from: its head by itself, since vLLM leaves a tied one behind on updates."""
    config = copy.deepcopy(model.config)
    config.architectures = config.architectures or [type(model).__name__]
    config.get_text_config().tie_word_embeddings = config.tie_word_embeddings = False
    config.save_pretrained(folder)


def wire_params(order: Order) -> dict[str, Any]:
    """An order as keyword arguments of vLLM's SamplingParams."""
    params = order.params
    return {
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": params.top_k,
        "stop_token_ids": list(params.stop_ids),
        "ignore_eos": True,  # only `stop_ids` end a sample
        "seed": order.seed,
        "logprobs": 2,  # the drawn token's and the entropy: see `vllm_worker`
        "flat_logprobs": True,
        "detokenize": False,
    }


def finish_reason_of(said: str | None) -> FinishReason | None:
    """vLLM's reason in the words of `Completion`."""
    if said is None or said in ("stop", "length"):
        return said  # type: ignore[return-value]
    return "abort"
