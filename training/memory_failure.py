"""Says in an event that memory ran out: whose, in which phase, how much was held and how much was asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from training.errors import GPU_FULL, memory_that_is_full
from training.events import Failed
from training.recorder import Recorder

UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
ASKED = re.compile(r"(?:[Tt]ried to allocate|allocate) ([\d.]+) (bytes|[KMGT]iB)")
MOST_CHARACTERS = 1000


@contextmanager
def told_when_memory_ends(recorder: Recorder, device: torch.device) -> Iterator[None]:
    """Any exception goes on its way; one of memory is told first."""
    try:
        yield
    except Exception as error:
        if full := memory_that_is_full(error):
            recorder.emit(_failed(error, full == GPU_FULL, recorder, device))
        raise


def requested_bytes(message: str) -> int:
    """Bytes that an error of torch says were asked for; 0 where it does not say.

    >>> requested_bytes("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has ...")
    1610612736
    """
    found = ASKED.search(message)
    return round(float(found[1]) * UNITS[found[2]]) if found else 0


def _failed(error: Exception, on_gpu: bool, recorder: Recorder, device: torch.device) -> Failed:
    message = str(error)
    if on_gpu and device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, total, used = properties.name, properties.total_memory, torch.cuda.max_memory_reserved(device)
    else:
        name, total, used = "", psutil.virtual_memory().total, psutil.Process().memory_info().rss
    return Failed(
        step=recorder.step,
        where="gpu" if on_gpu else "host",
        phase=recorder.broken or "loading",
        device=name,
        total=int(total),
        used=int(used),
        requested=requested_bytes(message),
        message=message.splitlines()[0][:MOST_CHARACTERS] if message else type(error).__name__,
    )
