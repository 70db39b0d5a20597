"""Demonstrated conversations as examples to learn from: the same tokens as a rollout's, the same ones learned."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from training.agent.templates import TurnTemplate
from training.batching import Example
from training.codec import Codec
from training.problems.types import DemonstratedTurn, Problem


def demonstration(problem: Problem, codec: Codec, template: TurnTemplate) -> Example:
    """The problem's turns behind its prompt. The model's turns are learned, their ends included; nothing else is."""
    response, mask = _tokens(problem.turns, codec, template)
    return Example(codec.prompt_ids(problem.prompt), response, None if all(mask) else np.array(mask))


def conversation_ids(prompt: str, turns: Sequence[DemonstratedTurn], codec: Codec, template: TurnTemplate) -> list[int]:
    """The prompt and the turns so far, which end with a tool's, up to where the model goes on."""
    return [*codec.prompt_ids(prompt), *_tokens(turns, codec, template)[0]]


def _tokens(turns: Sequence[DemonstratedTurn], codec: Codec, template: TurnTemplate) -> tuple[list[int], list[bool]]:
    """What follows the prompt, and which tokens of it are the model's."""
    response: list[int] = []
    mask: list[bool] = []
    for role, said in groupby(turns, key=lambda turn: turn.role):
        if role == "model":
            ids = _turn_ids(list(said), codec)
        else:
            ids = template.between([turn.text for turn in said], response[-1]).ids
        response += ids
        mask += [role == "model"] * len(ids)
    return response, mask


def _turn_ids(turns: Sequence[DemonstratedTurn], codec: Codec) -> list[int]:
    return [token for turn in turns for token in codec.response_ids(turn.text)]
