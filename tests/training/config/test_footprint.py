"""Memory estimates against what a forward pass really keeps, and against the engine's own limits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from training.adapter import adapt, trained_state
from training.batching import Example
from training.builtin import MODEL_DIR
from training.config import LoraAdapter, RunConfig
from training.config.footprint import LOGITS_HELD, RUNTIME, activation_bytes_per_token, disk_of, memory_of
from training.config.memory import Memory, total_of
from training.config.plan import plan_of
from training.config.sampling_memory import EVALUATION_ROWS, KV_LIMIT, key_value_bytes_per_token
from training.config.shape import ModelShape, read_shape
from training.policy import CHUNK_ELEMENTS, Policy
from training.sampling.session import bytes_per_token
from training.sampling.torch_engine import KV_BYTES, MAX_ROWS

LENGTHS = [(20, 76)] * 4
MODELS = [(Qwen2ForCausalLM, Qwen2Config), (Qwen3ForCausalLM, Qwen3Config), (LlamaForCausalLM, LlamaConfig)]
SHAPES = [(160, 480, 4, 2), (128, 512, 8, 2), (128, 384, 4, 4)]


def kept_bytes(policy: Policy, lengths: Sequence[tuple[int, int]]) -> int:
    """Bytes that autograd keeps of one forward pass, each buffer once, weights not counted."""
    vocabulary = policy.model.config.vocab_size
    examples = [
        Example([(i * 7 + j) % vocabulary for j in range(p)], [(i + 3 * j) % vocabulary for j in range(r)])
        for i, (p, r) in enumerate(lengths)
    ]
    own = {parameter.untyped_storage().data_ptr() for parameter in policy.model.parameters()}
    kept: dict[int, tuple[int, torch.Tensor]] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that the address stays taken
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        policy.statistics(examples)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize(("model_class", "config_class"), MODELS, ids=[model.__name__ for model, _ in MODELS])
def test_activations_are_those_of_a_real_forward_pass(model_class: Any, config_class: Any, sizes: Any) -> None:
    hidden, intermediate, heads, key_heads = sizes
    extra = {"head_dim": hidden // heads} if config_class is Qwen3Config else {}
    config = config_class(
        vocab_size=64, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=4,
        num_attention_heads=heads, num_key_value_heads=key_heads, max_position_embeddings=256, **extra,
    )  # fmt: skip
    policy = Policy(model_class(config), "float32")
    head = hidden // heads
    shape = ModelShape(0, 4, hidden, intermediate, heads * head, key_heads * head, 64, 256)
    tokens = sum(p + r for p, r in LENGTHS)
    logits = sum(r for _, r in LENGTHS) * 64 * 4
    assert kept_bytes(policy, LENGTHS) - logits == pytest.approx(
        tokens * activation_bytes_per_token(shape, "float32"), rel=0.12
    )


def test_bfloat16_halves_what_the_matrices_keep() -> None:
    shape = ModelShape(0, 1, 100, 400, 100, 50, 64, 256)
    wide, narrow = (activation_bytes_per_token(shape, dtype) for dtype in ("float32", "bfloat16"))
    assert wide == 100 * (6 + 8) * 4 + 4 * 400 * 4
    assert narrow == 100 * 6 * 4 + 100 * 8 * 2 + 4 * 400 * 2


def test_the_limits_are_those_of_engine_and_trainer() -> None:
    assert KV_LIMIT == KV_BYTES
    assert EVALUATION_ROWS == MAX_ROWS
    assert LOGITS_HELD == CHUNK_ELEMENTS


def test_keys_and_values_are_counted_as_the_engine_counts_them() -> None:
    model = Qwen2ForCausalLM(Qwen2Config.from_pretrained(MODEL_DIR))
    assert key_value_bytes_per_token(read_shape(MODEL_DIR)) == bytes_per_token(model)


def memory(shape: ModelShape, **changes: Any) -> Memory:
    config = RunConfig.model_validate(changes)
    return memory_of(config, plan_of(config, 40), shape, "cpu")


def sizes(found: Memory) -> dict[str, int]:
    return {part.name: part.bytes for part in found.parts}


def test_training_keeps_weights_gradients_and_two_moments() -> None:
    shape = replace(read_shape(MODEL_DIR), parameters=1_000_000)
    parts = sizes(memory(shape))
    assert parts["Weights"] == parts["Gradients"] == 4_000_000
    assert parts["Optimizer"] == 8_000_000
    assert "Reference" not in parts


def test_a_kl_penalty_loads_a_second_model() -> None:
    shape = read_shape(MODEL_DIR)
    parts = sizes(memory(shape, method={"kind": "grpo", "loss": {"kl_coefficient": 0.01}}))
    assert parts["Reference"] == parts["Weights"]


def test_sampling_ahead_keeps_a_copy_and_the_weights_that_wait_for_it() -> None:
    shape = read_shape(MODEL_DIR)
    ahead = {"kind": "grpo", "staleness": 2}
    parts = sizes(memory(shape, method=ahead))
    assert parts["Sampler"] == 3 * parts["Weights"]
    served: dict[str, Any] = {"engine": {"kind": "vllm_server"}}
    assert sizes(memory(shape, method=ahead, hardware=served)).keys().isdisjoint({"Sampler", "Handed over"})
    elsewhere = sizes(memory(shape, method=ahead, hardware={"sampling_device": "cuda:1"}))
    assert elsewhere["Handed over"] == 2 * parts["Weights"]
    kept = [
        disk_of(c, plan_of(c, 40), shape).checkpoints for c in map(RunConfig.model_validate, ({}, {"method": ahead}))
    ]
    assert kept[1] / kept[0] == pytest.approx(5 / 3)


def test_servers_sample_in_memory_of_their_own_and_vllm_beside_the_trainer_in_its() -> None:
    shape = read_shape(MODEL_DIR)
    assert "KV cache" not in sizes(memory(shape, hardware={"engine": {"kind": "vllm_server"}}))
    beside = memory(shape, hardware={"engine": {"kind": "vllm", "kv_cache_mib": 64}, "dtype": "bfloat16"})
    assert sizes(beside)["KV cache"] == 64 << 20
    assert sizes(beside)["Sampler"] == sizes(beside)["Weights"] // 2


def test_vllm_fills_its_share_of_the_device_while_it_samples() -> None:
    shape = replace(read_shape(MODEL_DIR), parameters=2 * 10**9)
    config = RunConfig.model_validate({"hardware": {"engine": {"kind": "vllm", "memory_share": 0.3}}})

    def found(device: str, gib: int) -> Memory:
        return memory_of(config, plan_of(config, 40), shape, device, device_bytes=gib << 30)

    on_gpu = found("cuda", 80)
    assert {part.name for part in on_gpu.sampling} == {"Sampler", "KV cache"}  # it sleeps while the model learns
    assert total_of(on_gpu.sampling) == round(0.3 * (80 << 30))
    on_host = found("cpu", 80)  # where it counts what its process has, and gives nothing back
    parts = sizes(on_host)
    assert sum(parts[name] for name in ("Sampler", "KV cache", "Weights")) + RUNTIME["cpu"] == round(0.3 * (80 << 30))
    assert on_host.sampling == ()
    assert total_of(found("cuda", 20).sampling) > 0.3 * (20 << 30)  # too little for weights and one response


def test_shared_weights_are_never_together_where_a_server_samples_for_grpo() -> None:
    shape, shared = read_shape(MODEL_DIR), {"processes": 2, "sharding": "fsdp2"}
    served = shared | {"engine": {"kind": "vllm_server"}}
    once, twice = ({"kind": "grpo", "updates_per_step": count} for count in (1, 2))
    assert "Whole weights" in sizes(memory(shape, method=once, hardware=shared))
    assert "Whole weights" not in sizes(memory(shape, method=once, hardware=served))
    assert "Whole weights" in sizes(memory(shape, method=twice, hardware=served))  # the old policy is asked


@pytest.mark.parametrize("targets", ["all-linear", "q_proj, down_proj"])
def test_an_adapter_is_counted_as_it_is_put_in_and_the_reference_costs_nothing(targets: str) -> None:
    model = Qwen2ForCausalLM(Qwen2Config.from_pretrained(MODEL_DIR))
    adapt(model, LoraAdapter(rank=8, targets=targets), seed=0)
    trained = 4 * sum(weights.numel() for weights in trained_state(model).values())
    shape = read_shape(MODEL_DIR)
    method = {"kind": "grpo", "loss": {"kl_coefficient": 0.01}}
    whole = sizes(memory(shape, method=method))
    parts = sizes(memory(shape, method=method, adapter={"kind": "lora", "rank": 8, "targets": targets}))
    assert parts["Gradients"] == parts["Optimizer"] / 2 == parts["Weights"] - whole["Weights"] == trained
    assert "Reference" in whole
    assert "Reference" not in parts


def test_four_bits_leave_an_eighth_of_the_matrices_and_adapters_small_checkpoints() -> None:
    """Qwen2.5-0.5B: 358 million of its 494 million parameters are in the matrices of its blocks."""
    shape = ModelShape(494_032_768, 24, 896, 4864, 896, 128, 151_936, 32_768)
    matrices = 24 * (2 * 896 * 896 + 2 * 896 * 128 + 3 * 896 * 4864)
    parts = sizes(memory(shape, adapter={"kind": "qlora", "rank": 16}))
    trained = parts["Gradients"]
    assert trained == 4 * 8_798_208
    assert parts["Weights"] - trained == pytest.approx((494_032_768 - matrices) * 4 + matrices * 0.516, rel=1e-3)
    config = RunConfig.model_validate({"adapter": {"kind": "lora", "rank": 16}})
    plan = plan_of(config, 40)
    of_one = disk_of(config, plan, shape).checkpoints / plan.checkpoints_kept
    assert of_one == 4 * 494_032_768 + 3 * trained


def test_ppo_holds_four_models_and_trains_two_of_them() -> None:
    """The critic has the reward model's body where it starts from one, which may be larger than the policy."""
    shape = replace(read_shape(MODEL_DIR), parameters=1_000_000)
    larger = replace(shape, parameters=3_000_000)
    learned = {"model": {"kind": "local", "path": "/models/judge"}}
    for start, critic in (("reward_model", 3), ("policy", 1)):
        config = RunConfig.model_validate(
            {"method": {"kind": "ppo", "reward": {"learned": learned}, "critic": {"start": start}}}
        )
        plan = plan_of(config, 40)
        parts = sizes(memory_of(config, plan, shape, "cpu", larger))
        assert parts["Actor"] == parts["Reference"] == 4_000_000
        assert parts["Reward model"] == 12_000_000
        assert parts["Critic"] == critic * 12_000_000
        assert parts["Gradients"] == critic * 4_000_000
        saved = disk_of(config, plan, shape, larger).checkpoints / plan.checkpoints_kept
        assert saved == 4 * 4_000_000 + critic * 12_000_000
    verified = sizes(memory(shape, method={"kind": "ppo", "kl": {"coefficient": 0}}))
    assert not {"Reference", "Reward model"} & verified.keys()


