"""Builds what samples batches while others are learned from: everything it uses is its own, weights included."""

import copy
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor

from training.adapter import is_adapted, trained_state
from training.assembly.engines import servers_of
from training.assembly.parts import Parts
from training.assembly.sampling import sampled_experience
from training.beside import ProcessesBeside
from training.config import GrpoMethod, VllmServerConfig
from training.devices import sampling_device
from training.experience.direct import DirectExperience
from training.methods.ahead import GatheringAhead, Weights
from training.recorder import Recorder
from training.sampling.apart import EngineApart
from training.sampling.torch_engine import TorchEngine
from training.sampling.vllm_engine import weights_of
from training.sampling.vllm_together import VllmTogether

Named = Iterable[tuple[str, Tensor]]


def gathering_ahead(parts: Parts, method: GrpoMethod, stack: ExitStack) -> tuple[GatheringAhead, DirectExperience]:
    """What gathers ahead, and the experience it gathers by; both end with `stack`.

    Verifier, tools and tokenizer are of its own as well, so that nothing is shared by two threads; so is what it tells
    other processes by.
    """
    beside = ProcessesBeside(parts.processes)
    apart = replace(parts, codec=copy.deepcopy(parts.codec), recorder=Recorder(), processes=beside)
    served = isinstance(parts.config.hardware.engine, VllmServerConfig)
    ahead = GatheringAhead(
        method.lag,
        parts.config.steps,
        lambda: _handed_over(parts, served),
        lambda weights: _kept(weights, parts, served),
        parts.recorder,
        beside,
        shares_engine=served,
    )
    engine = _served(parts, method, ahead, beside) if served else _own(parts, method, ahead)
    ahead.sample_by(engine)
    _, experience = sampled_experience(apart, engine, method.reward, method.sampling.max_tokens, stack, method.agentic)
    return stack.enter_context(ahead.open()), experience


def _own(parts: Parts, method: GrpoMethod, ahead: GatheringAhead) -> EngineApart:
    """Espalier's engine on a copy of the model."""
    model = parts.policy.frozen_copy().model
    model.to(sampling_device(parts.config.hardware, parts.policy.model.device))
    prefix_bytes = method.agentic.kv_cache_mib << 20 if method.agentic.enabled else 0
    engine = TorchEngine(model, max_rows=method.sampling.max_rows, prefix_bytes=prefix_bytes)
    return EngineApart(engine, ahead.check)


def _served(parts: Parts, method: GrpoMethod, ahead: GatheringAhead, beside: ProcessesBeside) -> EngineApart:
    """The servers that the trainer evaluates by, too; each of both gives them its weights where the other's are."""
    config = parts.config.hardware.engine
    assert isinstance(config, VllmServerConfig)
    oversubscription = method.agentic.kv_oversubscription if method.agentic.enabled else 1.0
    server = servers_of(parts.policy.model, config, parts.folder, parts.processes, ahead.check, oversubscription)
    # An adapter is merged into a copy of what it stands beside, since the trainer's own learns meanwhile.
    merging = is_adapted(parts.policy.model) and beside.is_first
    model = parts.policy.frozen_copy().model if merging else None
    engine = VllmTogether(
        server,
        beside,
        server=server,
        max_rows=method.sampling.max_rows,
        source=(lambda: weights_of(model)) if model is not None else None,
    )
    return EngineApart(engine, ahead.check, model)


def _handed_over(parts: Parts, served: bool) -> Named:
    """The weights of now, that are handed over; of a model that is shared out, put together by all processes."""
    policy = parts.policy
    if not served or is_adapted(policy.model):
        return trained_state(policy.model).items()
    return weights_of(policy.model, policy.shards) if parts.processes.is_first or policy.shards is not None else ()


def _kept(weights: Named, parts: Parts, served: bool) -> Weights:
    """Copies of them; those for servers are in host memory of the first process alone, which writes them."""
    if not served:
        return {name: weight.clone() for name, weight in weights}
    kept = {}
    for name, weight in weights:
        if parts.processes.is_first:
            kept[name] = torch.empty_like(weight, device="cpu").copy_(weight)
    return kept
