"""The engine that a run samples with, as its hardware says."""

import tempfile
from pathlib import Path

from transformers import PreTrainedModel

from training.config import HardwareConfig, VllmEngineConfig, VllmServerConfig
from training.errors import InputError
from training.sampling.decoder import Decoder, EngineLostError
from training.sampling.fleet import Fleet
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import StreamingEngine
from training.sampling.vllm_engine import MAX_ROWS, VllmEngine, weights_of
from training.sampling.vllm_process import Memory, VllmMissingError, VllmProcess
from training.sampling.vllm_server import VllmServer

EXCHANGE_FOLDER = "exchange"
"""In a run's folder: new weights on their way to a server."""

FLEET_PATIENCE_S = 5.0
"""Longest wait for one of several servers while others answer."""

_started: dict[str, VllmProcess] = {}
"""The vLLM of this process, by what it was started with; another model's takes its place."""


def engine_of(
    model: PreTrainedModel,
    hardware: HardwareConfig,
    *,
    max_rows: int = MAX_ROWS,
    prefix_bytes: int = 0,
    folder: Path | None = None,
) -> StreamingEngine:
    """An engine that samples from `model` as it is whenever its `update_weights` is called.

    `prefix_bytes` counts for the torch engine only: vLLM keeps prefixes in what memory it has. `folder` is the run's.
    Raises InputError where vLLM, or its server, cannot be used.
    """
    if hardware.engine.kind == "torch":
        return TorchEngine(model, max_rows=max_rows, prefix_bytes=prefix_bytes)
    try:
        decoder = _decoder(model, hardware, max_rows, folder)
    except (VllmMissingError, EngineLostError, ValueError) as error:
        raise InputError(str(error)) from error
    return VllmEngine(decoder, max_rows=max_rows, source=lambda: weights_of(model))


def _decoder(model: PreTrainedModel, hardware: HardwareConfig, max_rows: int, folder: Path | None) -> Decoder:
    engine = hardware.engine
    if isinstance(engine, VllmServerConfig):
        own = (folder or Path(tempfile.gettempdir())).resolve() / EXCHANGE_FOLDER
        server = _servers(engine, Path(engine.exchange or own))
        vocabulary = model.config.get_text_config().vocab_size
        if server.facts.vocabulary != vocabulary:
            raise ValueError(
                f"the server at {engine.urls[0]} has a model of {server.facts.vocabulary} token ids, the run's has "
                f"{vocabulary}; start it on a checkpoint of the same model"
            )
        return server
    assert isinstance(engine, VllmEngineConfig)
    most = max(max_rows, MAX_ROWS)
    key = f"{model.config.to_json_string()} {engine.model_dump_json()} {hardware.dtype} {most}"
    if key not in _started:
        _started.clear()
        memory = Memory(engine.kv_cache_mib << 20, engine.memory_share)
        _started[key] = VllmProcess(model, hardware.dtype, memory, most, engine.context or None)
    return _started[key]


def _servers(engine: VllmServerConfig, exchange: Path) -> Decoder:
    """One server, or several as one. All must be there when a run begins."""
    first, *others = (VllmServer(url, exchange, engine.patience_s) for url in engine.urls)
    if not others:
        return first
    for server in (first, *others):
        server.patience_s = FLEET_PATIENCE_S
    return Fleet((first, *others), engine.patience_s)
