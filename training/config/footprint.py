"""What a run will need of memory and disk, estimated from its config and its model's shape before anything loads.

Upper estimates: every response as long as it may be. They are for choosing numbers, not for accounting; the parts are
those one can do something about.
"""

from training.config.adapter import LowRankAdapter, QloraAdapter
from training.config.evaluate import EvaluateMethod
from training.config.memory import BFLOAT16, FLOAT32, Disk, Memory, Part
from training.config.methods import DeepSearchMethod, GrpoMethod
from training.config.models_beside import (
    critic_of,
    critic_shape,
    frozen_models,
    keeps_reference,
    larger_frozen,
    sampler_of,
    steps_ahead,
)
from training.config.plan import Plan
from training.config.ppo import PpoMethod
from training.config.preferences import PreferenceMethod, RewardModelMethod
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.sampling_memory import decoding_of, key_value_bytes_per_token, keys_and_values
from training.config.shape import ModelShape
from training.config.sharded_memory import blocks_under_way, whole_model, whole_models
from training.config.trained import trained_parameters, weight_bytes

LOGITS_HELD = 2**25
"""Most logits the trainer holds at once; more tokens are taken in chunks."""
LOGIT_COPIES = 3
"""Logits, probabilities and their gradient stand side by side for a moment."""
WAY_BACK = 1.4
"""Activations and what the backward pass makes of them on its way; measured on 4,096 to 16,384 tokens a pass."""
RESPONSES_RANKED = 4
"""To a prompt, where the labels were not read yet: InstructGPT's rankings had 4 to 9."""
RUNTIME = {"cpu": 500 << 20, "cuda": 1 << 30}
"""Python, torch, the verifier's processes; on a GPU the CUDA context and its workspaces."""

TOKEN_BYTES = 60
"""A stored rollout token: 22 bytes of arrays as a row and again as base64 in the event file, its text twice."""
ROLLOUT_BYTES = 1500
"""What a stored rollout costs besides its tokens, mostly rows and their indexes (measured on short responses)."""
NODE_BYTES, NODE_TOKEN_BYTES = 300, 22
"""A stored node of a tree, and each of its tokens: rows, texts and the event file (570 measured on steps of 13)."""
TREE_BYTES = 4000
"""A tree besides its nodes."""


def memory_of(
    config: RunConfig,
    plan: Plan,
    shape: ModelShape,
    device: str,
    reward_model: ModelShape | None = None,
    device_bytes: int | None = None,
) -> Memory:
    """Memory of each process on ``device`` ("cpu" or "cuda"); a reward model of unknown shape counts as the policy.

    ``device_bytes`` is all that the device has, where it is known: vLLM takes a share of it.
    """
    slices = config.hardware.slices
    always = _models(config, shape, reward_model)
    frozen = frozen_models(config, shape, reward_model)
    put_away = config.hardware.offloads_frozen and device != "cpu" and slices == 1
    always += [] if put_away else frozen
    own = config.hardware.engine.kind == "torch"
    if own and (cache := _prefix_cache(config, plan, shape) or _waiting(config, plan, shape)):
        always.append(cache)
    always.append(Part("Runtime", RUNTIME[device], "Python, torch and the verifier"))
    # Of the machine's memory vLLM's share includes what its process has taken already, of a GPU's it does not.
    taken = always[0].bytes + RUNTIME[device] if device == "cpu" else 0
    decoding = decoding_of(config, plan, shape, taken, device_bytes) if plan.longest_sampled else []
    kept = device == "cpu" and not own  # vLLM gives nothing back there
    always += decoding if kept else []
    together = slices > 1 and config.samples_whole and plan.longest_sampled
    sampling = [*([whole_model(config, shape)] if together else []), *([] if kept else decoding)]
    critic = critic_shape(config, shape, reward_model)
    under_way = [blocks_under_way(config, shape)] if slices > 1 else []
    trains = not isinstance(config.method, EvaluateMethod)
    updating = [_gradients(config, shape, critic), *under_way, *_one_pass(config, plan, shape)] if trains else []
    judging = _judging(config, plan, shape, frozen if put_away else [], critic)
    return Memory(tuple(always), tuple(sampling), tuple(updating), tuple(judging))


