"""What processes of a run agree on before they have said anything to each other."""

from datetime import timedelta
from unittest.mock import patch

import pytest
import torch

from training.config import HardwareConfig
from training.devices import choose_device
from training.distributed import Processes
from training.errors import InputError


def test_one_may_search_for_hours_while_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with patch("training.distributed.dist.init_process_group") as meet:
        processes = Processes.join(torch.device("cpu"))
    assert (processes.rank, processes.count) == (1, 4)
    assert meet.call_args.kwargs["timeout"] >= timedelta(hours=12)


def test_more_processes_than_the_config_was_checked_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torchrun, which does not read it; whether they can share a batch was asked of the number in the config."""
    monkeypatch.setenv("WORLD_SIZE", "16")
    with pytest.raises(InputError, match=r"started in 16 processes.* set it to 16"):
        choose_device(HardwareConfig(device="cpu", processes=8))


def test_threads_are_shared_among_the_processes_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "16")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with patch("os.cpu_count", return_value=32), patch("torch.set_num_threads") as set_threads:
        choose_device(HardwareConfig(device="cpu", processes=16))
    set_threads.assert_called_once_with(8)
