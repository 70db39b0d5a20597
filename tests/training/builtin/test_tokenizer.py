"""The shipped tokenizer: every text survives, digits stay single, tags are one token, prompts are cheap."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from training.builtin import MODEL_DIR
from training.builtin.tokenizer import RESERVED_TOKENS, TAGS, TURN_END, build_tokenizer
from training.problems.arithmetic import generate

WORD_PROBLEM = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether? 48/2 = <<48/2=24>>24\n#### 72"
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    loaded = AutoTokenizer.from_pretrained(MODEL_DIR)
    assert isinstance(loaded, PreTrainedTokenizerFast)
    return loaded


@pytest.mark.parametrize(
    "text",
    [
        WORD_PROBLEM,
        "Start with 12. Add 7.",
        "  two  spaces , tab\t, CRLF\r\n, no-break\u00a0, nul\x00 ",
        r"\frac{1}{2} $\le$ π ≈ 3.14 – “½” 你好 🧮 e\u0301 ١٢٣",
        "<think>12+7=19\n19*3=57</think><answer>57</answer>",
        "<thin k> <|im_star",
    ],
)
def test_any_text_comes_back_unchanged(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_every_digit_is_a_token_of_its_own(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("12+7*300=?")
    assert [tokenizer.decode([token]) for token in ids] == list("12+7*300=?")


def test_tags_are_single_tokens_that_decoding_keeps(tokenizer: PreTrainedTokenizerFast) -> None:
    for tag in TAGS:
        assert len(tokenizer.encode(tag)) == 1
        assert tokenizer.decode(tokenizer.encode(tag), skip_special_tokens=True) == tag


def test_end_of_turn_ends_and_is_dropped_from_text(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.eos_token == TURN_END
    assert tokenizer.decode(tokenizer.encode(f"57{TURN_END}"), skip_special_tokens=True) == "57"
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)


def test_there_is_room_for_further_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    reserved = [tokenizer.encode(f"<|reserved_{index}|>") for index in range(RESERVED_TOKENS)]
    assert len({token for ids in reserved for token in ids}) == RESERVED_TOKENS == len(reserved)


def test_the_chat_template_adds_eight_tokens_to_a_question(tokenizer: PreTrainedTokenizerFast) -> None:
    question = "12+7*3=?"
    messages = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    assert len(tokenizer.encode(text)) == len(tokenizer.encode(question)) + 8


def test_the_chat_template_knows_all_four_roles(tokenizer: PreTrainedTokenizerFast) -> None:
    roles = ("system", "user", "assistant", "tool")
    text = tokenizer.apply_chat_template([{"role": role, "content": role.upper()} for role in roles], tokenize=False)
    assert text == "".join(f"<|im_start|>{role}\n{role.upper()}<|im_end|>\n" for role in roles)


def test_english_costs_less_than_a_token_a_character(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer.encode(WORD_PROBLEM)) < 0.75 * len(WORD_PROBLEM)


def test_building_twice_gives_the_same_tokenizer(tmp_path: Path) -> None:
    texts = [problem.prompt for problem in generate("easy", 50, "train", 0)]
    for name in ("first", "second"):
        build_tokenizer(texts).save_pretrained(tmp_path / name)
    first, second = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("first", "second"))
    assert first == second
