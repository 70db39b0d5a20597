"""One run, from its folder to a trained model: puts the parts together and starts the trainer."""

import json
import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import torch
import yaml
from pydantic import ValidationError

from training.assembly import Parts, build_method
from training.checkpoints import CheckpointFolder
from training.codec import Codec, stop_ids
from training.config import HardwareConfig, RunConfig
from training.console import ConsoleSink
from training.distributed import Processes
from training.errors import InputError
from training.events import JsonlSink, PhaseChanged
from training.optimiser import Optimiser
from training.policy import Policy
from training.recorder import Recorder
from training.sources import load_folder, load_model, load_problems
from training.stopping import StopSignal
from training.trainer import Trainer

logger = logging.getLogger("training")

EVENTS_FILE = "events.jsonl"
CONFIG_FILES = ("config.json", "config.yaml", "config.yml")


def run(folder: Path, resume: bool = True, stop: StopSignal | None = None) -> Literal["done", "stopped"]:
    """Train what the folder's config says, from its newest checkpoint unless `resume` is off.

    Writes events and checkpoints into the folder. Raises InputError for anything the user can put right.
    """
    config = read_config(folder)
    device = choose_device(config.hardware)
    with ExitStack() as stack:
        processes = Processes.join(device)
        stack.callback(processes.leave)
        checkpoints = CheckpointFolder(folder / "checkpoints")
        if processes.is_first:
            checkpoints.sweep()
            if not resume:
                checkpoints.clear()
        processes.wait()
        recorder = Recorder(ConsoleSink(JsonlSink(folder / EVENTS_FILE)) if processes.is_first else None)
        stack.callback(recorder.close)
        resumed = checkpoints.newest()
        recorder.emit(PhaseChanged(step=resumed or 0, phase="loading"))
        problems = load_problems(config, folder)
        start = load_folder(checkpoints.of(resumed), device) if resumed is not None else load_model(config, device)
        model, tokenizer = start
        packing = getattr(config.method, "packing", True)
        parts = Parts(
            config=config,
            problems=problems,
            codec=Codec(tokenizer, config.prompt, stop_ids(model, tokenizer)),
            policy=Policy(model, config.hardware.dtype, packing),
            optimiser=Optimiser(model, config.optimisation, config.steps, processes),
            recorder=recorder,
            processes=processes,
        )
        method = build_method(parts, stack)
        trainer = Trainer(parts, folder, method, stop or StopSignal())
        return trainer.run()


def read_config(folder: Path) -> RunConfig:
    """The config of a run's folder. Raises InputError when there is none, or it is not valid."""
    path = next((folder / name for name in CONFIG_FILES if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder} holds no config; put a config.json or config.yaml there")
    return parse_config(path)


def parse_config(path: Path) -> RunConfig:
    """The config in a JSON or YAML file. Raises InputError with one line for each mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    try:
        return RunConfig.model_validate({} if values is None else values)
    except ValidationError as error:
        mistakes = [f"  {'.'.join(map(str, m['loc'])) or 'run'}: {m['msg']}" for m in error.errors()]
        raise InputError("\n".join([f"{path} is not a valid config:", *mistakes])) from error


def choose_device(hardware: HardwareConfig) -> torch.device:
    """This process's device; also sets its CPU threads. Raises InputError when the GPU asked for is missing."""
    gpus = torch.cuda.device_count()
    if hardware.device == "cuda" and not gpus:
        raise InputError("hardware.device is cuda, but no GPU was found; set it to auto or cpu")
    torch.set_num_threads(hardware.threads or max((os.cpu_count() or 1) // hardware.processes, 1))
    if hardware.device == "cpu" or not gpus:
        return torch.device("cpu")
    if hardware.processes > gpus:
        raise InputError(f"{hardware.processes} processes need as many GPUs, but there are {gpus}")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device
