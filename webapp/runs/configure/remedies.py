"""What to change so that a run fits into memory: first what costs time alone, last what changes what is learned.

Each remedy is a ladder of ever stronger changes. The mildest that suffices is offered; where none does alone, as few as
possible together.
"""

from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError

from training.config import DeepSearchMethod, GrpoMethod, RlMethod, RunConfig, VllmEngineConfig
from training.config.footprint import memory_of
from training.config.memory import Memory
from training.config.plan import plan_of
from webapp.runs.config_forms import Fix
from webapp.runs.configure.facts import Facts
from webapp.runs.configure.fits import TIGHT_SHARE, Fit
from webapp.runs.knobs import Values, knobs_of, tree_of, values_of

Ladder = list[Values]
MOST_OFFERED = 3
FEWEST_TOKENS, FEWEST_ROWS, SHORTEST, SMALLEST_CACHE_MIB = 64, 8, 64, 16
SMALLER_SHARES = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""Of a device, for vLLM."""


def peak_of(memory: Memory) -> int:
    """Bytes of a process when it holds most."""
    return memory.peak


def remedies_for(config: RunConfig, facts: Facts, fits: Sequence[Fit]) -> list[Fix]:
    """Changes with which the run would fit where its memory is shortest; none where it fits, or nothing helps."""
    if not fits or facts.shape is None or fits[0].verdict not in {"oom", "tight"}:
        return []
    worst = fits[0]
    elsewhere = [Fix({"hardware.gpu_kind": fit.where}) for fit in fits if fit.device == "cuda" and fit.verdict == "ok"]
    limit = TIGHT_SHARE * min(worst.free, worst.capacity or 0)
    return [*elsewhere[:1], *remedies(config, facts, worst.device, limit, total=worst.capacity)][:MOST_OFFERED]


def remedies(
    config: RunConfig,
    facts: Facts,
    device: str,
    limit: float,
    held: Callable[[Memory], int] = peak_of,
    total: int | None = None,
) -> list[Fix]:
    """Changes with which the estimate stays within so many bytes of a device: at its peak, or what is ``held``.

    ``total`` is all the device has, where that is known.
    """
    values = values_of(config)
    ladders = list(_ladders(config, facts, device))

    def suffices(change: Values) -> bool:
        try:
            changed = RunConfig.model_validate(tree_of(knobs_of(RunConfig), values | change))
        except ValidationError:  # it cannot go together with the rest
            return False
        return _needed(changed, facts, device, held, total) <= limit

    alone = [Fix(found) for ladder in ladders if (found := next(filter(suffices, ladder), None))]
    return alone[:MOST_OFFERED] or _together(ladders, suffices)


def _together(ladders: Sequence[Ladder], suffices: Callable[[Values], bool]) -> list[Fix]:
    """The first remedies that suffice at their strongest, without those that are not needed, each as mild as it may."""
    taken: list[Values] = []
    for ladder in ladders:
        taken.append(ladder[-1])
        if suffices(_merged(taken)):
            break
    else:
        return []
    kept = dict(enumerate(taken))
    for number in range(len(taken)):
        others = [change for key, change in kept.items() if key != number]
        if suffices(_merged(others)):
            del kept[number]
        else:
            kept[number] = next(step for step in ladders[number] if suffices(_merged([*others, step])))
    return [Fix(_merged(list(kept.values())))]


def _ladders(config: RunConfig, facts: Facts, device: str) -> Iterator[Ladder]:
    method, hardware = config.method, config.hardware
    longest = plan_of(config, facts.prompt_tokens).longest
    before, sampled = f"method.{method.kind}", isinstance(method, RlMethod)
    tokens = config.optimisation.micro_batch_tokens
    ladders = [_halved("optimisation.micro_batch_tokens", tokens, max(FEWEST_TOKENS, longest))]
    if isinstance(hardware.engine, VllmEngineConfig):
        ladders.append(_less_for_vllm(hardware.engine))
    elif isinstance(method, RlMethod):
        ladders.append(_halved(f"{before}.sampling.max_rows", method.sampling.max_rows, FEWEST_ROWS))
    if isinstance(method, DeepSearchMethod):
        mib = method.search.prefix_cache_mib
        ladders.append(_halved(f"{before}.search.prefix_cache_mib", mib, SMALLEST_CACHE_MIB))
    if isinstance(method, GrpoMethod) and method.agentic.enabled:
        ladders.append(_halved(f"{before}.agentic.kv_cache_mib", method.agentic.kv_cache_mib, SMALLEST_CACHE_MIB))
    if not hardware.gradient_checkpointing:
        ladders.append([{"hardware.gradient_checkpointing": True}])
    if device != "cpu" and not hardware.offloads_frozen and sampled:
        ladders.append([{"hardware.offload": "frozen"}])
    if hardware.processes > 1 and hardware.sharding == "none":
        ladders.append([{"hardware.sharding": "fsdp2"}])
    if device == "cpu":
        ladders.append(_halved("hardware.processes", hardware.processes, 1))
    if config.adapter.kind == "none":
        ladders.append([{"adapter.kind": "lora"}])
    if isinstance(method, RlMethod):
        ladders.append(_halved(f"{before}.sampling.max_tokens", method.sampling.max_tokens, SHORTEST))
    yield from filter(None, ladders)


def _less_for_vllm(engine: VllmEngineConfig) -> Ladder:
    """Of the memory in which it keeps keys and values: as it was given, or of its share of the device."""
    if engine.kv_cache_mib:
        return _halved("hardware.engine.vllm.kv_cache_mib", engine.kv_cache_mib, SMALLEST_CACHE_MIB)
    shares = [share for share in SMALLER_SHARES if share < engine.memory_share]
    return [{"hardware.engine.vllm.memory_share": share} for share in shares]


def _merged(changes: Sequence[Values]) -> Values:
    return {name: value for change in changes for name, value in change.items()}


def _halved(name: str, value: int, least: int) -> Ladder:
    """Half of it, a quarter, and so on, down to the least."""
    ladder: Ladder = []
    while value // 2 >= least:
        value //= 2
        ladder.append({name: value})
    return ladder


def _needed(config: RunConfig, facts: Facts, device: str, held: Callable[[Memory], int], total: int | None) -> int:
    """Bytes on one device: of all processes on a processor, of one on a GPU."""
    assert facts.shape is not None  # callers have looked
    plan = plan_of(config, facts.prompt_tokens)
    memory = memory_of(config, plan, facts.shape, device, facts.reward_shape, total)
    return held(memory) * (config.hardware.processes if device == "cpu" else 1)
