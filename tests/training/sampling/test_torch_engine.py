"""What is particular to the torch engine: which forward it takes, the module it shares, its memory, and its speed."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, MambaConfig, PreTrainedModel, T5Config, T5ForConditionalGeneration

from tests.training.sampling.cases import CONFIGS, tiny_model
from tests.training.sampling.truth import logprobs_and_entropies
from training.sampling.batch import LOOK_EVERY
from training.sampling.forward import TransformersForward, forward_for
from training.sampling.grouped_query import GroupedQueryForward
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams

PARAMS = SamplingParams(n=4, max_tokens=24, temperature=1.0, stop_ids=(3, 11), seed=5)


def fresh_model(name: str = "qwen2") -> PreTrainedModel:
    torch.manual_seed(3)
    return AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.float32)


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "llama"])
def test_the_llama_family_runs_on_its_own_layers(name: str) -> None:
    assert type(forward_for(tiny_model(name), 10)) is GroupedQueryForward


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "mistral-sliding"])
def test_other_structures_run_through_transformers(name: str) -> None:
    assert type(forward_for(tiny_model(name), 10)) is TransformersForward


class ScaledLinear(nn.Linear):
    """A linear layer that is not quite one, as adapters and quantised layers are."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        return 1.5 * super().forward(input)


def add_a_hook(model: PreTrainedModel) -> None:
    model.model.layers[0].mlp.register_forward_hook(lambda module, inputs, output: 1.5 * output)


def replace_a_layer(model: PreTrainedModel) -> None:
    model.model.layers[1].self_attn.o_proj.__class__ = ScaledLinear


@pytest.mark.parametrize("alter", [add_a_hook, replace_a_layer])
def test_an_altered_model_is_sampled_as_altered(alter, prompts: list[list[int]]) -> None:  # type: ignore[no-untyped-def]
    model = fresh_model().eval()
    plain = TorchEngine(model).sample(prompts, PARAMS)
    alter(model)
    altered = TorchEngine(model).sample(prompts, PARAMS)
    assert [[each.token_ids for each in row] for row in plain] != [[each.token_ids for each in row] for row in altered]
    for prompt, of_prompt in zip(prompts, altered, strict=True):
        logprobs, _ = logprobs_and_entropies(model, prompt, of_prompt[0].token_ids, PARAMS)
        np.testing.assert_allclose(of_prompt[0].logprobs, logprobs.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", ["qwen2", "gpt-neox"])
def test_weights_changed_in_place_are_sampled_from_at_once(name: str, prompts: list[list[int]]) -> None:
    model = fresh_model(name).eval()
    engine = TorchEngine(model, prefix_bytes=1 << 24)
    engine.sample(prompts, PARAMS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    engine.update_weights(1)
    for prompt, of_prompt in zip(prompts, engine.sample(prompts, PARAMS), strict=True):
        logprobs, _ = logprobs_and_entropies(model, prompt, of_prompt[0].token_ids, PARAMS)
        np.testing.assert_allclose(of_prompt[0].logprobs, logprobs.numpy(), atol=1e-4)


def test_weights_that_are_handed_over_are_sampled_from(prompts: list[list[int]]) -> None:
    source, engine = tiny_model("qwen2"), TorchEngine(fresh_model())
    engine.update_weights(1, source.named_parameters())
    for got, wanted in zip(engine.sample(prompts, PARAMS), TorchEngine(source).sample(prompts, PARAMS), strict=True):
        assert [each.token_ids for each in got] == [each.token_ids for each in wanted]
    with pytest.raises(ValueError, match="no parameter named 'nonsense'"):
        engine.update_weights(2, [("nonsense", torch.zeros(1))])


def test_a_model_in_training_is_sampled_without_dropout_and_left_in_training(prompts: list[list[int]]) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        type(CONFIGS["gpt2"])(**{**CONFIGS["gpt2"].to_dict(), "resid_pdrop": 0.5}), dtype=torch.float32
    )
    model.train()
    model.gradient_checkpointing_enable()
    in_training = TorchEngine(model).sample(prompts, PARAMS)
    assert model.training
    model.eval()
    for got, wanted in zip(in_training, TorchEngine(model).sample(prompts, PARAMS), strict=True):
        assert [each.token_ids for each in got] == [each.token_ids for each in wanted]


def test_gradients_can_be_taken_after_and_inside_a_call(prompts: list[list[int]]) -> None:
    model = fresh_model()
    losses: list[float] = []

    def learn(prompt_index: int, sample_index: int, completion: object) -> None:
        loss = model(input_ids=torch.tensor([prompts[prompt_index]])).logits.logsumexp(-1).mean()
        loss.backward()
        losses.append(loss.item())

    TorchEngine(model).sample(prompts, replace(PARAMS, n=1), on_finish=learn)
    assert len(losses) == len(prompts)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_error_in_the_callers_code_leaves_the_engine_usable(prompts: list[list[int]]) -> None:
    engine = TorchEngine(fresh_model())
    expected = engine.sample(prompts, PARAMS)

    def fail(*_: object) -> None:
        raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="the caller's own"):
        engine.sample(prompts, PARAMS, on_finish=fail)
    again = engine.sample(prompts, PARAMS)
    assert [each.token_ids for each in again[0]] == [each.token_ids for each in expected[0]]


