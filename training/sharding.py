"""A model shared out among the processes of a run (FSDP2): each keeps a slice of every weight, gradient and moment.

A pass that is learned from brings the weights of one block after another together, and lets them go again; all
processes make it at the same time, and their gradients are summed. Everything else (sampling, log-probabilities that
are only compared with) works on the whole model, which is put together before and let go when learning begins. So the
whole weights never stand beside gradients and activations, and only learning needs the processes in step.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from training.distributed import Processes
from training.frames import hand_out, places_of, without_weights

Result = TypeVar("Result")
Dtypes = Mapping[str, torch.dtype]
"""The precision in which each weight computes."""


class Slices:
    """This process's slices of a model's weights, and the model itself, `whole` while there is need for it."""

    def __init__(self, whole: PreTrainedModel, slices: Mapping[str, DTensor], dtypes: Dtypes, keeps: bool) -> None:
        """`whole` has no weights yet. Of what is gathered to be saved, the process that `keeps` it gets all."""
        self.whole = whole
        self._slices = dict(slices)
        self._dtypes = dtypes
        self._keeps = keeps
        self._places = [(*spot, name) for name, spots in places_of(whole).items() for spot in spots]
        self._empty = dict(whole.named_parameters())
        self._parameters: Mapping[str, nn.Parameter] = self._empty
        self._is_whole = False
        self._users = 0
        self._fetched: dict[str, Tensor] = {}

    def gather(self) -> None:
        """Put the model together, unless it is. All processes do at the same time, and release it at the same."""
        if not self._is_whole:
            with torch.no_grad():
                found = {name: whole_of(each, self._dtypes[name]) for name, each in self._slices.items()}
            self._put({name: nn.Parameter(value, requires_grad=False) for name, value in found.items()})
            self._is_whole = True

    def each_whole(self) -> Iterator[tuple[str, Tensor]]:
        """Every weight by name, put together one after the other; all processes go through them at the same time."""
        for name, each in self._slices.items():
            if self._is_whole:
                yield name, self._parameters[name].detach()
            else:
                yield name, whole_of(each.detach(), self._dtypes[name])

    def release(self) -> None:
        """Let the whole weights go."""
        self._put(self._empty)
        self._is_whole = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The model is whole until this ends; within another such, nothing more is gathered."""
        self._users += 1
        self.gather()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self.release()

    def frozen_copy(self) -> "Slices":
        """Slices of the same weights, that learn nothing."""
        slices = {name: cast(DTensor, each.detach().clone()) for name, each in self._slices.items()}
        return Slices(without_weights(self.whole), slices, self._dtypes, self._keeps)

    def take(self, other: "Slices") -> None:
        """Become equal to another's weights of now."""
        with torch.no_grad():
            for name, each in self._slices.items():
                each.copy_(other._slices[name])
        self.release()

    def state_dict(self) -> dict[str, Tensor]:
        """All weights in host memory, as the model names them; only in the process that keeps what is saved."""
        found = gathered(self._slices, self._keeps)
        weights = {}
        for module, attribute, name in self._places:
            weights[id(module), attribute] = found[name]
        if not self._keeps:
            return {}
        prefixes = {id(module): prefix for prefix, module in self.whole.named_modules()}
        named = {f"{prefixes[owner]}.{attribute}": value for (owner, attribute), value in weights.items()}
        return {name: named.get(name, value) for name, value in self.whole.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take whole weights, which every process has."""
        with torch.no_grad():
            for name, each in self._slices.items():
                each.copy_(sliced(state[name], each))
        self.release()

    def fetch(self) -> None:
        """Gather the weights to be saved."""
        self._fetched = self.state_dict()

    def save(self, folder: Path) -> None:
        """Write what was fetched as a Hugging Face folder, in the precision it is trained in."""
        without_weights(self.whole, torch.float32).save_pretrained(folder, state_dict=self._fetched)
        self._fetched = {}

    def _put(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = parameters
        for module, attribute, name in self._places:
            module._parameters[attribute] = parameters[name]


class ShardedModel(Slices):
    """Slices that are trained."""

    def __init__(
        self,
        model: PreTrainedModel,
        processes: Processes,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        precise: nn.Module | None = None,
    ) -> None:
        """Shares out the first process's `model`, whose place this takes; it may be in host memory.

        The others need no more than its frame. Learning passes compute in `dtype`, with the part `precise` in float32;
        weights and gradients' sums stay float32.
        """
        whole = without_weights(model)
        for module in whole.modules():
            for name, buffer in module._buffers.items():
                module._buffers[name] = buffer.to(device) if buffer is not None else None
        exact = {id(parameter) for parameter in precise.parameters()} if precise is not None else set()
        names = [(name, id(parameter)) for name, parameter in model.named_parameters()]
        dtypes = {name: torch.float32 if number in exact else dtype for name, number in names}
        self.trained: nn.Module = _share_out(model, processes, device, dtype, precise)
        super().__init__(whole, dict(self.trained.named_parameters()), dtypes, processes.is_first)  # type: ignore[arg-type]

    def learning(self, compute: Callable[[Any], Result]) -> Result:
        """What `compute` makes of the model in one pass with gradients; all processes make one at the same time."""
        self.release()
        result: Result = self.trained.compute(compute)  # type: ignore[operator]
        return result


def gathered(values: Any, keep: bool) -> Any:
    """Nested dicts and lists with every slice made whole, in host memory; without `keep` each is let go at once.

    All processes call it at the same time with the same structure.
    """
    if isinstance(values, DTensor):
        whole = whole_of(values.detach(), values.dtype)
        return whole.cpu() if keep else None
    if isinstance(values, dict):
        return {key: gathered(value, keep) for key, value in values.items()}
    if isinstance(values, list):
        return [gathered(value, keep) for value in values]
    return values


def whole_of(slice_: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor that this is a slice of, in another precision; all processes call it at the same time."""
    return cast(DTensor, slice_.to(dtype)).full_tensor()


def sliced(value: Tensor, like: DTensor) -> DTensor:
    """This process's slice of a whole tensor that every process has."""
    on_device = value.to(like.device)
    return distribute_tensor(on_device, like.device_mesh, like.placements, src_data_rank=None)


def _share_out(
    model: PreTrainedModel, processes: Processes, device: torch.device, dtype: torch.dtype, precise: nn.Module | None
) -> nn.Module:
    """FSDP2 on each block and on the rest; gradients are summed, since losses are weighted for the whole update.

    Each part is handed out and sliced before the next, so that only one is ever whole beside the first process's own.
    """
    mesh, places = init_device_mesh(device.type, (processes.count,)), places_of(model)
    mixed = dtype if dtype != torch.float32 else None
    policy = MixedPrecisionPolicy(param_dtype=mixed, reduce_dtype=torch.float32)
    parts = [*([] if precise is None else [precise]), *blocks_of(model), model]
    for part in parts:
        hand_out(part, places, processes, device)
        fully_shard(part, mesh=mesh, mp_policy=MixedPrecisionPolicy() if part is precise else policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    # Policies run bodies and heads apart from each other, and FSDP has to know of any such pass.
    model.compute = lambda compute: compute(model)
    register_fsdp_forward_method(model, "compute")
    return cast(nn.Module, model)


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """The transformer's blocks, which are brought together one at a time."""
    named = set(getattr(model, "_no_split_modules", None) or ())
    return [module for module in model.modules() if type(module).__name__ in named]
