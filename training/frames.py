"""A model that processes share is read by the first alone: the others get its frame, and weights part by part.

A frame is the model without weights: of the same structure, ties, config and buffers. So none but the first process
ever has more of the weights in its memory than its slices and the part that is being handed out.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from training.distributed import Processes
from training.errors import InputError

Extra = TypeVar("Extra")
Places = dict[str, list[tuple[nn.Module, str]]]
"""Where each weight of a model belongs, by its name: module and attribute; tied ones have several places."""


def without_weights(model: PreTrainedModel, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """A copy of the model, of the same structure and buffers, whose weights are nowhere."""
    memo: dict[int, Any] = {
        id(parameter): nn.Parameter(torch.empty_like(parameter, device="meta", dtype=dtype), requires_grad=False)
        for parameter in model.parameters()
    }
    return copy.deepcopy(model, memo)


def has_weights(model: PreTrainedModel) -> bool:
    """Whether it is more than a frame."""
    return bool(model.device.type != "meta")


def read_once(read: Callable[[], tuple[PreTrainedModel, Extra]], processes: Processes) -> tuple[PreTrainedModel, Extra]:
    """What `read` returns in the first process; in the others the model's frame, and the rest.

    Raises InputError in all of them where `read` does in the first.
    """
    found, error, told = None, None, None
    if processes.is_first:
        try:
            found = read()
            told = (without_weights(found[0]), found[1]) if processes.count > 1 else found
        except InputError as fault:
            error = fault
    words, told = processes.told_by_first((None if error is None else str(error), told))
    if error is not None:
        raise error
    if told is None:
        raise InputError(str(words))
    return found or told


def places_of(model: PreTrainedModel) -> Places:
    """The places of all its weights."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    places: Places = {name: [] for name in names.values()}
    for module in model.modules():
        for attribute, parameter in module._parameters.items():
            if parameter is not None:
                places[names[id(parameter)]].append((module, attribute))
    return places


def hand_out(part: nn.Module, places: Places, processes: Processes, device: torch.device) -> None:
    """Have the first process's weights of this part of a model on `device`, in all processes.

    The others may have a frame. What has been shared out already stays as it is; all learn.
    """
    own = {id(parameter) for parameter in part.parameters()}
    for spots in places.values():
        module, attribute = spots[0]
        parameter = module._parameters[attribute]
        if parameter is None or id(parameter) not in own or isinstance(parameter, DTensor):
            continue
        if processes.is_first:
            value = parameter.detach().to(device)
        else:
            value = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
        processes.spread(value)
        whole = nn.Parameter(value)
        for module, attribute in spots:
            module._parameters[attribute] = whole
