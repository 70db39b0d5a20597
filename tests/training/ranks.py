"""Runs of one and of several processes, forked from one that has loaded torch: loading it again costs more than a run.

python -m tests.training.ranks RUN_DIR...    # one after the other, each in as many processes as its config says
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.training.runs import ROOT


def train(folders: Sequence[Path]) -> None:
    """Carry these runs to their end. Raises AssertionError with what was said where one fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.ranks", *map(str, folders)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]


def _main(folders: Sequence[Path]) -> int:
    import transformers.models.qwen2.modeling_qwen2  # noqa: F401  # the built-in models are of this family

    import training.run  # noqa: F401
    from training.config_file import read_config

    for folder in folders:
        count = read_config(folder).hardware.processes
        port = _free_port()
        ranks = [_fork(folder, rank, count, port) for rank in range(count)]
        codes = [os.waitpid(rank, 0)[1] for rank in ranks]
        if any(codes):
            return 1
    return 0


def _fork(folder: Path, rank: int, count: int, port: int) -> int:
    if child := os.fork():
        return child
    from training.__main__ import main

    if count > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    os._exit(main(["run", str(folder)]))


def _free_port() -> int:
    from training.launch import free_port

    return free_port()


if __name__ == "__main__":
    sys.exit(_main([Path(folder) for folder in sys.argv[1:]]))
