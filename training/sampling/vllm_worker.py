"""What is put into vLLM's workers: beside the log-prob of each token they tell the entropy of its distribution.

vLLM tells the log-prob of the token it drew and those of the likeliest, never the entropy; of a large vocabulary all
log-probs would be too much to carry, and the likeliest alone only bound it. Here, where all log-probs still are, the
entropy is computed exactly, and travels in the place of the likeliest token's log-prob, under an id next to the drawn
one's. It is of the distribution drawn from, since vLLM is started with `logprobs_mode="processed_logprobs"`.

A server takes this in as `--worker-extension-cls training.sampling.vllm_worker.EntropyExtension`.
"""

from collections import deque
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from training.sampling.weight_stream import address_towards, join, visit_store


class EntropyExtension:
    """Methods that a worker of vLLM gets, for `collective_rpc`."""

    def report_entropies(self) -> dict[str, int]:
        """Begin to tell entropies; saying so twice changes nothing. Returns the facts of the model."""
        return report_entropies(self)

    def take_weights(self, path: str) -> None:
        """Go on with the weights of a safetensors file."""
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            worker: Any = self
            worker.reload_weights(weights_iterator=((name, file.get_tensor(name)) for name in names))

    def device_kind(self) -> str:
        """Whether it is a GPU ("cuda") that this worker decodes on."""
        worker: Any = self
        return str(worker.device.type)

    def open_stream(self, address: str, port: int, count: int, nccl: bool) -> None:
        """Meet the trainer, which hosts a store at `address`, and the other workers: `count` of all together."""
        worker: Any = self
        device = worker.device if nccl else torch.device("cpu")
        here = address_towards(address, port)
        if (before := getattr(worker, "weight_stream", None)) is not None:
            before.close()  # with NCCL it would keep memory of the GPU
        worker.weight_stream = join(visit_store(address, port), worker.rank + 1, count, device, here)

    def take_stream(self) -> None:
        """Go on with the weights that the trainer sends."""
        worker: Any = self
        weights = worker.weight_stream.receive()
        try:
            worker.reload_weights(weights_iterator=weights)
        finally:
            deque(weights, maxlen=0)  # what could not be taken; the trainer would wait for it


def report_entropies(worker: Any) -> dict[str, int]:
    """Have a worker tell entropies. Returns its vocabulary, context, tokens of capacity, and tokens of a block.

    Raises RuntimeError where it samples in another way than is known here.
    """
    sampler = getattr(worker.model_runner, "sampler", None)
    if sampler is None or not hasattr(sampler, "gather_logprobs"):
        raise RuntimeError("this vLLM samples in an unknown way; start it with VLLM_USE_V2_MODEL_RUNNER=0")
    sampler.gather_logprobs = gather_with_entropies
    config = worker.vllm_config
    cache, parts = config.cache_config, config.parallel_config
    # One block is never given out; with several devices that split a model each has the same blocks of its share.
    blocks = int(cache.num_gpu_blocks or worker.model_runner.kv_cache_config.num_blocks) - 1
    return {
        "vocabulary": int(config.model_config.get_vocab_size()),
        "context": int(config.model_config.max_model_len),
        "capacity_tokens": blocks * int(cache.block_size) * int(getattr(parts, "decode_context_parallel_size", 1)),
        "block": int(cache.block_size),
        "heads": int(config.model_config.model_arch_config.total_num_attention_heads),
        "key_heads": int(config.model_config.get_total_num_kv_heads()),
        "head_size": int(config.model_config.get_head_size()),
    }


def gather_with_entropies(logprobs: Tensor, num_logprobs: int, token_ids: Tensor) -> Any:
    """In place of vLLM's `Sampler.gather_logprobs`: of log-probs [B, V] those of `token_ids` [B], and entropies.

    Returns `LogprobsTensors` of two columns: the drawn token with its log-prob, then the entropy in nats. Ranks, which
    cost a pass over the vocabulary, are 0.
    """
    from vllm.v1.outputs import LogprobsTensors

    drawn = token_ids.unsqueeze(-1)
    entropies = torch.special.entr(logprobs.exp()).sum(-1, keepdim=True)
    other = (drawn + 1) % logprobs.shape[-1]
    return LogprobsTensors(
        torch.cat((drawn, other), 1).to(torch.int32),
        torch.cat((logprobs.gather(-1, drawn), entropies), 1),
        torch.zeros_like(token_ids, dtype=torch.int32),
    )
