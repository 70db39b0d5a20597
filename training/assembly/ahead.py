"""Builds what samples batches while others are learned from: everything it uses is its own, weights included."""

import copy
from contextlib import ExitStack
from dataclasses import replace

from training.assembly.parts import Parts
from training.assembly.sampling import sampled_experience
from training.config import GrpoMethod
from training.devices import sampling_device
from training.experience.direct import DirectExperience
from training.methods.ahead import GatheringAhead
from training.recorder import Recorder
from training.sampling.apart import EngineApart


def gathering_ahead(parts: Parts, method: GrpoMethod, stack: ExitStack) -> tuple[GatheringAhead, DirectExperience]:
    """What gathers ahead, and the experience it gathers by; both end with `stack`.

    Verifier, tools and tokenizer are of its own as well, so that nothing is shared by two threads.
    """
    trained, config = parts.policy.model, parts.config
    policy = parts.policy.frozen_copy()
    policy.model.to(sampling_device(config.hardware, trained.device))
    apart = replace(parts, policy=policy, codec=copy.deepcopy(parts.codec), recorder=Recorder())
    ahead = GatheringAhead(method.lag, config.steps, trained, parts.recorder)
    prefix_bytes = method.agentic.kv_cache_mib << 20 if method.agentic.enabled else 0
    engine = EngineApart(policy.model, ahead.check, max_rows=method.sampling.max_rows, prefix_bytes=prefix_bytes)
    ahead.sample_by(engine)
    _, experience = sampled_experience(apart, engine, method.reward, method.sampling.max_tokens, stack, method.agentic)
    return stack.enter_context(ahead.open()), experience
