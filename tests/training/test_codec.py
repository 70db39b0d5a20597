"""Prompts, stop ids, and where each token's text ends."""

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tests.training.models import tiny_qwen
from training.builtin import MODEL_DIR
from training.codec import Codec, stop_ids
from training.config import PromptConfig
from training.errors import InputError


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_DIR)


def codec(tokenizer: PreTrainedTokenizerBase, **prompt: str) -> Codec:
    return Codec(tokenizer, PromptConfig.model_validate(prompt), [tokenizer.eos_token_id])


def test_each_template_puts_the_problem_its_own_way(tokenizer: PreTrainedTokenizerBase) -> None:
    chat = codec(tokenizer, template="chat", system="Be brief.").prompt_text("2+2?")
    assert chat.index("Be brief.") < chat.index("2+2?") < chat.rindex("assistant")
    assert codec(tokenizer, template="plain").prompt_text("2+2?") == "2+2?\n"
    zero = codec(tokenizer, template="r1_zero").prompt_text("What is 2+2?")
    assert zero.startswith("A conversation between User and Assistant.")
    assert zero.endswith("User: What is 2+2?. Assistant:")


def test_a_tokenizer_without_a_chat_template_is_refused_with_a_way_out(tokenizer: PreTrainedTokenizerBase) -> None:
    template, tokenizer.chat_template = tokenizer.chat_template, None
    try:
        with pytest.raises(InputError, match=r"set prompt\.template to r1_zero or plain"):
            codec(tokenizer, template="chat")
    finally:
        tokenizer.chat_template = template


@pytest.mark.parametrize("text", ["12+7=19\nwait, 12+7=20", "<think>é√∑ 漢字</think><answer>🙂3</answer>", ""])
def test_token_ends_cut_the_text_into_its_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    one = codec(tokenizer)
    ids = one.response_ids(text)
    ends = one.token_ends(ids, one.text(ids))
    assert one.text(ids) == text
    assert len(ends) == len(ids)
    assert ends == sorted(ends)
    assert ends[-1] == len(text)
    if text.isascii():
        pieces = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        assert pieces == [one.text([token]) for token in ids]


def test_a_prompt_fits_when_its_tokens_do(tokenizer: PreTrainedTokenizerBase) -> None:
    one = codec(tokenizer)
    length = len(one.prompt_ids("What is 17+4?"))
    assert one.prompt_fits("What is 17+4?", length)
    assert not one.prompt_fits("What is 17+4?", length - 1)


def test_stop_ids_are_the_tokenizers_then_the_models(tokenizer: PreTrainedTokenizerBase) -> None:
    model = tiny_qwen()
    model.generation_config.eos_token_id = [7, tokenizer.eos_token_id]
    assert stop_ids(model, tokenizer) == [tokenizer.eos_token_id, 7]
