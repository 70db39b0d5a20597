"""What processes of a run agree on before they have said anything to each other."""

from datetime import timedelta
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

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


def test_gradients_are_summed_in_portions_and_large_ones_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.distributed.BUCKET_ELEMENTS", 10)
    parameters = [torch.zeros(shape) for shape in ((2, 2), (6,), (3, 7), (1,), (4, 6), (5, 2))]
    for number, parameter in enumerate(parameters):
        parameter.grad = torch.full_like(parameter, number + 1.0)
    parameters[4].grad = torch.full((6, 4), 5.0).T  # of another order in memory
    sent: list[Tensor] = []

    def reduce(tensor: Tensor) -> None:
        assert tensor.is_contiguous()
        sent.append(tensor)
        tensor.mul_(2)

    monkeypatch.setattr("training.distributed.dist.all_reduce", reduce)
    Processes(0, 2).sum_gradients(parameters)
    assert [tensor.numel() for tensor in sent] == [10, 21, 1, 24, 10]
    assert sent[1] is parameters[2].grad
    for number, parameter in enumerate(parameters):
        assert torch.equal(parameter.grad, torch.full_like(parameter, 2.0 * (number + 1)))