def _models(config: RunConfig, shape: ModelShape, reward_model: ModelShape | None) -> list[Part]:
    """The trained model first, then what is kept of it, the critic, and what samples ahead."""
    slices = config.hardware.slices
    shared = f", a slice in each of {slices} processes" if slices > 1 else ""
    name = "Actor" if isinstance(config.method, PpoMethod) else "Weights"
    parts = [Part(name, weight_bytes(config, shape) // slices, _held(config, shape) + shared)]
    if not isinstance(config.method, EvaluateMethod):
        moments = 2 * (trained_parameters(config, shape) * FLOAT32 // slices)
        parts.append(Part("Optimizer", moments, f"AdamW keeps two moments of every trained weight{shared}"))
    return [*parts, *critic_of(config, shape, reward_model), *sampler_of(config, shape)]


def _gradients(config: RunConfig, shape: ModelShape, critic: ModelShape | None) -> Part:
    largest = max(trained_parameters(config, each) for each in (shape, critic) if each is not None)
    taking_turns = ", of actor and critic in turn" if critic is not None else ""
    return Part("Gradients", largest * FLOAT32 // config.hardware.slices, "one for every trained weight" + taking_turns)


def _judging(
    config: RunConfig, plan: Plan, shape: ModelShape, put_away: list[Part], critic: ModelShape | None
) -> list[Part]:
    """What is there while models are asked that are away otherwise: in host memory, or shared out."""
    if config.hardware.slices == 1:
        return [larger_frozen(put_away), _asking(config, plan, shape)] if put_away else []
    if critic is not None or keeps_reference(config):
        return [whole_models(config, shape, critic), _asking(config, plan, shape)]
    asked = isinstance(config.method, RlMethod) and config.method.keeps_old_policy and not config.samples_whole
    return [whole_model(config, shape), _asking(config, plan, shape)] if asked else []


def _asking(config: RunConfig, plan: Plan, shape: ModelShape) -> Part:
    activations, *logits = _one_pass(config, plan, shape)
    asking = activations.bytes // shape.layers + sum(part.bytes for part in logits)  # one layer at a time
    if isinstance(config.method, RlMethod) and config.method.reward.learned.anchored:  # the reference samples
        asking = max(asking, keys_and_values(config, plan, shape).bytes)
    return Part("Asking it", asking, "what a forward pass or a response under way keeps")


def disk_of(config: RunConfig, plan: Plan, shape: ModelShape, reward_model: ModelShape | None = None) -> Disk:
    """Disk for checkpoints, stored rollouts and trees, each as long as it may be."""
    # A checkpoint holds the weights, two moments of each that is trained, and the reference's weights; the same of a
    # critic, of which an adapter is held alone. That of the policy stands beside the merged weights.
    adapted, trained = isinstance(config.adapter, LowRankAdapter), trained_parameters(config, shape)
    checkpoint = shape.parameters * (2 if keeps_reference(config) else 1) + trained * (3 if adapted else 2)
    critic = critic_shape(config, shape, reward_model)
    checkpoint += 3 * trained_parameters(config, critic) if critic else 0
    checkpoint += steps_ahead(config) * trained  # the weights that batches under way are sampled by
    checkpoint *= FLOAT32
    drawn = round(plan.sequences * plan.oversample * plan.rounds * plan.over_generation)
    trained = plan.steps * drawn if isinstance(config.method, RlMethod) else 0
    rollout = ROLLOUT_BYTES + plan.longest_sampled * TOKEN_BYTES
    rollouts = (trained + plan.evaluations * plan.answers) * rollout
    return Disk(plan.checkpoints_kept * checkpoint, rollouts, _stored_trees(config, plan))


def _held(config: RunConfig, shape: ModelShape) -> str:
    """What the weights are, in words."""
    words = f"{shape.parameters:,} parameters"
    if not isinstance(config.adapter, LowRankAdapter):
        return f"{words} in float32"
    held = "in 4 bits where they are matrices of a layer" if isinstance(config.adapter, QloraAdapter) else "in float32"
    return f"{words} {held}; {trained_parameters(config, shape):,} of an adapter are trained"


def activation_bytes_per_token(shape: ModelShape, dtype: str) -> int:
    """What one token of a forward pass leaves behind for the backward pass, all layers together.

    Norms and the residual stream (about 6 vectors of the hidden size) stay float32; attention keeps about 8 vectors of
    its queries' size and a gated MLP 4 of its width, in the precision of the forward pass. Counted on Llama, Qwen2 and
    Qwen3 blocks.
    """
    element = FLOAT32 if dtype == "float32" else BFLOAT16
    layer = 6 * shape.hidden * FLOAT32 + (8 * shape.query_size + 4 * shape.intermediate) * element
    return shape.layers * layer


def _waiting(config: RunConfig, plan: Plan, shape: ModelShape) -> Part | None:
    """States of responses between their turns, in memory that the engine keeps for them."""
    if not isinstance(config.method, GrpoMethod | EvaluateMethod) or not config.method.agentic.enabled:
        return None
    responses = plan.answers if isinstance(config.method, EvaluateMethod) else plan.sequences * plan.oversample
    tokens = -(-responses // plan.processes) * plan.longest_sampled
    held = min(config.method.agentic.kv_cache_mib << 20, tokens * key_value_bytes_per_token(shape))
    return Part("Waiting responses", held, "keys and values of responses whose tools run") if held else None


def _prefix_cache(config: RunConfig, plan: Plan, shape: ModelShape) -> Part | None:
    """It is emptied when the weights have changed, so it is there while they are updated, too."""
    if plan.search is None or not isinstance(config.method, DeepSearchMethod):
        return None
    budget = config.method.search.prefix_cache_mib << 20
    trees = -(-plan.prompts // plan.processes)
    tokens = trees * (plan.search.tokens_of_tree + plan.longest_sampled)
    held = min(budget, tokens * key_value_bytes_per_token(shape))
    why = (
        "keys and values of the trees' nodes, at most what “prefix cache” allows"
        if held == budget
        else (f"keys and values of all nodes of {trees:,} trees")
    )
    return Part("Prefix cache", held, why) if held else None


def _stored_trees(config: RunConfig, plan: Plan) -> int:
    """Every tree keeps its figures, and some all their nodes."""
    if plan.search is None or not isinstance(config.method, DeepSearchMethod):
        return 0
    kept = min(config.method.search.kept_trees, plan.prompts)
    nodes = plan.search.nodes * NODE_BYTES + plan.search.tokens_of_tree * NODE_TOKEN_BYTES
    return plan.steps * (plan.prompts * TREE_BYTES + kept * nodes)


def _one_pass(config: RunConfig, plan: Plan, shape: ModelShape) -> list[Part]:
    """What one forward and backward pass holds."""
    per_process = -(-plan.sequences_per_update // plan.processes)
    if isinstance(config.method, PreferenceMethod):  # all responses to a prompt share a pass
        per_process *= RESPONSES_RANKED
    # A sequence longer than the budget gets a pass of its own.
    undivided = plan.longest * (RESPONSES_RANKED if isinstance(config.method, PreferenceMethod) else 1)
    tokens = min(max(config.optimisation.micro_batch_tokens, undivided), per_process * plan.longest)
    kept = tokens * activation_bytes_per_token(shape, config.hardware.dtype)
    if config.hardware.gradient_checkpointing:  # the input of each layer, and of one layer all
        kept = tokens * shape.layers * shape.hidden * FLOAT32 + kept // shape.layers
    activations = round(WAY_BACK * kept) + tokens * plan.longest * FLOAT32  # and who sees whom
    why = f"what {tokens:,} tokens in one pass leave for the way back (“tokens in a pass”)"
    if config.hardware.dtype != "float32" and config.hardware.slices == 1:
        activations += shape.parameters * BFLOAT16
        why += ", and a cast copy of the weights"
    if isinstance(config.method, RewardModelMethod):
        return [Part("Activations", activations, why)]
    logits = min(tokens * shape.vocabulary, max(LOGITS_HELD, shape.vocabulary)) * FLOAT32 * LOGIT_COPIES
    scores = f"scores of {shape.vocabulary:,} vocabulary entries for each token"
    return [Part("Activations", activations, why), Part("Logits", logits, scores)]