def test_offloaded_models_count_only_while_they_are_asked_and_one_at_a_time() -> None:
    """On a GPU; a CPU has no other memory to put them into."""
    shape = replace(read_shape(MODEL_DIR), parameters=100_000_000)
    larger = replace(shape, parameters=900_000_000)
    method = {"kind": "ppo", "reward": {"learned": {"model": {"kind": "local", "path": "/models/judge"}}}}

    def found(offload: str, device: str) -> Memory:
        config = RunConfig.model_validate({"method": method, "hardware": {"offload": offload}})
        return memory_of(config, plan_of(config, 40), shape, device, larger)

    assert found("frozen", "cpu") == found("none", "cpu")
    kept, offloaded = found("none", "cuda"), found("frozen", "cuda")
    assert not {"Reference", "Reward model"} & {part.name for part in offloaded.always}
    saved = sum(part.bytes for part in kept.always) - sum(part.bytes for part in offloaded.always)
    assert saved == 4 * (100_000_000 + 900_000_000)
    assert (offloaded.judging[0].name, offloaded.judging[0].bytes) == ("Reward model", 4 * 900_000_000)
    assert "1,000,000,000 parameters wait" in offloaded.judging[0].why
    assert kept.peak - saved <= offloaded.peak < kept.peak
    assert len({part.name for part in offloaded.parts}) == len(offloaded.parts)


