"""LoRA (arXiv 2106.09685): narrow matrices beside those of a model, put in, switched off, exchanged, merged and saved.

peft puts them into the model's own modules, so the model stays what it is to everybody else: same class, same body,
same head. What is trained of an adapted model are its adapter and, of a classifier, its head.
"""

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.config.adapter import Adapter, LowRankAdapter
from training.errors import InputError
from training.quantised import is_quantised, quantise, whole_weight

FOLDER = "adapter"
"""Of a checkpoint: the adapter alone, as peft reads it."""
WEIGHTS_FILE = "adapter_model.safetensors"
NAME = "default"
"""What peft calls the only adapter there is."""
_PEFT_PREFIX = "base_model.model."
_DIGESTED = 64
"""Numbers of each matrix that tell base models apart."""


class LowRank(NamedTuple):
    """What an adapter adds to a linear layer: x Aᵀ Bᵀ."""

    down: Tensor
    """A: [rank, inputs]"""
    up: Tensor
    """B times its scaling: [outputs, rank]"""


def adapt(model: PreTrainedModel, config: Adapter, seed: int, device: torch.device | None = None) -> None:
    """Put an adapter that adds nothing yet into `model`, and freeze all else; without one, leave it alone.

    Where it comes to be held in 4 bits, it is on `device` afterwards, by default the one it was on.
    Raises InputError when the model has no such layers, or cannot be held in 4 bits here.
    """
    if not isinstance(config, LowRankAdapter):
        return
    from peft import LoraConfig, inject_adapter_in_model

    if config.kind == "qlora" and not is_quantised(model):
        quantise(model, device or model.device)
    targets = [name.strip() for name in config.targets.split(",")]
    of_peft = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # peft takes fractions, too
        lora_dropout=0.0,
        use_rslora=config.rslora,
        target_modules=config.targets.strip() if targets == ["all-linear"] else targets,
        task_type="SEQ_CLS" if is_classifier(model) else "CAUSAL_LM",
        base_model_name_or_path=model.config._name_or_path or None,
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers stored the other way round, which peft sees by itself
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(of_peft, model)
        except ValueError as error:
            raise InputError(f"no adapter can be put at adapter.targets “{config.targets}”: {error}") from error
    _refuse_ends(model, config)
    if is_classifier(model):
        model.score.requires_grad_(True)


def _refuse_ends(model: PreTrainedModel, config: LowRankAdapter) -> None:
    """Embedding and head often share their weights, and the packed forward takes them apart from the body."""
    body = {id(module) for module in model.base_model.modules() if not isinstance(module, nn.Embedding)}
    ends = [name for name, layer in adapted_layers(model).items()
            if id(layer) not in body or isinstance(layer.base_layer, nn.Embedding)]  # fmt: skip
    if ends:
        raise InputError(f"adapter.targets names {', '.join(ends)}; adapters belong on the linear layers of the body")


def is_classifier(model: PreTrainedModel) -> bool:
    """Whether it gives rewards or values, and no tokens."""
    return isinstance(getattr(model, "score", None), nn.Linear)


def is_adapted(model: nn.Module) -> bool:
    """Whether there is an adapter in it."""
    return any(hasattr(module, "lora_A") for module in model.modules())


def adapted_layers(model: nn.Module) -> dict[str, Any]:
    """peft's layers by name; each has its original in `base_layer`."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "lora_A")}


def base_layer(part: nn.Module) -> nn.Module:
    """The layer itself, or that beside which an adapter was put."""
    original: nn.Module = part.base_layer if hasattr(part, "lora_A") else part  # type: ignore[assignment]
    return original


def low_rank_of(part: Any) -> LowRank | None:
    """What an adapter adds to this layer now; None without one, or while it is switched off."""
    if not hasattr(part, "lora_A") or part.disable_adapters:
        return None
    return LowRank(part.lora_A[NAME].weight, part.lora_B[NAME].weight * part.scaling[NAME])


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """The weights that are trained, by name, not copied."""
    return {name: parameter.data for name, parameter in model.named_parameters() if parameter.requires_grad}


def load_trained_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Take other weights where they are trained. Raises InputError unless there is one for each."""
    trained = trained_state(model)
    if trained.keys() != state.keys() or any(trained[name].shape != state[name].shape for name in trained):
        raise InputError("the checkpoint was saved with another adapter; set adapter as it was, or begin a new run")
    for name, weights in trained.items():
        weights.copy_(state[name])


