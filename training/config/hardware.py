"""Where a run computes, and how precisely."""

from typing import Literal

from pydantic import Field

from training.config.base import Config
from training.config.engine import EngineConfig, TorchEngineConfig

MOST_PROCESSES = 1024


class HardwareConfig(Config):
    """Where and how precisely the run computes."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU when there is one."""

    gpu_kind: str = Field(default="", max_length=80)
    """Part of the name of the GPUs to run on, such as H100: only a machine with as many of them as there are processes
    takes the run, and it computes on no other. Empty: any."""

    processes: int = Field(default=1, ge=1, le=MOST_PROCESSES)
    """Training processes (torchrun); the result does not depend on it."""

    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads of each process; 0 shares the cores among the processes."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the trainer's passes; weights, gradients and moments stay float32, and the torch engine samples in
    float32, too."""

    attention: Literal["auto", "sdpa", "eager"] = "auto"
    """How padded passes attend, and models that the engine does not know; packed passes have an attention of their
    own. sdpa: torch's, which takes a flash kernel wherever there is one. eager: as matrices, written out. auto: sdpa
    where the model supports it."""

    gradient_checkpointing: bool = False
    """Keep only each layer's input for the way back, and run the layer again then. Saves most of the activations for a
    third more arithmetic in an update; changes no result. For models that would not fit; not for tiny ones."""

    compile: bool = False
    """Compile norms and MLPs (torch.compile). Pays on a GPU after some slow first steps, and changes results by
    rounding; where the compiler fails, the run goes on without it and says so."""

    sharding: Literal["none", "fsdp2"] = "none"
    """fsdp2: each process keeps and trains its slice of the weights, gradients and moments, of the reference too; all
    weights are together only while it samples, or nowhere where vLLM samples for GRPO or SRL with one update a step.
    none: each has all. With one process, or in float32, the result does not depend on it."""

    offload: Literal["none", "frozen"] = "none"
    """frozen: reference and reward model wait in host memory and are on the GPU only while they are asked, each once
    a phase. Saves their weights there for the time of moving them; changes no result, and nothing on a CPU."""

    engine: EngineConfig = TorchEngineConfig()
    """Where responses are sampled."""

    sampling_device: str = Field(default="same", pattern=r"^(same|cpu|cuda(:\d{1,3})?)$")
    """Where Espalier's own engine samples batches while others are learned from: same, cpu, cuda or a GPU, cuda:1.
    Without staleness, it shares the trainer's model and is always where that is."""

    @property
    def slices(self) -> int:
        """How many processes share the weights, each having a slice."""
        return self.processes if self.sharding == "fsdp2" else 1

    @property
    def offloads_frozen(self) -> bool:
        """Whether frozen models wait in host memory."""
        return self.offload == "frozen"