def test_a_frozen_model_that_is_asked_can_be_the_peak() -> None:
    """A reward model that is much larger than all that is trained, and not what the critic starts from."""
    shape = read_shape(MODEL_DIR)
    larger = replace(shape, parameters=3_000_000_000)
    learned = {"model": {"kind": "local", "path": "/models/judge"}}
    config = RunConfig.model_validate(
        {"method": {"kind": "grpo", "reward": {"learned": learned}}, "hardware": {"offload": "frozen"}}
    )
    found = memory_of(config, plan_of(config, 40), shape, "cuda", larger)
    assert found.at_peak == (*found.always, *found.judging)


def test_sampling_and_updating_take_turns() -> None:
    found = memory(read_shape(MODEL_DIR))
    always = sum(part.bytes for part in found.always)
    turns = [sum(part.bytes for part in turn) for turn in (found.sampling, found.updating)]
    assert found.peak == always + max(turns)
    assert sum(part.bytes for part in found.at_peak) == found.peak


def test_the_kv_cache_never_outgrows_the_engines_limit() -> None:
    shape = read_shape(MODEL_DIR)
    method = {"kind": "grpo", "sampling": {"prompts_per_step": 4096, "max_tokens": 2000, "max_rows": 65_536}}
    assert sizes(memory(shape, method=method))["KV cache"] <= KV_LIMIT * 1.05


