"""Conversations on the built-in tokenizer, and an executor that runs nothing."""

from functools import cache
from typing import Any

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.agent.conversation import Conversation, Rules
from training.agent.templates import TurnTemplate
from training.builtin import MODEL_DIR
from training.codec import Codec
from training.config import AgenticConfig, PromptConfig
from training.sampling.types import Completion, FinishReason


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(MODEL_DIR)
    return loaded


def codec(prefix: str = "", **prompt: Any) -> Codec:
    return Codec(tokenizer(), PromptConfig(**prompt), [tokenizer().eos_token_id], prefix)


def conversation(budget: int = 400, prompt: dict[str, Any] | None = None, **config: Any) -> Conversation:
    agentic = AgenticConfig(enabled=True, **config)
    made = codec(agentic.prefix, **(prompt or {"tools": "template"}))
    return Conversation(Rules(agentic, made, TurnTemplate(made)), made.prompt_ids("1+1=?"), budget)


def ids(text: str) -> list[int]:
    return list(tokenizer()(text, add_special_tokens=False)["input_ids"])


def drawn(text: str, reason: FinishReason = "stop") -> Completion:
    """A turn that says this, with the end of the turn where it stopped by itself."""
    tokens = ids(text) + ([tokenizer().eos_token_id] if reason == "stop" else [])
    return Completion(tokens, np.full(len(tokens), -0.5, np.float32), np.ones(len(tokens), np.float32), reason, 0)


def call(code: str = "print(2)", name: str = "python") -> str:
    return f'<tool_call>{{"name": "{name}", "arguments": {{"code": "{code}"}}}}</tool_call>'
