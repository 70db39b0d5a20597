"""One run, from its folder to a trained model: puts the parts together and starts the trainer."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from training.assembly import Parts, RewardParts, build_method, build_reward_model
from training.assembly.engines import EXCHANGE_FOLDER, close_engines
from training.assembly.parts import is_sharded
from training.assembly.preferences import REFERENCE_FILE
from training.assembly.selection import SELECTION_FILE, select_problems
from training.checkpoints import CheckpointFolder
from training.config import EvaluateMethod, RewardModelMethod, RunConfig
from training.console import ConsoleSink
from training.devices import choose_device
from training.distributed import Processes
from training.errors import InputError
from training.evaluate import evaluate
from training.events import JsonlSink, PhaseChanged
from training.history import EVENTS_FILE, History, read_history
from training.memory_failure import told_when_memory_ends
from training.methods.types import Method
from training.recorder import Recorder
from training.sampling.decoder import EngineLostError
from training.search.journal import JOURNAL_FOLDER
from training.sources import load_problems
from training.start import start_policy, start_reward_model
from training.stopping import StopSignal
from training.trainer import Trainer


@dataclass(frozen=True, slots=True)
class _Loader:
    """What any kind of run is put together from."""

    config: RunConfig
    folder: Path
    recorder: Recorder
    processes: Processes
    device: torch.device
    begun: Path | None
    """The checkpoint that it goes on from."""

    def parts(self) -> Parts:
        problems = load_problems(self.config, self.folder)
        start = start_policy(self.config, self.begun, *self._read_where())
        return Parts.of(self.config, problems, *start, self.recorder, self.processes, self.folder, self.device)

    def reward_parts(self) -> RewardParts:
        problems = load_problems(self.config, self.folder)
        start = start_reward_model(self.config, self.begun, *self._read_where())
        return RewardParts.of(self.config, problems, *start, self.recorder, self.processes, self.folder, self.device)

    def _read_where(self) -> tuple[torch.device, Processes]:
        """What holds a model that was read, and the processes that need not all read it."""
        if is_sharded(self.config, self.processes):  # no GPU needs to hold it all, nor each process's memory
            return torch.device("cpu"), self.processes
        return self.device, Processes()


def run(
    config: RunConfig, folder: Path, resume: bool = True, stop: StopSignal | None = None
) -> Literal["done", "stopped"]:
    """Train what the config says, from the folder's newest checkpoint unless `resume` is off.

    Writes events and checkpoints into the folder. Raises InputError for anything the user can put right.
    """
    device = choose_device(config.hardware)
    with ExitStack() as stack:
        processes = Processes.join(device)
        stack.callback(processes.leave)
        stack.callback(close_engines)
        checkpoints = CheckpointFolder(folder / "checkpoints")
        if processes.is_first:
            _sweep(folder, checkpoints, resume)
        processes.wait()
        history = read_history(folder / EVENTS_FILE)
        recorder = Recorder(ConsoleSink(JsonlSink(folder / EVENTS_FILE)) if processes.is_first else None)
        stack.callback(recorder.close)
        stack.enter_context(told_when_memory_ends(recorder, device))
        stack.enter_context(_told_how_to_go_on())
        resumed = checkpoints.newest()
        recorder.emit(PhaseChanged(step=resumed or 0, phase="loading"))
        begun = checkpoints.of(resumed) if resumed is not None else None
        loader, stop = _Loader(config, folder, recorder, processes, device, begun), stop or StopSignal()
        if isinstance(config.method, RewardModelMethod):
            return _train_reward_model(loader, stop, history)
        if isinstance(config.method, EvaluateMethod):
            parts = loader.parts()
            torch.manual_seed(config.seed)
            return evaluate(parts, folder, history, resume, stop, stack)
        return _train_policy(loader, stop, history, stack)


def _train_reward_model(loader: _Loader, stop: StopSignal, history: History) -> Literal["done", "stopped"]:
    parts = loader.reward_parts()
    torch.manual_seed(loader.config.seed)
    training = build_reward_model(parts)
    return Trainer(parts, loader.folder, lambda: training, stop, training.save_model).run(history)


def _train_policy(loader: _Loader, stop: StopSignal, history: History, stack: ExitStack) -> Literal["done", "stopped"]:
    parts = loader.parts()

    def build() -> Method:
        selected = select_problems(parts, stop, told=loader.begun is not None)
        torch.manual_seed(loader.config.seed)  # for models that draw numbers of their own
        return build_method(selected, stack)

    reason = Trainer(parts, loader.folder, build, stop).run(history)
    if loader.processes.is_first:  # a checkpoint holds the last step
        shutil.rmtree(loader.folder / JOURNAL_FOLDER, ignore_errors=True)
    return reason


def _sweep(folder: Path, checkpoints: CheckpointFolder, resume: bool) -> None:
    """Remove what a killed trainer left half done; without `resume`, all that was made."""
    checkpoints.sweep()
    shutil.rmtree(folder / EXCHANGE_FOLDER, ignore_errors=True)
    if not resume:
        checkpoints.clear()
        shutil.rmtree(folder / JOURNAL_FOLDER, ignore_errors=True)
        for made in (REFERENCE_FILE, SELECTION_FILE):  # the model may have changed under its name
            (folder / made).unlink(missing_ok=True)


@contextmanager
def _told_how_to_go_on() -> Iterator[None]:
    """What is lost with an engine is no more than the step: nothing but the engine has to be put right."""
    try:
        yield
    except EngineLostError as error:
        raise InputError(f"{error}; see that it runs, then resume the run, which goes on from what it saved") from error