def test_a_smaller_pass_needs_less() -> None:
    shape = read_shape(MODEL_DIR)
    large, small = (
        sizes(memory(shape, optimisation={"micro_batch_tokens": tokens}))["Activations"] for tokens in (8192, 1024)
    )
    assert large == pytest.approx(8 * small, rel=1e-6)


def test_checkpoints_take_weights_and_moments_and_rollouts_their_tokens() -> None:
    shape = replace(read_shape(MODEL_DIR), parameters=1_000_000)
    config = RunConfig.model_validate({"steps": 10, "checkpoints": {"every_steps": 1}})
    disk = disk_of(config, plan_of(config, 40), shape)
    assert disk.checkpoints == 3 * 12_000_000
    assert disk.total == disk.checkpoints + disk.rollouts
    longer = RunConfig.model_validate({"steps": 20, "checkpoints": {"every_steps": 1}})
    assert disk_of(longer, plan_of(longer, 40), shape).rollouts > disk.rollouts


def searching(**search: Any) -> dict[str, Any]:
    return {"kind": "deepsearch", "search": search, "cache": {"enabled": False}}


def test_a_search_keeps_what_its_trees_have_computed_within_its_budget() -> None:
    shape = read_shape(MODEL_DIR)
    assert sizes(memory(shape, method=searching(prefix_cache_mib=3)))["Prefix cache"] == 3 << 20
    assert "Prefix cache" not in sizes(memory(shape, method=searching(prefix_cache_mib=0)))
    assert "Prefix cache" not in sizes(memory(shape))


