"""A worker's voice: its row says what it is, what its devices do and that it lives, from its start to its end.

Work that waits is noticed here as well. A message says that there is work, and whoever gets it may be the wrong one or
die with it in hand; so a worker that stands idle looks for itself at each heartbeat, and wakes its own pool.
"""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

import psutil
from django.db import Error, connection
from django.utils import timezone

from webapp.machines.devices import Processor, as_json, read_processor
from webapp.machines.gpus import GpuReader, Nvml
from webapp.machines.models import HEARTBEAT_S, KEPT, KEPT_POINTS, Worker, WorkerState
from workers import host

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "vllm", "transformers")
"""Whose versions decide what a machine can do."""
PROCESSOR = "cpu"
"""Name of the processor's curve."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while a worker lives."""

    name: str
    queues: tuple[str, ...]
    concurrency: int


class Registration:
    """One worker's row. `round` is called every `HEARTBEAT_S`, by one thread."""

    def __init__(
        self,
        identity: Identity,
        gpus: GpuReader | None = None,
        processor: Callable[[], Processor] = read_processor,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._identity = identity
        self._gpus = gpus or Nvml()
        self._processor = processor
        self._look = look
        self._started_at = timezone.now()
        self._history: dict[str, list[float | None]] = {}
        self._versions = versions()
        self._away = False
        self._ended = threading.Event()

    def begin(self) -> None:
        """Tell, now and from time to time, until `close` or the end of the process."""
        threading.Thread(target=self._repeat, name="registration", daemon=True).start()

    def close(self) -> None:
        """It ends, and says so."""
        self._ended.set()
        try:
            Worker.objects.filter(name=self._identity.name, process=host.this_process()).update(
                state=WorkerState.STOPPED, heartbeat_at=timezone.now()
            )
        except Error as error:
            logger.warning("the database does not answer: %s", str(error).strip())

    def round(self) -> None:
        """Write the row as things are now, forget rows that are long gone, and look for work."""
        try:
            self.tell()
            Worker.objects.filter(heartbeat_at__lt=timezone.now() - KEPT).delete()
            self._look()
            self._away = False
        except Error as error:
            if not self._away:  # said once, not every few seconds
                logger.warning("the database does not answer: %s", str(error).strip())
            self._away = True
            connection.close()

    def tell(self) -> None:
        """Write the row. Raises django.db.Error while the database is away."""
        processor, gpus = self._processor(), self._gpus.read()
        self._note({PROCESSOR: processor.utilisation} | {gpu.uuid: gpu.utilisation for gpu in gpus})
        values = {
            "process": host.this_process(),
            "processes": pool_processes(),
            "host": socket.gethostname()[:120],
            "queues": list(self._identity.queues),
            "concurrency": self._identity.concurrency,
            "versions": self._versions,
            "processor": as_json(processor),
            "gpus": [as_json(gpu) for gpu in gpus],
            "history": self._history,
            "state": WorkerState.READY,
            "started_at": self._started_at,
            "heartbeat_at": timezone.now(),
        }
        Worker.objects.update_or_create(name=self._identity.name, defaults=values)

    def _note(self, now: dict[str, float | None]) -> None:
        self._history = {key: [*self._history.get(key, []), value][-KEPT_POINTS:] for key, value in now.items()}

    def _repeat(self) -> None:
        while not self._ended.is_set():
            try:
                self.round()
            except Exception:
                logger.exception("a heartbeat failed; the next one may not")
            self._ended.wait(HEARTBEAT_S)
        connection.close()


def pool_processes() -> list[str]:
    """Names of this process and of those it started: whichever of them carries a run or job is named in its row."""
    children = psutil.Process().children()
    return [host.this_process(), *(name for child in children if (name := host.name_of(child)))]


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of those packages that are installed, without loading any."""
    found = {"python": python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
