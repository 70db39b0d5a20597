"""torch.compile for the parts of a model that work token by token: norms and gated MLPs become one kernel each.

Attention stays as it is: it works on blocks whose number and shapes change with every batch, and would be compiled anew
for each.
"""

import logging

import torch
from torch import nn
from transformers import PreTrainedModel

logger = logging.getLogger("training")

PARTS = ("mlp", "input_layernorm", "post_attention_layernorm", "feed_forward")
"""Names of such parts in a block, in transformers' models."""
PROBE_TOKENS = 3


def compile_parts(model: PreTrainedModel) -> bool:
    """Compile them in place; they take any number of tokens. Where that fails, says so and leaves all as it was.

    The first passes are slow. Without a gradient at stake each part is compiled once more.
    """
    parts = [part for block in _blocks(model) for name in PARTS if (part := getattr(block, name, None)) is not None]
    if not parts:
        logger.warning("hardware.compile has no effect: %s has no parts known to work by token", type(model).__name__)
        return False
    hidden = model.config.get_text_config().hidden_size
    try:
        for part in parts:
            part.compile(dynamic=True)
        for part in parts[: len(PARTS)]:  # the others are alike
            part(torch.zeros(1, PROBE_TOKENS, hidden, device=model.device, requires_grad=True)).sum().backward()
    except Exception as error:  # the compiler raises whatever its own parts raise
        for part in parts:
            part._compiled_call_impl = None
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        logger.warning("the model is not compiled, and runs as it is: %s", first)
        return False
    finally:
        model.zero_grad(set_to_none=True)
    return True


def _blocks(model: PreTrainedModel) -> list[nn.Module]:
    return [block for each in model.base_model.children() if isinstance(each, nn.ModuleList) for block in each]
