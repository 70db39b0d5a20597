"""The tokenizer of the built-in model: byte-level BPE over single digits, single symbols and short words.

Every text round-trips, since each of the 256 bytes is a token; a few hundred merges make English cheaper than one token
a character. The tags of reasoning and tool use are single tokens that decoding keeps.
"""

from collections.abc import Sequence
from typing import cast

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY_SIZE = 512
CONTEXT_LENGTH = 2048
RESERVED_TOKENS = 16

PAD, END_OF_TEXT, TURN_START, TURN_END = "<|pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TAGS = (
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
)

# A digit, a symbol or a white-space character is always a token of its own; only letters merge, so that a number is
# read the same way wherever it stands.
_PIECES = Regex(r"\p{N}| ?[A-Za-z]+|\s|[^\sA-Za-z\p{N}]")

# Of tools a prompt tells the names only: a small model learns from examples how to call them, and its context is short.
_CHAT_TEMPLATE = (
    "{% if tools %}"
    "<|im_start|>tool{% for tool in tools %}{{ '\n' + tool['function']['name'] }}{% endfor %}<|im_end|>\n"
    "{% endif %}"
    "{% for message in messages %}"
    "{% if tools and message['role'] == 'tool' %}"
    "{% if loop.first or loop.previtem['role'] != 'tool' %}{{ '<|im_start|>user\n' }}{% endif %}"
    "<tool_response>\n{{ message['content'] }}\n</tool_response>"
    "{{ '<|im_end|>\n' if loop.last or loop.nextitem['role'] != 'tool' else '\n' }}"
    "{% else %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# Words that open a line or a turn, so that they come without a space before them.
_OPENING_WORDS = "user assistant system tool Start wait verify The She He How If Let"

# Words of arithmetic and of word problems, most wanted lines first: the merges are learned from these.
_COMMON_WORDS = """
 the of to and a in is he she it how many has for each was on with her his they at all
 by then add subtract multiply divide start wait check verify however let me answer so
 number total more than if what are do does did have had as be from that this there per much less left after first
 bought sold gave cost price money dollars cents day days week weeks month year years hour hours minute minutes time
 people children students class school book books page pages apple apples box boxes car cars mile miles
 half twice times sum product difference equal find value integer positive real function such solve show where which
 one two three four five six seven eight nine ten hundred thousand
"""


def build_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Learn the merges from `texts` and a list of common words; the same texts give the same tokenizer."""
    special = [PAD, END_OF_TEXT, TURN_START, TURN_END]
    reserved = [f"<|reserved_{index}|>" for index in range(RESERVED_TOKENS)]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(TAGS),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special + reserved],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator([*texts, *_word_corpus()], trainer)
    core.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return cast(
        PreTrainedTokenizerFast,
        PreTrainedTokenizerFast(
            tokenizer_object=core,
            pad_token=PAD,
            eos_token=TURN_END,
            additional_special_tokens=[END_OF_TEXT, TURN_START, *reserved],
            chat_template=_CHAT_TEMPLATE,
            model_max_length=CONTEXT_LENGTH,
            padding_side="left",
            clean_up_tokenization_spaces=False,
        ),
    )


def _word_corpus() -> list[str]:
    """Opening words, and each line of common words, repeated so that earlier ones weigh more."""
    lines = [line for line in _COMMON_WORDS.split("\n") if line]
    common = [line for rank, line in enumerate(lines) for _ in range(10 * (len(lines) - rank))]
    return [*(word for word in _OPENING_WORDS.split() for _ in range(100)), *common]
