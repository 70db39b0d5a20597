"""One run, from its folder to a trained model: puts the parts together and starts the trainer."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import torch

from training.assembly import Parts, build_method
from training.checkpoints import CheckpointFolder
from training.config import EvaluateMethod, RunConfig
from training.console import ConsoleSink
from training.devices import choose_device
from training.distributed import Processes
from training.evaluate import evaluate
from training.events import JsonlSink, PhaseChanged
from training.history import EVENTS_FILE, read_history
from training.recorder import Recorder
from training.search.journal import JOURNAL_FOLDER
from training.sources import load_folder, load_model, load_problems
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
        checkpoints = CheckpointFolder(folder / "checkpoints")
        if processes.is_first:
            checkpoints.sweep()
            if not resume:
                checkpoints.clear()
                shutil.rmtree(folder / JOURNAL_FOLDER, ignore_errors=True)
        processes.wait()
        history = read_history(folder / EVENTS_FILE)
        recorder = Recorder(ConsoleSink(JsonlSink(folder / EVENTS_FILE)) if processes.is_first else None)
        stack.callback(recorder.close)
        resumed = checkpoints.newest()
        recorder.emit(PhaseChanged(step=resumed or 0, phase="loading"))
        problems = load_problems(config, folder)
        start = load_folder(checkpoints.of(resumed), device) if resumed is not None else load_model(config, device)
        parts = Parts.of(config, problems, *start, recorder, processes, folder)
        torch.manual_seed(config.seed)  # for models that draw numbers of their own
        if isinstance(config.method, EvaluateMethod):
            return evaluate(parts, folder, history, resume, stop or StopSignal(), stack)
        reason = Trainer(parts, folder, build_method(parts, stack), stop or StopSignal()).run(history)
        if processes.is_first:  # a checkpoint holds the last step
            shutil.rmtree(folder / JOURNAL_FOLDER, ignore_errors=True)
        return reason
