"""The shipped model: loads like any checkpoint and has the latent skill its card claims."""

import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen2ForCausalLM

from training.builtin import MODEL_DIR
from training.builtin.measure import Measurement, measure
from training.problems.arithmetic import generate


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    loaded = AutoModelForCausalLM.from_pretrained(MODEL_DIR)
    assert isinstance(loaded, Qwen2ForCausalLM)
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(MODEL_DIR)


@pytest.fixture(scope="module")
def middle(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Measurement:
    return measure(model, tokenizer, generate("middle", 64, "heldout", 1), samples=8, max_tokens=96, seed=1)


def test_the_weights_are_small_and_in_full_precision(model: Qwen2ForCausalLM) -> None:
    assert 1_000_000 <= model.num_parameters() <= 2_000_000
    assert model.dtype == torch.float32
    assert (MODEL_DIR / "model.safetensors").stat().st_size <= 8_000_000


def test_model_and_tokenizer_agree(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.max_position_embeddings == tokenizer.model_max_length == 2048


def test_it_mostly_guesses_and_is_mostly_wrong_then(middle: Measurement) -> None:
    assert 0.6 <= 1 - middle.worked <= 0.8
    assert middle.right_when_guessed <= 0.2


def test_shown_steps_mostly_succeed_so_that_learning_can_bring_them_out(middle: Measurement) -> None:
    # About 140 worked samples and 512 in all: the card's 0.77 and 0.23, three standard errors wide.
    assert middle.right_when_worked >= 0.65
    assert 0.17 <= middle.pass_at[1] <= 0.35
    assert middle.truncated <= 0.01


def test_sampled_responses_are_short_and_some_reflect(middle: Measurement) -> None:
    assert middle.mean_length <= 25
    assert middle.longest <= 96
    assert 0.02 <= middle.reflecting <= 0.2


def test_the_hard_level_is_rarely_solved_but_not_never(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    hard = measure(model, tokenizer, generate("hard", 32, "heldout", 1), samples=64, max_tokens=128, seed=2)
    assert hard.pass_at[1] < 0.08
    assert hard.pass_at[64] >= 0.2


def test_the_card_states_the_command_and_a_row_a_level() -> None:
    card = (MODEL_DIR / "README.md").read_text(encoding="utf-8")
    assert "python -m training.builtin.build --out DIR --seed" in card
    assert all(f"\n| {level} | " in card for level in ("easy", "middle", "hard"))


def test_asking_for_the_folder_loads_no_torch() -> None:
    code = "import sys, training.builtin; assert training.builtin.MODEL_DIR.is_dir(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