@contextmanager
def adapter_of(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Compute with other weights of the adapter for a while; with none, as though there were no adapter.

    No gradient may be under way.
    """
    layers = adapted_layers(model).values()
    own = {name: p for name, p in model.named_parameters() if name in weights}
    kept = {name: parameter.data for name, parameter in own.items()}
    for layer in () if weights else layers:
        layer.enable_adapters(False)
    for name, parameter in own.items():
        parameter.data = weights[name]
    try:
        yield
    finally:
        for name, parameter in own.items():
            parameter.data = kept[name]
        for layer in () if weights else layers:
            layer.enable_adapters(True)


def _base_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights of the model without its adapter, under the names they had before, made whole one after the other."""
    layers = adapted_layers(model)
    for name, weights in model.state_dict().items():
        if ".lora_" in name or ".base_layer.weight." in name:  # nor how 4 bits are read
            continue
        layer = layers.get(name.removesuffix(".base_layer.weight"))
        if layer is not None:
            whole = whole_weight(layer.base_layer.weight)
        else:
            whole = weights.float() if weights.is_floating_point() else weights
        yield name.replace(".base_layer.", "."), whole


@torch.no_grad()
def merged_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The weights of a model that does the same without an adapter, computed in float32, one after the other.

    So no second model need have room on the device.
    """
    layers = adapted_layers(model)
    for name, weights in _base_weights(model):
        layer = layers.get(name.removesuffix(".weight"))
        yield name, weights if layer is None else weights.float() + layer.get_delta_weight(NAME).float()


def _merged_on_host(model: nn.Module) -> dict[str, Tensor]:
    """The same in host memory, where tied weights are one tensor."""
    state = {name: weights.cpu() for name, weights in merged_weights(model)}
    first: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name in state:
            state[name] = state[first.setdefault(id(parameter), name)]
    return state


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """A Hugging Face folder that stands alone; of an adapted model the merged one, and the adapter by itself."""
    if not is_adapted(model):
        model.save_pretrained(folder)
        return
    model.save_pretrained(folder, state_dict=_merged_on_host(model))
    to = folder / FOLDER
    to.mkdir(parents=True, exist_ok=True)
    of_peft = model.peft_config[NAME]
    of_peft.modules_to_save = ["score"] if is_classifier(model) else None
    of_peft.target_modules = sorted(of_peft.target_modules)  # a set has no order of its own
    of_peft.save_pretrained(str(to))
    state = {_PEFT_PREFIX + name.replace(f".{NAME}", ""): w.contiguous() for name, w in trained_state(model).items()}
    save_file(state, to / WEIGHTS_FILE, {"format": "pt", "base": base_digest(model)})


def load_adapter(model: PreTrainedModel, checkpoint: Path) -> None:
    """Go on with the adapter that `save_model` wrote for this model.

    Raises InputError where there is none, or when the model it was trained beside has changed since.
    """
    path = checkpoint / FOLDER / WEIGHTS_FILE
    if not path.is_file():
        raise InputError(f"{checkpoint} holds no adapter: it was saved when all weights were trained")
    names = {_PEFT_PREFIX + name.replace(f".{NAME}", ""): name for name in trained_state(model)}
    with safe_open(path, framework="pt", device=str(model.device)) as file:
        if (file.metadata() or {}).get("base") != base_digest(model):
            raise InputError("the model that the adapter was trained beside has changed; begin a new run")
        state = {names.get(key, key): file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # is no mapping
    load_trained_state(model, state)


def base_digest(model: nn.Module) -> str:
    """Tells the frozen weights of models apart, by some of each."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            some = parameter.detach().flatten()[:_DIGESTED].float().cpu()
            digest.update(name.encode() + some.numpy().tobytes())
    return digest.hexdigest()
