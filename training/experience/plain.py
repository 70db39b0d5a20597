"""Groups as plain values and back, for those that a checkpoint must hold since a later step learns from them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from training.experience.types import Group, Rollout
from training.problems.types import Problem

PLAIN = (
    "token_ids", "text", "finish_reason", "weights_version", "parts", "reward", "correct", "extracted", "selected",
)  # fmt: skip
ARRAYS = ("sampler_logprobs", "entropies")


def plain_group(group: Group) -> dict[str, Any]:
    """A scored group of direct responses that was not learned from yet, as plain values and tensors."""
    return {
        "problem": group.problem.id,
        "prompt_ids": group.prompt_ids,
        "weights_version": group.weights_version,
        "rollouts": [
            {name: getattr(rollout, name) for name in PLAIN}
            | {name: torch.from_numpy(getattr(rollout, name)) for name in ARRAYS}
            for rollout in group.rollouts
        ],
    }


def group_from(plain: Mapping[str, Any], problem_of: Callable[[str], Problem]) -> Group:
    """The group again; `problem_of` knows problems by their ids."""
    rollouts = [
        Rollout(**(values | {name: values[name].cpu().numpy() for name in ARRAYS})) for values in plain["rollouts"]
    ]
    return Group(problem_of(plain["problem"]), plain["prompt_ids"], rollouts, plain["weights_version"])
