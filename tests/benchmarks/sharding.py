"""Memory of a process that shares its model with others (FSDP2), phase by phase, beside one that has all of it.

    python -m tests.benchmarks.sharding    # some minutes and 4 GiB; writes results/sharding.json

A Qwen2 of random weights makes learning passes and updates of AdamW on the CPU. What is told is resident memory above
that of the same process before it had a model.
"""

import ctypes
import gc
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from training.batching import Example
from training.config import OptimisationConfig
from training.distributed import Processes
from training.launch import free_port
from training.optimiser import Optimiser
from training.policy import Policy

RESULTS = Path(__file__).parent / "results" / "sharding.json"
PAGE = resource.getpagesize()
SHAPE = {"vocab_size": 8192, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 16,
         "num_attention_heads": 8, "num_key_value_heads": 8}  # fmt: skip
CASES = [(1, False), (2, False), (2, True), (4, True)]
CPU = torch.device("cpu")
M_MMAP_THRESHOLD = -3
"""Of glibc's mallopt."""


def resident() -> float:
    """MiB of this process now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def highest() -> float:
    """MiB that this process had at most since `forget`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**10


def forget() -> None:
    """Begin to look for the highest anew."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(count: int, sharded: bool) -> dict[str, float]:
    """MiB of this process in each phase."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**16)  # else memory that is let go stays with the process
    before = resident()
    processes = Processes.join(CPU)
    torch.manual_seed(0)
    policy = Policy(Qwen2ForCausalLM(Qwen2Config(**SHAPE)))
    parameters = policy.model.num_parameters()
    if sharded:
        policy.shard(processes, CPU)
    optimiser = Optimiser(policy.trained, OptimisationConfig(), 10, processes)
    examples = [Example(range(8), [(7 * i + j) % 8192 for j in range(120)]) for i in range(2)]
    found: dict[str, float] = {"parameters": parameters}
    for step in (1, 2):
        if policy.shards is not None:
            policy.shards.gather()
        processes.wait()
        found["sampling"] = resident() - before
        forget()
        policy.statistics(examples).logprobs.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.update(step)
        found["learning, at most"] = highest() - before
        found["afterwards"] = resident() - before
    processes.leave()
    return {name: round(value) for name, value in found.items()}


def in_processes(count: int, sharded: bool) -> dict[str, float]:
    """What the first of several processes measures."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        children = []
        for rank in range(count):
            if child := os.fork():
                children.append(child)
                continue
            torch.set_num_threads(1)
            if count > 1:
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
                os.environ |= {"RANK": str(rank)}
            found = measure(count, sharded)
            if rank == 0:
                told.write_text(json.dumps(found))
            os._exit(0)
        if any(status for _, status in [os.waitpid(child, 0) for child in children]):
            raise RuntimeError("a process failed")
        return dict(json.loads(told.read_text()))


def main() -> int:
    """Measure every case, print it and store it."""
    rows = [{"processes": count, "sharding": "fsdp2" if sharded else "none"} | in_processes(count, sharded)
            for count, sharded in CASES]  # fmt: skip
    print(json.dumps(rows, indent=1))
    RESULTS.write_text(json.dumps({"unit": "MiB", "shape": SHAPE, "cases": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