def test_a_small_search_needs_no_more_than_its_nodes() -> None:
    config = RunConfig.model_validate({"method": searching(max_expansions=2, prefix_cache_mib=10_000)})
    plan, shape = plan_of(config, 40), read_shape(MODEL_DIR)
    assert plan.search is not None
    held = sizes(memory_of(config, plan, shape, "cpu"))["Prefix cache"]
    assert held == 32 * (2 * 8 * 12 + 8 * 96 + 136) * key_value_bytes_per_token(shape)


def test_all_trees_are_expanded_at_once() -> None:
    shape = read_shape(MODEL_DIR)
    narrow, wide = (sizes(memory(shape, method=searching(width=w)))["KV cache"] for w in (2, 16))
    assert narrow < wide  # 32 x 8 trajectories at the end, but 32 x 16 children on the way
    looking = searching(width=2) | {"hard_subset": {"enabled": True}}
    assert sizes(memory(shape, method=looking))["KV cache"] == wide  # as many rows as there may be


def test_stored_trees_take_disk_for_their_nodes() -> None:
    def trees(**search: Any) -> int:
        config = RunConfig.model_validate({"steps": 10, "method": searching(**search)})
        return disk_of(config, plan_of(config, 40), read_shape(MODEL_DIR)).trees

    figures_only = trees(kept_trees=0)
    assert 0 < figures_only < trees(kept_trees=1) / 2
    assert trees(kept_trees=2) - figures_only == 2 * (trees(kept_trees=1) - figures_only)
    assert trees(kept_trees=99) == trees(kept_trees=32)  # a step has no more trees
    config = RunConfig()
    assert disk_of(config, plan_of(config, 40), read_shape(MODEL_DIR)).trees == 0


def test_responses_that_wait_for_their_tools_keep_their_memory() -> None:
    method = {"kind": "grpo", "sampling": {"prompts_per_step": 4, "samples_per_prompt": 8, "max_tokens": 320}}
    plain, waiting = (
        RunConfig.model_validate({"method": method | {"agentic": {"enabled": enabled}}}) for enabled in (False, True)
    )
    shape = read_shape(MODEL_DIR)
    parts = {part.name: part for part in memory_of(waiting, plan_of(waiting, 40), shape, "cpu").always}
    tokens = 4 * 8 * plan_of(waiting, 40).longest_sampled
    assert parts["Waiting responses"].bytes == tokens * key_value_bytes_per_token(shape)
    assert "Waiting responses" not in {p.name for p in memory_of(plain, plan_of(plain, 40), shape, "cpu").always}


def test_gradient_checkpointing_leaves_the_inputs_of_layers_and_one_layer() -> None:
    shape = replace(read_shape(MODEL_DIR), layers=24)
    whole, recomputed = (
        sizes(memory(shape, hardware={"gradient_checkpointing": on}))["Activations"] for on in (False, True)
    )
    assert recomputed < whole / 6


def test_shared_weights_are_a_slice_at_rest_and_whole_only_in_turns() -> None:
    """Large enough that what learning has together of them is no more than its blocks."""
    shape = replace(read_shape(MODEL_DIR), parameters=1_000_000_000, layers=40)
    method = {"kind": "grpo", "loss": {"kl_coefficient": 0.01}}
    kept, shared = (
        memory(shape, method=method, hardware={"processes": 4, "sharding": sharding}) for sharding in ("none", "fsdp2")
    )
    for part in ("Weights", "Optimizer", "Reference", "Gradients"):
        assert sizes(shared)[part] * 4 == sizes(kept)[part]
    assert sizes(shared)["Whole weights"] == 4_000_000_000
    assert sizes(shared)["Whole models"] == 8_000_000_000
    assert sizes(shared)["Blocks under way"] < 600_000_000
    assert shared.peak < kept.peak / 1.5
    assert len({part.name for part in shared.parts}) == len(shared.parts)
    narrow = memory(shape, method=method, hardware={"processes": 4, "sharding": "fsdp2", "dtype": "bfloat16"})
    assert sizes(narrow)["Whole weights"] == 2_000_000_000