@pytest.mark.parametrize("max_rows", [5, 256])
def test_rows_that_end_stop_costing(max_rows: int, prompts: list[list[int]]) -> None:
    engine = TorchEngine(tiny_model("qwen2"), max_rows=max_rows)
    engine.sample(prompts, replace(PARAMS, n=16))
    counters = engine.counters
    # A row's first token comes from the prefill, each later one from exactly one row of one step.
    assert counters.decode_rows == counters.tokens_sampled - 16 * len(prompts)
    assert max_rows < 256 or counters.decode_steps == PARAMS.max_tokens - 1


def test_looking_seldom_for_ended_rows_changes_no_sample(
    prompts: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    often = TorchEngine(tiny_model("qwen2"), max_rows=9).sample(prompts, PARAMS)
    monkeypatch.setitem(LOOK_EVERY, "cpu", 8)
    seldom = TorchEngine(tiny_model("qwen2"), max_rows=9, prefix_bytes=1 << 24)
    for got, wanted in zip(seldom.sample(prompts, PARAMS), often, strict=True):
        assert [each.token_ids for each in got] == [each.token_ids for each in wanted]
        assert [each.finish_reason for each in got] == [each.finish_reason for each in wanted]
    assert seldom.counters.decode_rows > seldom.counters.tokens_sampled
    # What a row drew after its stop id is not kept as part of its prefix.
    paths = [prompt + of_prompt[1].token_ids for prompt, of_prompt in zip(prompts, often, strict=True)]
    fresh = TorchEngine(tiny_model("qwen2")).sample(paths, PARAMS)
    for got, wanted in zip(seldom.sample(paths, PARAMS), fresh, strict=True):
        assert [each.token_ids for each in got] == [each.token_ids for each in wanted]


def test_memory_bounds_the_rows_in_flight_and_not_the_result(prompts: list[list[int]]) -> None:
    # 2 layers x keys and values x 2 heads x 8 numbers x 4 bytes a token; the longest sample has 64 tokens.
    row_bytes = 64 * 2 * 2 * 2 * 8 * 4
    roomy, tight = TorchEngine(tiny_model("qwen2")), TorchEngine(tiny_model("qwen2"), kv_bytes=2 * row_bytes)
    expected, got = roomy.sample(prompts, PARAMS), tight.sample(prompts, PARAMS)
    assert [[each.token_ids for each in row] for row in got] == [[each.token_ids for each in row] for row in expected]
    assert tight.counters.decode_rows / tight.counters.decode_steps <= 2
    with pytest.raises(ValueError, match="raise kv_bytes"):
        TorchEngine(tiny_model("qwen2"), kv_bytes=row_bytes - 1).sample(prompts, PARAMS)


def test_long_samples_outgrow_the_first_buffers(prompts: list[list[int]]) -> None:
    params = replace(PARAMS, n=3, max_tokens=200, stop_ids=())
    for max_rows in (2, 64):
        results = TorchEngine(tiny_model("qwen2"), max_rows=max_rows).sample(prompts, params)
        for prompt, of_prompt in zip(prompts, results, strict=True):
            for completion in of_prompt[::2]:
                logprobs, _ = logprobs_and_entropies(tiny_model("qwen2"), prompt, completion.token_ids, params)
                np.testing.assert_allclose(completion.logprobs, logprobs.numpy(), atol=1e-4)


def test_a_diverged_model_is_named_as_such() -> None:
    model = fresh_model()
    with torch.no_grad():
        model.model.norm.weight[3] = torch.nan
    with pytest.raises(FloatingPointError, match="diverged"):
        TorchEngine(model).sample([[1, 2], [3]], PARAMS)


def test_models_without_keys_and_values_in_every_layer_are_refused() -> None:
    mamba = AutoModelForCausalLM.from_config(MambaConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1))
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=20, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8))
    with pytest.raises(ValueError, match="recurrent state"):
        TorchEngine(mamba)
    with pytest.raises(ValueError, match="encoder-decoder"):
        TorchEngine(t5)


def test_a_bfloat16_model_is_sampled_in_bfloat16(prompts: list[list[int]]) -> None:
    model = fresh_model().to(torch.bfloat16).eval()
    for completion in itertools.chain(*TorchEngine(model).sample(prompts, PARAMS)):
        assert np.isfinite(completion.logprobs).all()
        assert (completion.logprobs <= 0).all()
