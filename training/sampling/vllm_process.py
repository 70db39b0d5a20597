"""vLLM in this process: it decodes beside the trainer and takes new weights from its memory, without files."""

import os
import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.sampling.decoder import Facts, Order, Progress
from training.sampling.types import SamplingParams
from training.sampling.vllm_heads import wide_heads
from training.sampling.vllm_settings import (
    BATCHED_TOKENS,
    CPU_BLOCK,
    ENVIRONMENT,
    SAMPLING,
    finish_reason_of,
    save_config,
    wire_params,
)
from training.sampling.vllm_worker import report_entropies

QUIET = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
"""Unless the environment says otherwise; threads are not bound to cores, which they share with the trainer."""


class VllmMissingError(RuntimeError):
    """vLLM is not installed, or cannot run this model here."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What vLLM may take."""

    kv_bytes: int = 0
    """For keys and values; 0 takes what is left of `share`."""
    share: float = 0.4
    """Of a GPU's memory, for weights, activations, keys and values."""


class VllmProcess:
    """See `Decoder`. Begins without weights: they must be loaded before anything is decoded.

    `model` tells the architecture only; `dtype` is the precision to sample in, `context` the longest sequence where the
    model allows more. With `several`, other processes of the run do the same, each on its device. Raises
    VllmMissingError.
    """

    tenant: object = None
    """Whose weights it has: see `vllm_tenant`."""

    def __init__(
        self,
        model: PreTrainedModel,
        dtype: str,
        memory: Memory,
        max_rows: int = 256,
        context: int | None = None,
        several: bool = False,
    ) -> None:
        self._engine = _started(model, dtype, memory, max_rows, context, several)
        [found] = self._engine.collective_rpc(report_entropies)
        self._facts = Facts(**found)
        self._try_out()
        self._sleeps = bool(self._engine.model_config.enable_sleep_mode)
        self._asleep = False
        self._loaded = False

    def _try_out(self) -> None:
        """Decode one token, with whatever weights: some models start and cannot run."""
        params = SamplingParams(n=1, max_tokens=1, temperature=0.0, stop_ids=(), seed=0)
        try:
            self.add(Order(-1, (0,), params, 0, "trial"))
            while not any(progress.finish_reason for progress in self.step()):
                pass
        except (ValueError, RuntimeError) as error:
            raise VllmMissingError(f"vLLM cannot run this model here: {error}") from error

    @property
    def facts(self) -> Facts:
        """See `Decoder`."""
        return self._facts

    def prepare(self) -> bool:
        """See `Decoder`."""
        return self._loaded

    def add(self, order: Order) -> None:
        """See `Decoder`."""
        prompt = {"prompt_token_ids": list(order.prompt), "cache_salt": order.salt}
        self._engine.add_request(str(order.key), prompt, _sampling_params(order))

    def step(self) -> list[Progress]:
        """See `Decoder`: one pass of the model."""
        with torch.random.fork_rng(devices=[]):  # vLLM draws from torch's common generator too
            return [_progress(output) for output in self._engine.step()]

    def abort(self, keys: Sequence[int]) -> None:
        """See `Decoder`."""
        self._engine.abort_request([str(key) for key in keys])

    def load(self, version: int, weights: Iterable[tuple[str, Tensor]]) -> None:
        """See `Decoder`. After a rest the memory of weights comes back first, that of keys and values after loading."""
        if self._asleep:
            self._engine.wake_up(["weights"])
        self._loaded = False  # should loading fail halfway
        try:
            self._engine.collective_rpc("reload_weights", kwargs={"weights_iterator": iter(weights)})
        except (KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"vLLM's model has no place for a weight: {error}; it is of another kind") from error
        if self._asleep:
            self._engine.wake_up(["kv_cache"])
            self._asleep = False
        self._engine.reset_prefix_cache()
        self._loaded = True

    def rest(self) -> None:
        """See `Decoder`: on CPUs vLLM cannot give anything back, and nothing is done."""
        if self._sleeps and not self._asleep:
            self._engine.sleep(level=2)  # weights are dropped: the trainer has them
            self._asleep, self._loaded = True, False

    def close(self) -> None:
        """End it, and all process groups of torch's with it."""
        self._engine.engine_core.shutdown()


def _started(
    model: PreTrainedModel, dtype: str, memory: Memory, max_rows: int, context: int | None, several: bool
) -> Any:
    os.environ |= ENVIRONMENT | {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from vllm import EngineArgs, LLMEngine
        from vllm.platforms import current_platform
    except ImportError as error:
        raise VllmMissingError(f"vLLM cannot be loaded ({error}); install it: pip install 'espalier[vllm]'") from error
    longest = context or int(model.config.get_text_config().max_position_embeddings)
    on_cpu = current_platform.is_cpu()
    with _unchanged_process(), tempfile.TemporaryDirectory(prefix="espalier-vllm-") as folder:
        save_config(model, Path(folder))
        arguments = EngineArgs(
            model=folder,
            load_format="dummy",
            dtype=dtype,
            max_model_len=longest,
            max_num_seqs=max_rows,
            max_num_batched_tokens=max(BATCHED_TOKENS, longest),
            kv_cache_memory_bytes=memory.kv_bytes or None,
            gpu_memory_utilization=memory.share,
            block_size=CPU_BLOCK if on_cpu else None,
            enforce_eager=on_cpu,
            async_scheduling=False,
            enable_sleep_mode=not on_cpu and current_platform.is_sleep_mode_available(),
            disable_log_stats=True,
            # Of several processes, each decodes by itself on the device of its LOCAL_RANK.
            distributed_executor_backend="external_launcher" if several else None,
            hf_overrides=wide_heads(model.config.to_dict()) if on_cpu else {},
            **SAMPLING,
        )
        try:
            return LLMEngine.from_engine_args(arguments)
        except (ValueError, RuntimeError, NotImplementedError) as error:
            raise VllmMissingError(f"vLLM cannot run this model here: {error}") from error


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """vLLM seeds all generators of random numbers and, on CPUs, keeps torch from setting its threads."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    set_num_threads, threads = torch.set_num_threads, torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads = set_num_threads
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _sampling_params(order: Order) -> Any:
    from vllm.sampling_params import RequestOutputKind
    from vllm.sampling_params import SamplingParams as VllmParams

    return VllmParams(**wire_params(order), output_kind=RequestOutputKind.DELTA)


def _progress(output: Any) -> Progress:
    [completion] = output.outputs
    flat = completion.logprobs.logprobs if completion.logprobs is not None else []
    # The first number of each pair is the drawn token's, the second the entropy: see `vllm_worker`.
    return Progress(
        int(output.request_id),
        list(completion.token_ids),
        flat[0::2],
        flat[1::2],
        finish_reason_of(completion.finish_reason),
        output.num_cached_tokens,
    )
