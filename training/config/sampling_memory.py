"""Memory that sampling takes: keys and values of responses under way, and vLLM's part beside the trainer."""

from training.config.engine import VllmEngineConfig, VllmServerConfig
from training.config.evaluate import EvaluateMethod
from training.config.memory import BFLOAT16, FLOAT32, Part
from training.config.plan import Plan
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.shape import ModelShape

KV_LIMIT = 2 << 30
"""Bytes the torch engine gives to keys and values; rows beyond that wait."""
KV_SPARE_TOKENS = 64
"""Columns it keeps free."""
EVALUATION_ROWS = 256
"""Responses it decodes at once where the method does not say."""


def key_value_bytes_per_token(shape: ModelShape, element: int = FLOAT32) -> int:
    """Keys and values of one token in all layers, in the precision of the weights."""
    return 2 * shape.layers * shape.key_size * element


def decoding_of(
    config: RunConfig, plan: Plan, shape: ModelShape, taken: int = 0, device_bytes: int | None = None
) -> list[Part]:
    """What sampling takes of the trainer's devices; a server has memory of its own.

    vLLM fills its share of the ``device_bytes``, less what is ``taken`` of that share already, with keys and values.
    Where it is not known how many there are, those of the responses count.
    """
    engine = config.hardware.engine
    if isinstance(engine, VllmServerConfig):
        return []
    if not isinstance(engine, VllmEngineConfig):
        return [keys_and_values(config, plan, shape)]
    element = FLOAT32 if config.hardware.dtype == "float32" else BFLOAT16
    weights = Part("Sampler", shape.parameters * element, "vLLM's copy of the weights")
    return [weights, _states_of_vllm(engine, config, plan, shape, taken + weights.bytes, device_bytes)]


def _states_of_vllm(
    engine: VllmEngineConfig, config: RunConfig, plan: Plan, shape: ModelShape, taken: int, device_bytes: int | None
) -> Part:
    if engine.kv_cache_mib:
        return Part("KV cache", engine.kv_cache_mib << 20, "as much as vLLM is given for keys and values")
    if device_bytes is None:
        return keys_and_values(config, plan, shape)
    element = FLOAT32 if config.hardware.dtype == "float32" else BFLOAT16
    one = plan.longest_sampled * key_value_bytes_per_token(shape, element)
    left = max(round(engine.memory_share * device_bytes) - taken, one)
    why = f"what is left of vLLM's {engine.memory_share:.0%} of the device (“memory share”), for keys and values"
    return Part("KV cache", left, why)


def keys_and_values(config: RunConfig, plan: Plan, shape: ModelShape) -> Part:
    """Of as many responses as Espalier's engine decodes at once."""
    generates = isinstance(config.method, RlMethod)
    most = EVALUATION_ROWS
    if isinstance(config.method, RlMethod):
        most = config.method.sampling.max_rows
    elif isinstance(config.method, EvaluateMethod):
        most = config.method.max_rows
    asked = max(plan.sequences if generates else 0, plan.answers if plan.evaluations else 0)
    if plan.search:  # all trees are expanded at once; a look at the hard subset fills every row
        asked = max(asked, plan.prompts * plan.search.children, most * plan.processes if plan.search.looks else 0)
    row = plan.longest_sampled * key_value_bytes_per_token(shape)
    rows = max(min(most, -(-asked // plan.processes), KV_LIMIT // max(row, 1)), 1)
    spare = KV_SPARE_TOKENS * key_value_bytes_per_token(shape)
    why = f"keys and values of {rows:,} responses at once, {plan.longest_sampled:,} tokens each"
    return Part("KV cache", rows * (row + spare), why)
