"""LoRA beside a model: what it computes, what is trained, what a checkpoint of it holds."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
)

from tests.training.models import VOCABULARY, tiny_gemma, tiny_qwen
from tests.training.test_policy import examples_of_groups, plain_statistics
from training.adapter import (
    FOLDER,
    adapt,
    adapted_layers,
    adapter_of,
    load_adapter,
    merged_weights,
    save_model,
    trained_state,
)
from training.config import LoraAdapter, OptimisationConfig, QloraAdapter
from training.critic import Critic
from training.errors import InputError
from training.optimiser import Optimiser
from training.policy import Policy
from training.reference import AdapterReference, CopiedReference, reference_to
from training.reward_model import RewardModel
from training.sampling.grouped_query import GroupedQueryForward
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams


def adapted(model: PreTrainedModel, config: LoraAdapter | None = None, trained: bool = True) -> PreTrainedModel:
    """The model with an adapter, whose weights are as though it had been trained unless told otherwise."""
    adapt(model, config or LoraAdapter(rank=4, alpha=8), seed=0)
    if trained:
        torch.manual_seed(1)
        for weights in trained_state(model).values():
            weights.copy_(0.1 * torch.randn_like(weights))
    return model


def tiny_gpt2() -> PreTrainedModel:
    """A GPT-2, whose matrices are stored the other way round."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.2,
                        bos_token_id=1, eos_token_id=1, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)  # fmt: skip
    return GPT2LMHeadModel(config)


def greedy(model: PreTrainedModel) -> list[tuple[int, ...]]:
    params = SamplingParams(n=1, max_tokens=12, temperature=0.0, stop_ids=(), seed=0)
    return [tuple(drawn[0].token_ids) for drawn in TorchEngine(model).sample([[5, 6, 7], [9]], params)]


@pytest.mark.parametrize("rslora", [False, True])
def test_it_adds_its_two_matrices_and_runs_packed_with_the_gradients_of_plain_forwards(rslora: bool) -> None:
    plain, model = tiny_qwen(), adapted(tiny_qwen(), LoraAdapter(rank=4, alpha=6, rslora=rslora))
    scaling = 6 / 2 if rslora else 6 / 4
    for name, layer in adapted_layers(model).items():
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        plain.get_submodule(name).weight.data += scaling * (up @ down).detach()
    assert len(adapted_layers(model)) == 2 * 7
    examples, policy = examples_of_groups(), Policy(model)
    assert policy.packed
    found = policy.statistics(examples, 0.7)
    expected, entropies = plain_statistics(plain, examples, 0.7)
    assert torch.allclose(found.logprobs, expected, atol=5e-6)
    assert torch.allclose(found.entropies, entropies, atol=5e-6)
    one_by_one, _ = plain_statistics(model, examples, 0.7)
    weights = torch.sin(torch.arange(len(expected)))
    ours, theirs = (_gradient(model, (weights * logprobs).sum()) for logprobs in (found.logprobs, one_by_one))
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-6


def _gradient(model: PreTrainedModel, value: Tensor) -> Tensor:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.cat([each.flatten() for each in torch.autograd.grad(value, trained)])


def test_at_first_it_adds_nothing_and_a_seed_decides_what_it_learns_from() -> None:
    one, other, another = tiny_qwen(), tiny_qwen(), tiny_qwen()
    for model, seed in ((one, 0), (other, 0), (another, 5)):
        adapt(model, LoraAdapter(rank=4), seed)
    examples = examples_of_groups()
    assert torch.equal(Policy(one).statistics(examples).logprobs, Policy(tiny_qwen()).statistics(examples).logprobs)
    first, same, different = (trained_state(model) for model in (one, other, another))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], different[name]) for name in first)


def test_only_its_weights_are_in_the_optimizer_and_only_they_move() -> None:
    model = adapted(tiny_qwen(), trained=False)
    optimiser = Optimiser(model, OptimisationConfig(learning_rate=0.01), total_steps=10)
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    for step in (1, 2):
        Policy(model).statistics(examples_of_groups()).logprobs.mean().backward()
        optimiser.update(step)
    held = sum(moment["exp_avg"].numel() for moment in optimiser.state_dict()["state"].values())
    assert held == sum(weights.numel() for weights in trained_state(model).values())
    assert all(torch.equal(frozen[name], p) for name, p in model.named_parameters() if name in frozen)
    assert all("lora_" in name and weights.abs().sum() > 0 for name, weights in trained_state(model).items())


def test_the_engine_takes_its_fast_way_and_samples_what_the_merged_model_would() -> None:
    model = adapted(tiny_qwen())
    assert GroupedQueryForward.of(model, 64) is not None
    merged = tiny_qwen()
    merged.load_state_dict(dict(merged_weights(model)))
    assert greedy(model) == greedy(merged) != greedy(tiny_qwen())
    with adapter_of(model, {}):
        assert greedy(model) == greedy(tiny_qwen())


