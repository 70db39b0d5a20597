"""Tiny models with random weights."""

import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

VOCABULARY = 48


def tiny_qwen(seed: int = 0) -> PreTrainedModel:
    """A Qwen2 of grouped-query heads, whose weights are large enough to make sharp distributions."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.2,
        pad_token_id=0,
        eos_token_id=1,
    )
    return Qwen2ForCausalLM(config)


def tiny_gemma() -> PreTrainedModel:
    """A Gemma-2, whose soft-capped logits and sliding windows packed attention does not cover."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=4,
        final_logit_softcapping=2.0,
        initializer_range=0.2,
    )
    return Gemma2ForCausalLM(config)
