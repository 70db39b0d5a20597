"""Where a run computes."""

import os

import torch

from training.config import HardwareConfig
from training.errors import InputError


def choose_device(hardware: HardwareConfig) -> torch.device:
    """This process's device; also sets its CPU threads.

    Raises InputError when the GPU asked for is missing, or when torchrun started more or fewer processes than it says.
    """
    started = int(os.environ.get("WORLD_SIZE", hardware.processes))
    if started != hardware.processes:
        raise InputError(
            f"the run was started in {started} processes, all machines together, but hardware.processes is "
            f"{hardware.processes}; set it to {started}"
        )
    gpus = torch.cuda.device_count()
    if hardware.device == "cuda" and not gpus:
        raise InputError("hardware.device is cuda, but no GPU was found; set it to auto or cpu")
    here = int(os.environ.get("LOCAL_WORLD_SIZE", hardware.processes))  # torchrun's: others may be on other machines
    torch.set_num_threads(hardware.threads or max((os.cpu_count() or 1) // here, 1))
    if hardware.device == "cpu" or not gpus:
        return torch.device("cpu")
    if here > gpus:
        raise InputError(f"{here} processes need as many GPUs, but there are {gpus}")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def sampling_device(hardware: HardwareConfig, trained_on: torch.device) -> torch.device:
    """The device of a copy of the weights that samples. Raises InputError when the GPU asked for is missing."""
    asked = hardware.sampling_device
    if asked == "same":
        return trained_on
    device = torch.device(asked)
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise InputError(f"hardware.sampling_device is {asked}, but {gpus} GPUs were found; set it to same or cpu")
    return device
