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
    response: list[int] = []
    mask: list[bool] = []
    for role, turns in groupby(problem.turns, key=lambda turn: turn.role):
        if role == "model":
            ids = _turn_ids(list(turns), codec)
        else:
            ids = template.between([turn.text for turn in turns], response[-1]).ids
        response += ids
        mask += [role == "model"] * len(ids)
    return Example(codec.prompt_ids(problem.prompt), response, None if all(mask) else np.array(mask))


def _turn_ids(turns: Sequence[DemonstratedTurn], codec: Codec) -> list[int]:
    return [token for turn in turns for token in codec.response_ids(turn.text)]
