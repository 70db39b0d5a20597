"""One run, from its folder to a trained model: puts the parts together and starts the trainer."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from training.history import EVENTS_FILE, read_history
from training.memory_failure import told_when_memory_ends
from training.methods.types import Method
from training.recorder import Recorder
from training.sampling.decoder import EngineLostError
from training.search.journal import JOURNAL_FOLDER
from training.sources import load_problems
from training.start import start_policy, start_reward_model
from training.stopping import StopSignal
from training.trainer import Trainer


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
        problems = load_problems(config, folder)
        stop = stop or StopSignal()
        begun = checkpoints.of(resumed) if resumed is not None else None
        shared = is_sharded(config, processes)
        held = torch.device("cpu") if shared else device  # no GPU needs to hold it all
        readers = processes if shared else Processes()  # who need not all hold it in host memory either
        if isinstance(config.method, RewardModelMethod):
            rewarding = RewardParts.of(
                config, problems, *start_reward_model(config, begun, held, readers), recorder, processes, folder, device
            )
            torch.manual_seed(config.seed)
            training = build_reward_model(rewarding)
            return Trainer(rewarding, folder, lambda: training, stop, training.save_model).run(history)
        start = start_policy(config, begun, held, readers)
        parts = Parts.of(config, problems, *start, recorder, processes, folder, device)
        if isinstance(config.method, EvaluateMethod):
            torch.manual_seed(config.seed)
            return evaluate(parts, folder, history, resume, stop, stack)

        def build() -> Method:
            selected = select_problems(parts, stop, told=resumed is not None)
            torch.manual_seed(config.seed)  # for models that draw numbers of their own
            return build_method(selected, stack)

        reason = Trainer(parts, folder, build, stop).run(history)
        if processes.is_first:  # a checkpoint holds the last step
            shutil.rmtree(folder / JOURNAL_FOLDER, ignore_errors=True)
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
