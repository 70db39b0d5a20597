"""The real vLLM under the contract, in this process and as a server, each started once for all tests.

Both run in vLLM's own environment (`make test-vllm`); elsewhere there are no such cases.
"""

import atexit
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from transformers import PreTrainedModel

from training.sampling.decoder import Decoder
from training.sampling.vllm_engine import VllmEngine, weights_of
from training.sampling.vllm_process import Memory, VllmProcess
from training.sampling.vllm_server import VllmServer
from training.sampling.vllm_settings import save_config
from training.sampling.vllm_weights import FileTransfer

ROOT = Path(__file__).resolve().parents[3]
HAS_VLLM = find_spec("vllm") is not None
KV_MIB, SHARE, ROWS = 64, 0.05, 512
START_S = 240.0


def vllm_engine(decoder: Decoder, model: Callable[[], PreTrainedModel], max_rows: int) -> VllmEngine:
    """A fresh engine, which finds no prefixes of others, with the model's weights."""
    return VllmEngine(decoder, max_rows=max_rows, source=lambda: weights_of(model()))


@cache
def vllm_process(model: Callable[[], PreTrainedModel]) -> VllmProcess:
    """vLLM in this process."""
    return VllmProcess(model(), "float32", Memory(KV_MIB << 20, SHARE), ROWS)


class ServerProcess:
    """A vLLM server on this machine, which can be killed and started again."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="espalier-vllm-"))
        model.save_pretrained(self.folder / "model")
        save_config(model, self.folder / "model")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        atexit.register(self.kill)
        self.start()

    def start(self) -> None:
        """Start the server; it answers some time later."""
        options = f"--cpu --dtype float32 --kv-mib {KV_MIB} --share {SHARE} --max-rows {ROWS} --interval 2".split()
        command = [sys.executable, "-m", "training.sampling.vllm_launch", str(self.folder / "model"), *options]
        with (self.folder / "log.txt").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it and all processes it started, at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()


@cache
def server_process(model: Callable[[], PreTrainedModel]) -> ServerProcess:
    """The server of all tests, not waited for."""
    return ServerProcess(model())


@cache
def vllm_server(model: Callable[[], PreTrainedModel]) -> VllmServer:
    """The client of that server, which answers."""
    process = server_process(model)
    return VllmServer(process.url, FileTransfer(process.folder / "exchange"), patience_s=START_S)