@pytest.mark.parametrize("make", [tiny_qwen, tiny_gemma, tiny_gpt2], ids=lambda make: make.__name__)
def test_a_checkpoint_is_a_whole_model_and_an_adapter_that_peft_reads(make: object, tmp_path: Path) -> None:
    model = adapted(make())  # type: ignore[operator]
    save_model(model, tmp_path)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert not adapted_layers(merged)
    assert merged.state_dict().keys() == make().state_dict().keys()  # type: ignore[operator]
    assert greedy(merged) == greedy(model)
    ids = torch.tensor([[5, 6, 7, 8]])
    by_peft = PeftModel.from_pretrained(make(), tmp_path / FOLDER).eval()  # type: ignore[operator]
    logits = [each(ids).logits for each in (model.eval(), merged, by_peft)]
    assert torch.allclose(logits[0], logits[1], atol=1e-5)
    assert torch.equal(logits[0], logits[2])

    again = adapted(make(), trained=False)  # type: ignore[operator]
    load_adapter(again, tmp_path)
    assert all(torch.equal(weights, trained_state(model)[name]) for name, weights in trained_state(again).items())


def test_a_checkpoint_of_a_model_on_a_gpu_is_merged_in_host_memory_and_has_a_tied_head_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[Tensor] = []

    def to_host(tensor: Tensor) -> Tensor:
        moved.append(tensor)  # held, so that no other is put at its address
        return tensor.clone()  # as from another device

    monkeypatch.setattr(Tensor, "cpu", to_host)
    model = adapted(tiny_gemma())
    save_model(model, tmp_path)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        saved = set(file.keys())
    assert "model.embed_tokens.weight" in saved
    assert "lm_head.weight" not in saved
    shapes = [tensor.shape for tensor in moved]
    assert all(layer.base_layer.weight.shape in shapes for layer in adapted_layers(model).values())
    assert greedy(AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()) == greedy(model)


def test_a_checkpoint_is_refused_beside_another_model_or_adapter(tmp_path: Path) -> None:
    save_model(adapted(tiny_qwen()), tmp_path / "adapted")
    with pytest.raises(InputError, match="has changed"):
        load_adapter(adapted(tiny_qwen(seed=1)), tmp_path / "adapted")
    with pytest.raises(InputError, match="another adapter"):
        load_adapter(adapted(tiny_qwen(), LoraAdapter(rank=8)), tmp_path / "adapted")
    save_model(tiny_qwen(), tmp_path / "whole")
    with pytest.raises(InputError, match="holds no adapter"):
        load_adapter(adapted(tiny_qwen()), tmp_path / "whole")


def test_the_reference_is_the_policy_without_its_adapter_or_with_an_earlier_one() -> None:
    """To what a copy says, and the policy's gradients are its own again afterwards."""
    model, examples = adapted(tiny_qwen(), trained=False), examples_of_groups()
    policy = Policy(model)
    reference, copies = reference_to(policy), [CopiedReference(policy)]
    assert isinstance(reference, AdapterReference)
    assert reference.model is model
    for refreshed in (False, True):
        if refreshed:
            reference.refresh()
            copies.append(CopiedReference(policy))
        for weights in trained_state(model).values():
            weights.add_(0.1 * torch.randn_like(weights))
        before = _gradient(model, policy.statistics(examples).logprobs.sum())
        found = reference.logprobs(examples, 1.0)
        assert torch.allclose(found, copies[-1].logprobs(examples, 1.0), atol=1e-6)
        assert not torch.allclose(found, policy.statistics(examples).logprobs, atol=1e-2)
        with reference.answering():
            assert greedy(reference.model) == greedy(copies[-1].model)
        later = AdapterReference(policy)
        later.load_state_dict(reference.state_dict())
        assert torch.equal(later.logprobs(examples, 1.0), found)
        assert torch.equal(_gradient(model, policy.statistics(examples).logprobs.sum()), before)


def test_reward_models_and_critics_learn_their_head_beside_the_adapter(tmp_path: Path) -> None:
    policy = adapted(tiny_qwen())
    with adapter_of(policy, {}):
        plain = RewardModel.from_policy(policy, heads=2)
    assert torch.equal(plain.model.base_model.layers[0].self_attn.q_proj.weight,
                       tiny_qwen().base_model.layers[0].self_attn.q_proj.weight)  # fmt: skip
    adapted(plain.model)
    assert plain.packed
    assert {name for name in trained_state(plain.model) if "lora_" not in name} == {"score.weight"}
    plain.save(tmp_path)
    loaded, told = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"]
    assert not adapted_layers(loaded)
    examples = examples_of_groups()
    read = RewardModel.load(tmp_path, torch.device("cpu"))
    assert torch.allclose(read.rewards(examples), plain.rewards(examples), atol=1e-5)

    critic = Critic.from_policy(policy)
    adapted(critic.module)
    state = {name: weights.clone() for name, weights in critic.state_dict().items()}
    assert state.keys() == trained_state(critic.module).keys()
    values = critic.values(examples).detach()
    for weights in trained_state(critic.module).values():
        weights.zero_()
    critic.load_state_dict(state)
    assert torch.equal(critic.values(examples), values)


@pytest.mark.parametrize("targets", ["lm_head", "embed_tokens", "q_proj, nowhere, lm_head", "nowhere"])
def test_ends_of_the_model_and_names_that_are_not_there_are_refused(targets: str) -> None:
    with pytest.raises(InputError, match=r"adapter\.targets"):
        adapt(tiny_qwen(), LoraAdapter(targets=targets), seed=0)


def test_named_layers_get_one_alone() -> None:
    model = adapted(tiny_qwen(), LoraAdapter(targets=" q_proj,v_proj "))
    assert {name.rsplit(".", 1)[-1] for name in adapted_layers(model)} == {"q_proj", "v_proj"}


def test_four_bits_are_refused_without_a_gpu() -> None:
    with pytest.raises(InputError, match="needs a GPU"):
        adapt(tiny_qwen(), QloraAdapter(), seed=0)
