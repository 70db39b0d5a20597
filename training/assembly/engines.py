"""The engine that a run samples with, as its hardware says."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from transformers import PreTrainedModel

from training.config import HardwareConfig, VllmEngineConfig, VllmServerConfig
from training.distributed import Processes
from training.errors import InputError
from training.sampling.decoder import Decoder, EngineLostError, SharedDecoder
from training.sampling.fleet import Fleet
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import StreamingEngine
from training.sampling.vllm_engine import MAX_ROWS, VllmEngine, Weights, weights_of
from training.sampling.vllm_process import Memory, VllmMissingError, VllmProcess
from training.sampling.vllm_server import VllmServer
from training.sampling.vllm_tenant import Tenant
from training.sampling.vllm_together import VllmTogether
from training.sampling.vllm_weights import FileTransfer, NetworkTransfer
from training.sharding import Slices

EXCHANGE_FOLDER = "exchange"
"""In a run's folder: new weights on their way to a server."""

FLEET_PATIENCE_S = 5.0
"""Longest wait for one of several servers while others answer."""

_started: dict[str, VllmProcess] = {}
"""The vLLM of this process, by what it was started with; that of a model of another shape takes its place."""


def engine_of(
    model: PreTrainedModel,
    hardware: HardwareConfig,
    *,
    max_rows: int = MAX_ROWS,
    prefix_bytes: int = 0,
    oversubscription: float = 1.0,
    folder: Path | None = None,
    processes: Processes | None = None,
    shards: Slices | None = None,
) -> StreamingEngine:
    """An engine that samples from `model` as it is whenever its `update_weights` is called.

    `prefix_bytes` counts for the torch engine only: vLLM keeps prefixes in what memory it has. `oversubscription` is
    how many times its room each of several servers is given work for. `folder` is the run's, `shards` are what this
    process has of a model that is shared out. Raises InputError where vLLM, or its server, cannot be used.
    """
    processes = processes or Processes()
    if hardware.engine.kind == "torch":
        return TorchEngine(model, max_rows=max_rows, prefix_bytes=prefix_bytes)
    if isinstance(hardware.engine, VllmServerConfig):
        server = servers_of(model, hardware.engine, folder, processes, oversubscription=oversubscription)
        writes = processes.is_first or shards is not None

        def to_be_written() -> Weights:
            return weights_of(model, shards) if writes else ()

        if processes.count == 1:
            return VllmEngine(server, max_rows=max_rows, source=to_be_written)
        return VllmTogether(server, processes, server=server, max_rows=max_rows, source=to_be_written)
    decoder = _process(model, hardware, max_rows, processes)
    if processes.count == 1:
        return VllmEngine(decoder, max_rows=max_rows, source=lambda: weights_of(model))
    return VllmTogether(decoder, processes, max_rows=max_rows, source=lambda: weights_of(model, shards))


def context_of(model: PreTrainedModel, hardware: HardwareConfig) -> int | None:
    """The longest sequence that such an engine holds: the model's, or less where vLLM is started with less.

    None where the model names no limit.
    """
    of_model: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    started = hardware.engine.context if isinstance(hardware.engine, VllmEngineConfig) else 0
    return min(started, of_model or started) if started else of_model


def servers_of(
    model: PreTrainedModel,
    engine: VllmServerConfig,
    folder: Path | None,
    processes: Processes,
    check: Callable[[], None] = lambda: None,
    oversubscription: float = 1.0,
) -> SharedDecoder:
    """The servers of the config, of which the processes are clients of one name; `check` may end waiting for them.

    `oversubscription` as in `engine_of`. Raises InputError like that.
    """
    own = (folder or Path(tempfile.gettempdir())).resolve() / EXCHANGE_FOLDER
    name = processes.gather(uuid4().hex)[0]
    try:
        networked, shared = engine.transfer == "network", FileTransfer(Path(engine.exchange or own))
        servers = [
            VllmServer(
                url,
                NetworkTransfer(url) if networked else shared,
                engine.patience_s,
                name=name,
                clients=processes.count,
                check=check,
            )
            for url in engine.urls
        ]
        server = servers[0] if len(servers) == 1 else _fleet(servers, engine.patience_s, oversubscription)
    except (EngineLostError, ValueError) as error:
        raise InputError(str(error)) from error
    _require_same_vocabulary(model, server, engine.urls[0])
    return server


def _require_same_vocabulary(model: PreTrainedModel, server: SharedDecoder, url: str) -> None:
    own, held = model.config.get_text_config().vocab_size, server.facts.vocabulary
    if held != own:
        raise InputError(
            f"the server at {url} has a model of {held} token ids, the run's has {own}; start it on a checkpoint of "
            "the same model"
        )


def close_engines() -> None:
    """End the vLLM of this process, if any; it takes down what connects the processes with it."""
    for each in _started.values():
        each.close()
    _started.clear()


def _process(model: PreTrainedModel, hardware: HardwareConfig, max_rows: int, processes: Processes) -> Decoder:
    engine = hardware.engine
    assert isinstance(engine, VllmEngineConfig)
    most, several = max(max_rows, MAX_ROWS), processes.count > 1
    key = f"{model.config.to_json_string()} {engine.model_dump_json()} {hardware.dtype} {most}"
    if key not in _started:
        for each in _started.values():
            each.rest()
        if not several:  # else ending it would take down what connects the processes
            _started.clear()
        memory = Memory(engine.kv_cache_mib << 20, engine.memory_share)
        try:
            _started[key] = VllmProcess(model, hardware.dtype, memory, most, engine.context or None, several)
        except (VllmMissingError, ValueError) as error:
            raise InputError(str(error)) from error
    return Tenant(_started[key], model)


def _fleet(servers: Sequence[VllmServer], patience_s: float, oversubscription: float) -> SharedDecoder:
    """Several as one. All must be there when a run begins."""
    for server in servers:
        server.patience_s = FLEET_PATIENCE_S
    return Fleet(servers, patience_s, oversubscription)
