"""One row of tests.benchmarks.gpu_step: a model, the parts of its steps, and the clock beside them."""

import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from tests.benchmarks.gpu_step import Size
from tests.benchmarks.step_arithmetic import Work, forward_flops, peak_of, update_flops, work_of
from training import policy as policy_module
from training.compilation import compile_parts
from training.config import GrpoMethod, RunConfig
from training.config.shape import ModelShape
from training.distributed import Processes
from training.errors import memory_that_is_full
from training.experience.types import Group, Rollout
from training.methods.grpo import credit
from training.methods.policy_update import PolicyUpdater
from training.optimiser import Optimiser
from training.policy import Policy
from training.problems import Problem
from training.recomputation import recompute_layers
from training.recorder import Recorder
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams

UPDATES = 2
VOCABULARY = 151_936
CONTEXT = 32_768
MODELS = {  # hidden, intermediate, layers, heads, key/value heads
    "0.1B": (512, 1408, 12, 8, 2),
    "0.5B": (896, 4864, 24, 14, 2),
    "tiny": (64, 128, 2, 4, 2),
}


@dataclass
class Clock:
    """Seconds and peak memory of the parts of a step."""

    device: torch.device
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is done within it is `name`; ends when the device is done."""
        cuda = self.device.type == "cuda"
        if cuda:
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        began = time.perf_counter()
        yield
        if cuda:
            torch.cuda.synchronize(self.device)
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        used = torch.cuda.max_memory_allocated(self.device) if cuda else 1024 * resource.getrusage(0).ru_maxrss
        self.peaks[name] = max(self.peaks.get(name, 0), used)


def measured_or_failed(model: str, size: Size, **switches: Any) -> dict[str, Any]:
    """Figures of a row; where memory runs out, that."""
    try:
        return measure(model, size, **switches)
    except Exception as error:
        if memory_that_is_full(error):
            return {"failed": f"out of memory: {str(error).splitlines()[0][:200]}"}
        raise


def measure(
    name: str, size: Size, chunk_times: int = 1, compiled: bool = False, checkpointing: bool = False
) -> dict[str, Any]:
    """Figures of a row."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    limit, limit_from = peak_of(device, torch.bfloat16, size.matmul)
    policy_module.CHUNK_ELEMENTS = chunk_times * size.chunk
    step = Step(name, size, device, compiled, checkpointing)
    clock = Clock(device)
    for number in range(1, size.measured + 2):
        if number == 2:
            clock = Clock(device)
        step.run(number, clock)
    group = work_of(size.prompt, [size.response] * size.samples)
    work = Work(*(size.prompts * each for each in group))
    needed = {"sampling": forward_flops(step.shape, work), "old log-probs": forward_flops(step.shape, work),
              "update": update_flops(step.shape, work)}  # fmt: skip
    mean = {part: sum(seconds) / len(seconds) for part, seconds in clock.seconds.items()}
    total, tokens = sum(mean.values()), size.prompts * size.samples * size.response
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "torch": torch.__version__,
        "parameters": step.shape.parameters,
        "limit": limit,
        "limit_from": limit_from,
        "compiled": step.compiled,
        "parts": {
            part: {"seconds": seconds, "flops": needed[part], "mfu": needed[part] / seconds / limit,
                   "peak_bytes": clock.peaks[part]}
            for part, seconds in mean.items()
        },
        "seconds": total,
        "mfu": sum(needed.values()) / total / limit,
        "tokens_per_second": tokens / total,
    }  # fmt: skip


class Step:
    """A policy with all that a step of GRPO needs."""

    def __init__(self, name: str, size: Size, device: torch.device, compiled: bool, checkpointing: bool) -> None:
        model, self.shape = random_model(name, device)
        if checkpointing:
            recompute_layers(model)
        self.compiled = compiled and compile_parts(model)
        self._size = size
        self._policy = Policy(model, "bfloat16")
        if not self._policy.packed:
            raise RuntimeError("the model does not run packed here")
        sampling = {"prompts_per_step": size.prompts, "samples_per_prompt": size.samples, "max_tokens": size.response}
        config = RunConfig.model_validate({
            "method": {"kind": "grpo", "sampling": sampling, "updates_per_step": UPDATES},
            "optimisation": {"learning_rate": 1e-6},
        })  # fmt: skip
        assert isinstance(config.method, GrpoMethod)
        self._method = config.method
        optimiser = Optimiser(model, config.optimisation, size.measured + 1)
        self._engine = TorchEngine(model)
        self._updater = PolicyUpdater(
            self._method, self._policy, None, optimiser, size.pass_tokens, Recorder(), Processes()
        )

    def run(self, number: int, clock: Clock) -> None:
        """One step."""
        with clock.part("sampling"):
            groups = self._sampled(number)
        half = len(groups) // UPDATES
        with clock.part("old log-probs"):
            updates = [self._updater.prepare(groups[i * half : (i + 1) * half]) for i in range(UPDATES)]
        with clock.part("update"):
            for update in updates:
                self._updater.update(update, number)
        self._engine.update_weights(number)

    def _sampled(self, number: int) -> list[Group]:
        """Groups as scored and credited; in each, one half of the rewards is 1."""
        rng = random.Random(number)
        size = self._size
        prompts = [[rng.randrange(self.shape.vocabulary) for _ in range(size.prompt)] for _ in range(size.prompts)]
        params = SamplingParams(n=size.samples, max_tokens=size.response, temperature=1.0, stop_ids=(), seed=number)
        groups = []
        for prompt, drawn in zip(prompts, self._engine.sample(prompts, params), strict=True):
            rewards = rng.sample([0.0, 1.0] * (size.samples // 2), size.samples)
            rollouts = [
                Rollout(each.token_ids, "", each.finish_reason, each.logprobs, each.entropies, reward=reward)
                for each, reward in zip(drawn, rewards, strict=True)
            ]
            groups.append(Group(Problem("", "", "", None, "train", ""), prompt, rollouts))
        credit(groups, self._method.loss.advantage_scale)
        return groups


def random_model(name: str, device: torch.device) -> tuple[PreTrainedModel, ModelShape]:
    """A Qwen2-like model with random weights, and its shape."""
    hidden, intermediate, layers, heads, key_heads = MODELS[name]
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_heads, max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    with device:
        model = Qwen2ForCausalLM(config)
    key_size = hidden // heads * key_heads
    return model, ModelShape(
        sum(each.numel() for each in model.parameters()), layers, hidden, intermediate, hidden, key_size, VOCABULARY,
        CONTEXT,
    )  # fmt: skip
