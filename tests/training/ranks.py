"""Runs from start to end, each in as many processes as its config says."""

from collections.abc import Sequence
from pathlib import Path

from tests.training.warm_trainer import WarmTrainer
from training.config_file import read_config
from training.launch import free_port

MOST_S = 240


def start_ranks(folder: Path) -> list[WarmTrainer]:
    """Start the processes of a run."""
    count = read_config(folder).hardware.processes
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count)}
    return [
        WarmTrainer(["run", str(folder)], {**meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {})
        for rank in range(count)
    ]


def train(folders: Sequence[Path]) -> None:
    """Carry these runs to their end, one after the other. Raises AssertionError with what was said where one fails."""
    for folder in folders:
        ranks = start_ranks(folder)
        said = [rank.communicate(MOST_S)[1] for rank in ranks]
        assert not any(rank.returncode for rank in ranks), "\n".join(said)
