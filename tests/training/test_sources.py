"""Checkpoints of many makes: sharded, in half precision, with and without a chat template."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GraniteConfig,
    Olmo2Config,
    Phi3Config,
    PreTrainedTokenizerFast,
    SmolLM3Config,
)

from tests.training.sampling.cases import CONFIGS, GROUPED, VOCABULARY
from tests.training.test_policy import plain_statistics
from training.assembly.parts import within_context
from training.batching import Example
from training.codec import Codec, stop_ids
from training.config import PromptConfig, RunConfig
from training.errors import InputError
from training.policy import Policy
from training.reward_model import RewardModel
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import SamplingParams
from training.sources import load_folder
from training.start import start_reward_model

CPU = torch.device("cpu")
MAKES = CONFIGS | {
    "gemma2": Gemma2Config(**GROUPED, head_dim=8),  # tied
    "olmo2": Olmo2Config(**GROUPED),
    "phi3": Phi3Config(**GROUPED),
    "granite": GraniteConfig(**GROUPED, embedding_multiplier=3.0, logits_scaling=2.0, residual_multiplier=0.5),
    "smollm3": SmolLM3Config(**GROUPED),
}
PADDED = {"gemma2", "mistral-sliding", "granite"}
"""Makes whose attention is not that of packed passes, or whose logits are not the head's alone."""


def tokenizer(eos: bool = True) -> PreTrainedTokenizerFast:
    words = {"a": 0, "b": 1, "<end>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    of_words = Tokenizer(models.WordLevel(words, unk_token="a"))  # a token of text
    of_words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=of_words, **({"eos_token": "<end>"} if eos else {}))


@pytest.mark.parametrize("make", MAKES)
def test_a_sharded_checkpoint_in_half_precision_is_trained_and_sampled_in_full(make: str, tmp_path: Path) -> None:
    """As its own forward has it, packed where its attention is known, whatever else differs."""
    torch.manual_seed(0)
    saved_as = torch.float16 if make == "llama" else torch.bfloat16
    saved = AutoModelForCausalLM.from_config(MAKES[make], dtype=torch.float32).to(saved_as)
    saved.save_pretrained(tmp_path, max_shard_size="10KB")
    tokenizer().save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 1

    model, _ = load_folder(tmp_path, CPU)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for (name, ours), theirs in zip(model.named_parameters(), saved.parameters(), strict=True):
        assert torch.equal(ours, theirs.float()), name
    heads = [each.get_output_embeddings().weight is each.get_input_embeddings().weight for each in (model, saved)]
    assert heads[0] == heads[1]  # tied or not

    policy = Policy(model)
    assert policy.packed is (make not in PADDED)
    examples = [Example([5, 6, 7], [8, 9, 4]), Example([5, 6, 7], [3]), Example([11], [12, 13, 14, 15, 16])]
    found = policy.statistics(examples).logprobs
    expected, _ = plain_statistics(model, examples, 1.0)
    assert torch.allclose(found, expected, atol=5e-6)
    found.sum().backward()

    params = SamplingParams(n=1, max_tokens=8, temperature=0.0, stop_ids=(), seed=0)
    drawn = TorchEngine(model).sample([[5, 6, 7]], params)[0][0].token_ids
    with torch.no_grad():
        likely = model(torch.tensor([[5, 6, 7, *drawn]])).logits[0, 2:-1].argmax(-1)
    assert likely.tolist() == list(drawn)


def test_what_a_tokenizer_lacks_is_said_and_padding_is_never_needed(tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_config(CONFIGS["llama"])
    model.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    loaded, words = load_folder(tmp_path, CPU)
    assert words.pad_token_id is None
    with pytest.raises(InputError, match="no chat template"):
        Codec(words, PromptConfig(), stop_ids(loaded, words))
    plain = Codec(words, PromptConfig(template="plain"), stop_ids(loaded, words))
    assert plain.response_ids("b a") == [1, 0, 2]
    with pytest.raises(InputError, match="end-of-sequence"):
        stop_ids(loaded, tokenizer(eos=False))


def test_the_attention_of_a_model_can_be_chosen_where_it_has_one(tmp_path: Path) -> None:
    AutoModelForCausalLM.from_config(CONFIGS["llama"]).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    eager, _ = load_folder(tmp_path, CPU, "eager")
    assert eager.config._attn_implementation == "eager"
    assert load_folder(tmp_path, CPU)[0].config._attn_implementation == "sdpa"
    with pytest.raises(InputError, match="cannot load the model"):
        load_folder(tmp_path, CPU, "nonesuch")


def test_a_reward_model_keeps_the_attention_that_was_chosen_when_it_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    RewardModel.from_policy(AutoModelForCausalLM.from_config(CONFIGS["llama"])).save(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    config = RunConfig.model_validate({"method": {"kind": "reward_model"}, "hardware": {"attention": "eager"}})
    model, _ = start_reward_model(config, tmp_path, CPU)
    assert model.model.config._attn_implementation == "eager"


def test_nothing_is_learned_beyond_the_models_positions(caplog: pytest.LogCaptureFixture) -> None:
    model = AutoModelForCausalLM.from_config(CONFIGS["gpt2"])
    assert within_context(model, 200) == 200
    assert not caplog.records
    assert within_context(model, 1000) == model.config.max_position_embeddings < 1000 + len(caplog.records)
