"""Two ways of new weights from the trainer to a vLLM server: files in a shared folder, or a stream over the network."""

import shutil
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.sampling.decoder import EngineLostError
from training.sampling.weight_stream import StreamBrokenError, WeightStream, address_towards, host_store, join

Weights = Iterable[tuple[str, Tensor]]


class Call(Protocol):
    """Runs a method of a server's workers; returns what each says. Raises EngineLostError and ValueError."""

    def __call__(self, method: str, /, **arguments: str | int | bool) -> list[Any]:
        """See the class."""
        ...


class Transfer(Protocol):
    """Brings weights to the workers of one server."""

    def send(self, call: Call, weights: Weights) -> None:
        """Returns when the server goes on with them. Raises EngineLostError, and ValueError for other models'."""
        ...

    def forget(self) -> None:
        """The server was started anew: what was open leads nowhere."""
        ...


class FileTransfer:
    """Through `exchange`, a folder that both sides know by this path. A file is removed when it has been read."""

    def __init__(self, exchange: Path) -> None:
        self._exchange = exchange

    def send(self, call: Call, weights: Weights) -> None:
        """See `Transfer`."""
        folder = self._exchange / uuid4().hex
        folder.mkdir(parents=True, exist_ok=True)
        try:
            save_file(_apart(weights), folder / "model.safetensors")
            call("take_weights", path=str(folder / "model.safetensors"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self) -> None:
        """See `Transfer`: every file is for one time only."""


class NetworkTransfer:
    """Over a stream, opened at the first weights and anew after whatever broke it.

    The server has to reach this machine, at a port that is chosen anew each time.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stream: WeightStream | None = None

    def send(self, call: Call, weights: Weights) -> None:
        """See `Transfer`."""
        stream, self._stream = self._stream or self._opened(call), None
        with ThreadPoolExecutor(1, thread_name_prefix="weights") as thread:
            taken = thread.submit(call, "take_stream")
            taken.add_done_callback(lambda done: stream.close() if done.exception() else None)
            try:
                stream.send(weights)
            except BaseException as error:
                stream.close()
                self._explain(taken, error)
            taken.result()
        self._stream = stream

    def forget(self) -> None:
        """See `Transfer`."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def _opened(self, call: Call) -> WeightStream:
        kinds = call("device_kind")
        nccl = torch.cuda.is_available() and set(kinds) == {"cuda"}
        device = torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
        parts, store = urlsplit(self._url), host_store()
        count = 1 + len(kinds)
        try:
            here = address_towards(parts.hostname or "", parts.port or 80)
        except OSError as error:
            raise EngineLostError(self._url, str(error)) from error
        with ThreadPoolExecutor(1, thread_name_prefix="weights") as thread:
            met = thread.submit(call, "open_stream", address=here, port=store.port, count=count, nccl=nccl)
            try:
                stream = join(store, 0, count, device, here)
            except StreamBrokenError as error:
                self._explain(met, error)
            met.result()
        return stream

    def _explain(self, other: "Future[list[Any]]", error: BaseException) -> None:
        """Raise what the other side says, if that is why the stream broke; else the error."""
        if isinstance(error, StreamBrokenError):
            other.result()
            raise EngineLostError(self._url, str(error)) from error
        with suppress(EngineLostError, ValueError):
            other.result()
        raise error


def _apart(weights: Weights) -> dict[str, Tensor]:
    """The weights on the host, none of which shares its memory with another."""
    return {name: torch.empty_like(value, device="cpu").copy_(value).contiguous() for name, value in weights}
