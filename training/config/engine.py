"""Where responses are sampled: beside the trainer by Espalier's own engine or vLLM, or on a server."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible


class TorchEngineConfig(Config):
    """By Espalier's own engine, which shares the weights with the trainer: nothing to start, nothing to copy. On CPUs
    and for small models the fastest."""

    kind: Literal["torch"] = "torch"


class VllmEngineConfig(Config):
    """By vLLM in the trainer's process: on a GPU it gives its memory back while the weights are updated."""

    kind: Literal["vllm"] = "vllm"

    memory_share: float = Field(default=0.4, gt=0, le=0.95)
    """Of the device's memory that vLLM may take while it samples."""

    kv_cache_mib: int = Field(default=0, ge=0, le=10_000_000)
    """Memory for keys and values of responses, in MiB; 0 takes what its weights leave of its share."""

    context: int = Field(default=0, ge=0, le=10_000_000)
    """Longest prompt with its response, in tokens; 0 takes the model's own limit. Less needs less memory."""


class VllmServerConfig(Config):
    """By vLLM servers, one or several, started beforehand on this or other machines:
    `python -m training.sampling.vllm_launch FOLDER`, of a model of the same shape."""

    kind: Literal["vllm_server"] = "vllm_server"

    url: str = Field(default="http://127.0.0.1:8100", pattern=r"^https?://[^\s/]+/?( +https?://[^\s/]+/?)*$")
    """Its address; several, with spaces between them, share the work by what room each has."""

    transfer: Literal["files", "network"] = "files"
    """How new weights go there: through a folder that both machines share, or over the network, by NCCL between GPUs
    and by gloo otherwise. NCCL asks for GPUs of their own on both sides."""

    exchange: str = ""
    """The folder for files, under the same path on both machines; empty takes one of the run's."""

    patience_s: int = Field(default=300, ge=1, le=86_400)
    """Seconds to wait for a server that does not answer before the run gives up. Of several, those that answer go on
    without it, and it is asked again at every step."""

    @model_validator(mode="after")
    def _a_folder_is_for_files(self) -> Self:
        if self.exchange and self.transfer != "files":
            raise impossible("weights that go over the network need no folder", {"exchange": ""}, {"transfer": "files"})
        return self

    @property
    def urls(self) -> list[str]:
        """The addresses."""
        return self.url.split()


EngineConfig = Annotated[TorchEngineConfig | VllmEngineConfig | VllmServerConfig, Field(discriminator="kind")]
